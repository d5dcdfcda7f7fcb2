import re
from collections import Counter
from itertools import accumulate
from pathlib import Path

import pytest

from hmtl.corpora import GumCorpus
from hmtl.errors import DataError

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "gum"
GUM = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "gum"
HEADER = "# global.Entity = GRP-etype-infstat-salience-centering-minspan-link-identity\n"


def read(path) -> list:
    return list(GumCorpus().documents(str(path)))


def token(number: int, form: str, upos: str = "NOUN", head: int = 0, entity: str = "") -> str:
    misc = f"Bridge=1<2|Entity={entity}|SpaceAfter=No" if entity else "_"
    return "\t".join([str(number), form, form, upos, upos, "_", str(head), "dep", "_", misc]) + "\n"


def write(folder: Path, treebank: str, coref: str, name: str = "GUM_x") -> Path:
    for kind, suffix, text in (("dep", "conllu", treebank), ("coref", "conll", coref)):
        (folder / kind).mkdir(exist_ok=True)
        (folder / kind / f"{name}.{suffix}").write_text(text, encoding="utf-8")
    (folder / "train.txt").write_text(f"{name}\n\n")
    return folder / "train.txt"


def coref(*cells: str) -> str:
    rows = "".join(f"{number}\t{cell}\n" for number, cell in enumerate(cells))
    return f"# begin document \n{rows}# end document\n"


def opening(group: str, etype: str = "person", minspan: str = "1") -> str:
    return f"({group}-{etype}-giv:act-nnnnn-cf1*-{minspan}-coref-Some-One"


def texts(document, spans) -> list:
    return [(" ".join(document.tokens[span.start : span.end + 1]), span.label) for span in spans]


def test_the_training_fixture():
    first, second = read(FIXTURES / "train.txt")
    assert first.doc_key == "GUM_news_kettle"
    assert first.metadata == {
        "genre": "news",
        "title": "The kettle of Ada Brook",
        "labels": {"sentences": {"s_type": ["decl", "imp", "decl"]}, "document": {"genre": "news"}},
    }
    assert [len(sentence) for sentence in first.sentences] == [11, 1, 7]
    # The range 2-3 of the multiword token `didn't` is no token.
    assert first.sentences[2] == ["It", "did", "n’t", "please", "the", "aunt", "."]
    assert texts(first, first.spans["mentions"]) == [
        ("Ada Brook", "person"),
        ("the kettle of her aunt", "object"),
        ("her aunt", "person"),
        ("her", "person"),
        ("Leeds", "place"),
        ("It", "object"),
        ("the aunt", "person"),
    ]
    assert texts(first, first.spans["emd"]) == [
        ("Ada", "person"),
        ("kettle", "object"),
        ("her", "person"),
        ("aunt", "person"),
        ("Leeds", "place"),
        ("It", "object"),
        ("aunt", "person"),
    ]
    assert texts(first, first.spans["ner"]) == [("Ada Brook", "person"), ("Leeds", "place")]
    assert first.clusters == [[(0, 1), (6, 6)], [(3, 7), (12, 12)], [(6, 7), (16, 17)]]
    assert first.relations is None
    # The empty node 6.1 is no token; 'A tower by Marlow' has a common noun for its head.
    assert second.sentences[0] == ["A", "tower", "by", "Marlow", "was", "sold", "."]
    assert texts(second, second.spans["ner"]) == [("Marlow", "place")]
    assert second.clusters == []


def test_a_head_runs_from_the_first_to_the_last_minimal_token(tmp_path):
    treebank = HEADER + "".join(
        [
            token(1, "the", "DET", 4, opening("1", minspan="4,2")),
            token(2, "Duke", "PROPN", 0),
            token(3, "of", "ADP", 4),
            token(4, "York", "PROPN", 2, "1)"),
        ]
    )
    [document] = read(write(tmp_path, treebank, coref("the\t_", "Duke\t_", "of\t_", "York\t_")))
    assert document.spans == {"mentions": [(0, 3, "person")], "ner": [(0, 3, "person")], "emd": [(1, 3, "person")]}


def test_equal_heads_are_kept_once_and_nested_mentions_of_one_entity_close_from_the_inside(tmp_path):
    treebank = HEADER + "".join(
        [
            token(1, "Ann", "PROPN", 0, opening("1") + opening("1") + ")"),
            token(2, "herself", "PRON", 1, "1)"),
        ]
    )
    [document] = read(write(tmp_path, treebank, coref("Ann\t(1(2)", "herself\t1)")))
    assert document.spans["mentions"] == [(0, 1, "person"), (0, 0, "person")]
    assert document.spans["emd"] == [(0, 0, "person")]
    assert document.clusters == [[(0, 0)], [(0, 1)]]


def test_a_discontinuous_mention_is_taken_from_its_first_to_its_last_token(tmp_path):
    treebank = HEADER + "".join(
        [
            token(1, "Ann", "PROPN", 2, opening("7[1/2]", minspan="3") + ")"),
            token(2, "said", "VERB", 0),
            token(3, "Mrs", "NOUN", 4, opening("7[2/2]", minspan="3")),
            token(4, "Lee", "NOUN", 2, "7[2/2])"),
        ]
    )
    [document] = read(write(tmp_path, treebank, coref("Ann\t_", "said\t_", "Mrs\t_", "Lee\t_")))
    assert document.spans["mentions"] == [(0, 3, "person")]
    # Its tokens are Ann, Mrs and Lee: the third is Lee, and the first that depends on none of them is Ann.
    assert document.spans["emd"] == [(3, 3, "person")]
    assert document.spans["ner"] == [(0, 3, "person")]


def test_older_headers_with_fewer_fields_are_followed(tmp_path):
    header = "# global.Entity = GRP-etype-minspan\n"
    treebank = header + token(1, "A", "DET", 2, "(1-object-2") + token(2, "house", "NOUN", 0, "1)")
    [document] = read(write(tmp_path, treebank, coref("A\t_", "house\t_")))
    assert document.spans["emd"] == [(1, 1, "object")]


def test_vertical_bars_that_the_conversion_dropped_are_tolerated(tmp_path):
    treebank = HEADER + token(1, "|") + token(2, "a|b", head=1)
    [document] = read(write(tmp_path, treebank, coref("\t_", "ab\t_")))
    assert document.tokens == ["|", "a|b"]


GOOD = token(1, "Ann", "PROPN", 0, opening("1") + ")")


@pytest.mark.parametrize(
    "treebank, line, message",
    [
        ("1\tAnn\n", 2, "expected 10 columns separated by tabs, found 2"),
        (GOOD + token(3, "x"), 3, "expected token 2 with the number of its head, found '3' and '0'"),
        (GOOD.replace("\t0\tdep", "\t_\tdep"), 2, "expected token 1 with the number of its head, found '1' and '_'"),
        (token(1, "Ann", entity="1)"), 2, r"'1\)' closes a mention that is not open"),
        (token(1, "Ann", entity=opening("1")), 2, r"'\(1' is not closed in its sentence"),
        (
            GOOD + "\n" + token(1, "Bo", entity=opening("2")) + "\n" + token(1, "x", entity="2)"),
            4,
            r"'\(2' is not closed",
        ),
        (token(1, "Ann", entity="oops"), 2, "'Entity=oops' is no sequence"),
        (token(1, "Ann", entity="(1-person)"), 2, r"'\(1-person\)' has 2 fields; expected GRP-etype"),
        (token(1, "Ann", entity=opening("1", minspan="2") + ")"), 2, "minspan '2' of a mention of 1 tokens"),
        (token(1, "Ann", entity=opening("1", minspan="a") + ")"), 2, "minspan 'a' of a mention of 1 tokens"),
        (token(1, "Ann", entity=opening("1[1/2]") + ")"), 2, "the discontinuous mention '1' lacks its last part"),
    ],
)
def test_a_malformed_treebank_is_refused_with_its_place(treebank, line, message, tmp_path):
    path = write(tmp_path, HEADER + treebank, coref("Ann\t_"))
    with pytest.raises(DataError, match=message) as error:
        read(path)
    assert str(error.value).startswith(f"{tmp_path / 'dep' / 'GUM_x.conllu'}:{line}: ")


@pytest.mark.parametrize(
    "cells, place, message",
    [
        (["Bob\t_"], ":2", "expected the word 'Ann' of the treebank's line 2, found 'Bob'"),
        (["Ann"], ":2", "expected 3 columns separated by tabs, found 2"),
        (["Ann\t(1"], ":2", r"'\(1' is not closed in its sentence"),
        (["Ann\t1)"], ":2", r"'1\)' closes a mention that no row above opened"),
        (["Ann\t-1-"], ":2", "expected a coreference cell"),
        (["Ann\t_", "left\t_"], "", "expected the treebank's 1 tokens, found 2"),
        ([], "", "expected the treebank's 1 tokens, found 0"),
    ],
)
def test_a_malformed_coreference_file_is_refused_with_its_place(cells, place, message, tmp_path):
    path = write(tmp_path, HEADER + GOOD, coref(*cells))
    with pytest.raises(DataError, match=message) as error:
        read(path)
    assert str(error.value).startswith(f"{tmp_path / 'coref' / 'GUM_x.conll'}{place}: ")


def test_what_a_document_needs(tmp_path):
    path = write(tmp_path, GOOD, coref("Ann\t_"))
    with pytest.raises(DataError, match="the header '# global.Entity' must name the fields etype and minspan"):
        read(path)
    write(tmp_path, HEADER, coref())
    with pytest.raises(DataError, match="no sentences found; expected CoNLL-U"):
        read(path)
    (tmp_path / "coref" / "GUM_x.conll").unlink()
    with pytest.raises(DataError, match=r"train\.txt:1: document 'GUM_x' needs the file .*GUM_x\.conll, which"):
        read(path)
    with pytest.raises(DataError, match="expected a file that lists documents"):
        read(tmp_path)


def raw_layers(treebank: str) -> tuple:
    """The layers `mentions`, `ner` and `emd` as sets; the end of a mention is found by counting brackets ahead."""
    mentions, named, heads = set(), set(), set()
    first = 0
    for block in treebank.split("\n\n"):
        rows = [line.split("\t") for line in block.splitlines() if re.match(r"\d+\t", line)]
        # Each bracket as (position, group, the fields if it opens, how many mentions of the group it opens).
        brackets = []
        for position, row in enumerate(rows):
            for opens, group, fields, closes in re.findall(r"(\(?)(\d+)([^()|]*?)(?=[()|]|$)(\)?)", entity(row[9])):
                brackets.append((position, group, fields.split("-")[1:], bool(opens) - bool(closes), opens))
        for index, (start, group, fields, _, opens) in enumerate(brackets):
            if not opens:
                continue
            own = [(position, change) for position, other, _, change, _ in brackets[index:] if other == group]
            levels = accumulate(change for _, change in own)
            end = next(position for (position, _), level in zip(own, levels) if level == 0)
            inside = range(start + 1, end + 2)
            head = next(number for number in inside if int(rows[number - 1][6]) not in inside)
            span = (first + start, first + end, fields[0])
            mentions.add(span)
            if rows[head - 1][3] == "PROPN":
                named.add(span)
            minimal = [int(number) for number in fields[4].split(",")]
            heads.add((first + start + min(minimal) - 1, first + start + max(minimal) - 1, fields[0]))
        first += len(rows)
    return mentions, named, heads


def entity(misc: str) -> str:
    return "".join(item[len("Entity=") :] for item in misc.split("|") if item.startswith("Entity="))


@pytest.mark.skipif(not GUM.is_dir(), reason="GUM is absent")
@pytest.mark.parametrize("split, num_documents", [("train", 84), ("dev", 12), ("test", 12)])
def test_gum_against_counts_from_the_raw_columns(split, num_documents):
    documents = read(GUM / f"{split}.txt")
    assert len(documents) == num_documents
    for document in documents:
        treebank = (GUM / "dep" / f"{document.doc_key}.conllu").read_text("utf-8")
        words = re.findall(r"^\d+\t([^\t]*)\t", treebank, re.MULTILINE)
        assert document.tokens == words
        assert len(document.sentences) == treebank.count("# sent_id = ")
        # No mention of these documents is discontinuous, and none has the bounds and type of another.
        opened = re.findall(r"\(\d+-([a-z]+)-", " ".join(re.findall(r"Entity=(\S*)", treebank)))
        assert Counter(span.label for span in document.spans["mentions"]) == Counter(opened)
        for layer, expected in zip(("mentions", "ner", "emd"), raw_layers(treebank)):
            assert len(document.spans[layer]) == len(expected)
            assert set(document.spans[layer]) == expected
        coreference = (GUM / "coref" / f"{document.doc_key}.conll").read_text("utf-8")
        cells = re.findall(r"^\d+\t[^\t]*\t(.*)$", coreference, re.MULTILINE)
        groups = [group for cell in cells for group in re.findall(r"\((\d+)", cell)]
        assert len(document.clusters) == len(set(groups))
        assert sum(map(len, document.clusters)) == len(groups)

"""LitBank, on small files written by hand in the layouts of its repository and of the lists of its folds."""

from argparse import ArgumentParser
from pathlib import Path

import pytest

from hmtl.corpora import JsonlCorpus
from hmtl.corpora.preparation.prepare import prepare
from hmtl.corpora.preparation.source import Unit
from hmtl.corpora.preparation.sources.litbank_source import LitbankSource
from hmtl.corpora.validation import validate_corpus
from hmtl.document import Span
from hmtl.errors import DataError, UserError

# A word and four columns of tags; a tab ends each row.
ENTITIES = """\
The B-PER B-PER O O
Lord I-PER I-PER O O
of O I-PER O O
the B-FAC I-PER O O
manor I-FAC I-PER O O
slept O O O O

He O O O O
saw O O O O
London B-GPE O O O
. O O O O
""".replace(" ", "\t").replace("O\n", "O\t\n")
WORDS = [["The", "Lord", "of", "the", "manor", "slept"], ["He", "saw", "London", "."]]
COREFERENCE = ["(0", "", "", "(1", "1)|0)", "", "(0)", "", "(2)", ""]
NAME = "77_the_manor_brat"


def conll(cells: list = COREFERENCE, words: list = WORDS, name: str = NAME, empty: str = "") -> str:
    """Eight empty columns between the word and the brackets; where there are none, the last cell is empty."""
    remaining = iter(cells)
    rows = [
        "".join(
            "\t".join([name, "0", str(i), word, *"_" * 8, next(remaining) or empty]) + "\n" for i, word in enumerate(s)
        )
        for s in words
    ]
    return f"#begin document ({name}); part 0\n" + "\n".join(rows) + "\n#end document\n"


@pytest.fixture
def litbank(tmp_path) -> Path:
    """Three documents, and their lists of fold 3."""
    for folder in ("entities/tsv", "coref/conll", "folds/3"):
        (tmp_path / folder).mkdir(parents=True)
    for split, name in (("train", NAME), ("dev", "8_dev_brat"), ("test", "9_test_brat")):
        (tmp_path / "entities" / "tsv" / f"{name}.tsv").write_text(ENTITIES)
        (tmp_path / "coref" / "conll" / f"{name}.conll").write_text(conll(name=name))
        (tmp_path / "folds" / "3" / f"{split}.ids").write_text(f"{name}.tsv\n")
    return tmp_path


def source_of(litbank: Path, *arguments: str) -> LitbankSource:
    parser = ArgumentParser()
    LitbankSource.add_arguments(parser)
    given = ["--dir", str(litbank), "--split", str(litbank / "folds"), "--fold", "3", *arguments]
    return LitbankSource.from_arguments(parser.parse_args(given))


def converted(litbank: Path, *arguments: str):
    source = source_of(litbank, *arguments)
    return source.convert(source.splits()["train"][0])


def test_nested_entities_and_coreference(litbank):
    [document] = converted(litbank).documents
    assert (document.doc_key, document.sentences) == (NAME, WORDS)
    assert document.metadata == {"gutenberg_id": "77"}
    assert document.spans == {"ner": [Span(0, 4, "PER"), Span(0, 1, "PER"), Span(3, 4, "FAC"), Span(8, 8, "GPE")]}
    assert document.clusters == [[(0, 4), (6, 6)]]


def test_singletons_by_option(litbank):
    dropped = converted(litbank).dropped
    assert [(d.what, d.reason, d.detail) for d in dropped] == [
        ("cluster", "of fewer than two mentions", "[3, 4] 'the manor'"),
        ("cluster", "of fewer than two mentions", "[8, 8] 'London'"),
    ]
    kept = converted(litbank, "--singletons")
    assert kept.documents[0].clusters == [[(0, 4), (6, 6)], [(3, 4)], [(8, 8)]] and kept.dropped == []


def test_the_whole_corpus_with_and_without_singletons(litbank):
    kept, without = source_of(litbank, "--singletons").expected_in_all, source_of(litbank).expected_in_all
    assert (kept["clusters"], kept["mentions in clusters"]) == (7_927, 29_103)
    # 5,763 mentions are alone in their cluster: at least two are left of each other one.
    assert (without["clusters"], without["mentions in clusters"]) == (2_164, 23_340)
    assert {name: kept[name] for name in ("documents", "tokens", "ner")} == {
        "documents": 100,
        "tokens": 210_532,
        "ner": 13_912,
    }


def test_empty_cells_may_hold_an_underscore(litbank):
    before = converted(litbank).documents
    (litbank / "coref" / "conll" / f"{NAME}.conll").write_text(conll(empty="_"))
    assert converted(litbank).documents == before


def test_a_mention_that_leaves_its_sentence_is_dropped(litbank):
    cells = ["(0)", "", "", "(1", "", "", "(0)|1)", "", "", ""]
    (litbank / "coref" / "conll" / f"{NAME}.conll").write_text(conll(cells))
    result = converted(litbank)
    assert result.documents[0].clusters == [[(0, 0), (6, 6)]]
    assert [(d.what, d.reason) for d in result.dropped] == [("mention", "leaves its sentence")]


def test_a_fold_is_prepared(litbank):
    source = source_of(litbank)
    report = prepare(source, litbank / "out", jobs=2)
    assert all(part.found["documents"] == 1 and part.differing == [] for part in report.splits.values())
    assert report.to_json()["settings"]["fold"] == 3
    # Three documents are not the whole corpus, of which the figures are known.
    assert report.in_all.differing == ["documents", "tokens", "ner", "clusters", "mentions in clusters"]
    cells = [line.split() for line in report.text().splitlines()]
    assert ["tokens", "10", "10", "10", "30", "210,532", "!"] in cells
    assert ["ner", "4", "4", "4", "12", "13,912", "!"] in cells
    [document] = JsonlCorpus().documents(litbank / "out" / "train.jsonl")
    assert [document] == source.convert(source.splits()["train"][0]).documents
    assert [problem.kind for problem in validate_corpus([litbank / "out" / "train.jsonl"]).errors] == []


@pytest.mark.parametrize(
    "entities, coreference, message",
    [
        (ENTITIES.replace("slept\tO", "slept\tB-"), None, r"\.tsv:6: expected a tag such as .* found 'B-'"),
        (ENTITIES.replace("slept\tO", "slept\tX"), None, r"\.tsv:6: expected a tag such as .* found 'X'"),
        (ENTITIES.replace("of\tO", "of"), None, r"\.tsv:3: expected 5 columns as in the row above, .* found 4"),
        ("", None, r"\.tsv: no tokens found"),
        (None, conll().replace("London", "Paris"), r"\.conll:11: expected 'London' as in entities/tsv, found 'Paris'"),
        (None, conll(words=[WORDS[0]]), r"\.conll: expected the 10 tokens of entities/tsv, found 6"),
        (ENTITIES.replace(".\tO\tO\tO\tO\t\n", ""), None, r"expected no more tokens as in entities/tsv, found '\.'"),
        (None, conll(["(0"] + [""] * 9), r"\.conll:2: unbalanced brackets"),
        (None, conll().replace("_\t_\t", ""), r"\.conll:2: expected 12 or 13 columns, found 5"),
    ],
)
def test_broken_files(litbank, entities, coreference, message):
    if entities is not None:
        (litbank / "entities" / "tsv" / f"{NAME}.tsv").write_text(entities)
    if coreference is not None:
        (litbank / "coref" / "conll" / f"{NAME}.conll").write_text(coreference)
    with pytest.raises(DataError, match=message):
        converted(litbank)


def test_wrong_directories(litbank, tmp_path):
    with pytest.raises(UserError, match="train.ids: no such file; --split takes data/litbank_tenfold_splits"):
        LitbankSource(litbank, litbank / "folds", fold=4)
    with pytest.raises(UserError, match="expected LitBank's repository, with a directory 'entities/tsv'"):
        parser = ArgumentParser()
        LitbankSource.add_arguments(parser)
        LitbankSource.from_arguments(parser.parse_args(["--dir", str(tmp_path / "folds"), "--split", "x"]))
    assert source_of(litbank).splits()["dev"] == [
        Unit("8_dev_brat", (litbank / "entities/tsv/8_dev_brat.tsv", litbank / "coref/conll/8_dev_brat.conll"))
    ]

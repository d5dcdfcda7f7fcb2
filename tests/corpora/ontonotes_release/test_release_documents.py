import random
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from hmtl.corpora import OntonotesCorpus
from hmtl.corpora.ontonotes_release import Loss, ReleaseOptions, fill_in_words, read_release
from hmtl.document import Span
from hmtl.errors import DataError

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "ontonotes_release"
ANNOTATIONS = FIXTURES / "ldc" / "data" / "files" / "data" / "english" / "annotations"
COLUMNS = FIXTURES / "conll-2012" / "v4" / "data"
DOCUMENTS = ("bc/tiny/00/tiny_0001", "nw/tiny/00/tiny_0002", "tc/tiny/00/tiny_0003")


def columns_of(document_id: str) -> list:
    [file] = COLUMNS.glob(f"*/data/english/annotations/{document_id}.v4_gold_conll")
    return list(OntonotesCorpus().documents(str(file)))


def write(folder: Path, parse: str, name: str = None, coref: str = None, speaker: str = None) -> Path:
    stem = folder / "tiny_0001"
    for kind, text in (("parse", parse), ("speaker", speaker)):
        if text is not None:
            stem.with_suffix(f".{kind}").write_text(text, encoding="utf-8")
    for kind, text in (("name", name), ("coref", coref)):
        if text is not None:
            stem.with_suffix(f".{kind}").write_text(f'<DOC DOCNO="x">\n{text}\n</DOC>\n', encoding="utf-8")
    return stem


def part(*lines: str, number: str = "000") -> str:
    body = "\n".join(lines)
    return f'<TEXT PARTNO="{number}">\n{body}\n</TEXT>'


def flat(*words: str) -> str:
    """A tree; `*` begins a trace, `~` a disfluency."""
    leaves = [
        f"(-NONE- {word})" if word[0] == "*" else f"(EDITED (X {word[1:]}))" if word[0] == "~" else f"(X {word})"
        for word in words
    ]
    return f"(TOP {' '.join(leaves)})\n\n"


@pytest.mark.parametrize("document_id", DOCUMENTS)
def test_the_release_gives_the_documents_of_the_columns(document_id):
    documents, _ = read_release(ANNOTATIONS / document_id, document_id)
    assert documents == columns_of(document_id)


def test_the_longest_document_in_full():
    (first, second), losses = read_release(ANNOTATIONS / DOCUMENTS[0], DOCUMENTS[0])
    assert [document.doc_key for document in (first, second)] == [f"{DOCUMENTS[0]}_000", f"{DOCUMENTS[0]}_001"]
    assert [" ".join(sentence) for sentence in first.sentences] == [
        "Mara Lindqvist , the harbour master , wants to rest /.",
        "nullp",
        "she runs the Oslo-based firm -LRB- Port & Sons -RRB- she built /?",
        "Yes , the harbour helps Oslo and it /.",
    ]
    tokens = first.tokens
    texts = [[" ".join(tokens[start : end + 1]) for start, end in cluster] for cluster in first.clusters]
    assert texts == [
        ["Mara Lindqvist , the harbour master ,", "she", "she"],
        ["harbour", "the harbour"],
        ["the Oslo-based firm -LRB- Port & Sons -RRB- she built", "it"],
        ["Oslo-based", "Oslo"],
    ]
    names = [(" ".join(tokens[start : end + 1]), label) for start, end, label in first.spans["ner"]]
    assert names == [("Mara Lindqvist", "PERSON"), ("Oslo-based", "GPE"), ("Port & Sons", "ORG"), ("Oslo", "GPE")]
    assert [set(speakers) for speakers in first.metadata["speakers"]] == [{"mara_lindqvist"}] * 2 + [{"tuomas"}, {"-"}]
    assert second.metadata["speakers"] == [["mara_lindqvist,tuomas"] * 5]
    assert second.clusters == [[(0, 0), (2, 2)]]
    counts = Counter((loss.document[-3:], loss.what, loss.reason) for loss in losses)
    assert counts == {
        ("000", "mention", "apposition"): 2,
        ("000", "mention", "covers only traces"): 2,
        ("000", "mention", "covers only disfluencies"): 1,
        ("001", "cluster", "only one mention"): 1,
    }
    assert Loss(f"{DOCUMENTS[0]}_000", "mention", "covers only traces", "IDENT 000-4 '*T*-3'") in losses


def test_a_missing_file_leaves_its_layer_absent(tmp_path):
    [document], losses = read_release(write(tmp_path, flat("tea", "*T*-1")), "nw/x")
    assert (document.doc_key, document.spans, document.clusters, document.metadata) == ("nw/x_000", {}, None, {})
    assert losses == []
    [document], _ = read_release(write(tmp_path, flat("tea"), name="tea", coref=part("tea")), "nw/x")
    assert (document.spans, document.clusters) == ({"ner": []}, [])


def test_options(tmp_path):
    stem = write(
        tmp_path,
        flat("~Tea", "~um", "tea", "/.") + flat("~so"),
        coref=part(
            '<COREF ID="1" TYPE="IDENT">Tea um tea</COREF> .',
            '<COREF ID="2" TYPE="APPOS" SUBTYPE="HEAD">so</COREF>',
        ),
    )

    def read(**options) -> tuple:
        [document], losses = read_release(stem, "x", ReleaseOptions(**options))
        return document.sentences, document.clusters, Counter(loss.reason for loss in losses)

    assert read() == ([["tea", "/."], ["nullp"]], [], {"only one mention": 1, "apposition": 1})
    assert read(unescape=True)[0] == [["tea", "."], ["nullp"]]
    sentences, clusters, losses = read(keep_disfluencies=True, keep_single_mentions=True, keep_appositions=True)
    assert sentences == [["Tea", "um", "tea", "/."], ["so"]]
    assert (clusters, losses) == ([[(0, 2)], [(4, 4)]], {})
    # Its only mention is a disfluency.
    assert read(keep_appositions=True)[2] == {
        "only one mention": 1,
        "covers only disfluencies": 1,
        "no mention left": 1,
    }


def test_chains_of_one_number_in_two_parts_or_of_two_types_stay_apart(tmp_path):
    line = '<COREF ID="1" TYPE="IDENT">a</COREF> <COREF ID="1" TYPE="IDENT">b</COREF>'
    appositions = '<COREF ID="1" TYPE="APPOS">a</COREF> <COREF ID="1" TYPE="APPOS">b</COREF>'
    coref = part(line, appositions) + "\n" + part(line, number="001-002")
    stem = write(tmp_path, flat("a", "b") * 3, coref=coref)
    documents, _ = read_release(stem, "x", ReleaseOptions(keep_appositions=True))
    assert [document.doc_key for document in documents] == ["x_000", "x_001"]
    assert [document.clusters for document in documents] == [[[(0, 0), (1, 1)], [(2, 2), (3, 3)]], [[(0, 0), (1, 1)]]]


def test_mentions_that_become_the_same_are_kept_once(tmp_path):
    coref = (
        '<COREF ID="1" TYPE="IDENT"><COREF ID="1" TYPE="IDENT">tea</COREF> *T*</COREF> <COREF ID="1" '
        'TYPE="IDENT">it</COREF>'
    )
    [document], losses = read_release(write(tmp_path, flat("tea", "*T*", "it"), coref=part(coref)), "x")
    assert document.clusters == [[(0, 0), (1, 1)]]
    assert [loss.reason for loss in losses] == ["repeats a mention of its chain"]


def test_types_of_names(tmp_path):
    name = (
        '<NUMEX TYPE="CARDINAL">two</NUMEX> <ENAMEX TYPE="ORGANIZATION:CORPORATION">ABC</ENAMEX> <ENAMEX '
        'TYPE="PER_DESC">chief</ENAMEX> <ENAMEX TYPE="GPE" E_OFF="4"><ENAMEX TYPE="GPE" S_OFF="5">U.S.-Oslo</ENAMEX>'
        "</ENAMEX>"
    )
    [document], losses = read_release(write(tmp_path, flat("two", "ABC", "chief", "U.S.-Oslo"), name), "x")
    assert document.spans["ner"] == [Span(0, 0, "CARDINAL"), Span(1, 1, "ORG"), Span(3, 3, "GPE")]
    assert [(loss.reason, loss.detail) for loss in losses] == [
        ("name of an unknown type", "PER_DESC 'chief'"),
        ("repeats a name of the same tokens", "GPE 'U.S.-Oslo'"),
    ]


def test_a_tree_of_traces_is_no_sentence_and_shifts_nothing(tmp_path):
    stem = write(
        tmp_path,
        flat("a") + flat("*pro*", "*") + flat("b"),
        name='a\n\n<ENAMEX TYPE="GPE">b</ENAMEX>',
        coref=part('<COREF ID="1" TYPE="IDENT">a</COREF>', "*pro* *", '<COREF ID="1" TYPE="IDENT">b</COREF>'),
        speaker="0 1 ann f n\n0 1 bob m n\n0 1 cy f n\n",
    )
    [document], _ = read_release(stem, "x")
    assert document.sentences == [["a"], ["b"]]
    assert document.spans["ner"] == [Span(1, 1, "GPE")]
    assert document.clusters == [[(0, 0), (1, 1)]]
    assert document.metadata == {"speakers": [["ann"], ["cy"]]}


def test_files_with_the_traces_of_the_other_kind(tmp_path):
    """Names over traces, and coreference without them."""
    stem = write(
        tmp_path,
        flat("a", "*T*-1", "b", "c"),
        name='a *T*-1 <ENAMEX TYPE="GPE">b</ENAMEX> c',
        coref=part('<COREF ID="1" TYPE="IDENT">a</COREF> <COREF ID="1" TYPE="IDENT">b c</COREF>'),
    )
    [document], _ = read_release(stem, "x")
    assert document.spans["ner"] == [Span(1, 1, "GPE")]
    assert document.clusters == [[(0, 0), (1, 2)]]


@pytest.mark.parametrize(
    "files, place, message",
    [
        ({"name": "a"}, "name:2", "1 tokens 'a', but the tree on line 1 of the '.parse' file has 2 tokens 'a b'"),
        ({"name": "a b"}, "name", "1 sentences, but the '.parse' file has 2 trees"),
        ({"name": "a b\nc d\ne f"}, "name", "3 sentences, but the '.parse' file has 2 trees"),
        ({"name": "c d\na b"}, "name:2", "2 tokens 'c d', but the tree on line 1"),
        ({"name": "<ENAMEX>a b\nc d"}, "name:2", "'<ENAMEX>' is not closed in its sentence"),
        ({"name": '<ENAMEX S_OFF="1">a b</ENAMEX>\nc d'}, "name:2", "a name without TYPE"),
        ({"name": 'a b <ENAMEX TYPE="GPE"> </ENAMEX>\nc d'}, "name:2", "a name of type 'GPE' covers no token"),
        ({"name": 'a <COREF ID="1">b</COREF>\nc d'}, "name:2", "unknown tag"),
        ({"coref": part("a b c", "c d")}, "coref:3", "3 tokens 'a b c', but the tree on line 1"),
        ({"coref": part('<COREF ID="1">a b</COREF>', "c d")}, "coref:3", "a mention without TYPE"),
        ({"coref": part('<COREF TYPE="IDENT">a b</COREF>', "c d")}, "coref:3", "a mention without ID"),
        ({"coref": part('<COREF ID="1" TYPE="IDENT">a b', "c d")}, "coref:3", "is not closed in its sentence"),
        ({"coref": part('a <COREF ID="1" TYPE="IDENT"></COREF>b', "c d")}, "coref:3", "covers no token"),
        ({"coref": part("a b", "c d", number="first")}, "coref:3", "expected a number of a part, such as '000'"),
        ({"coref": part("a b") + "\n" + part("c d")}, "coref", None),
        ({"speaker": "0 1 ann f n\n"}, "speaker", "1 speakers for 2 trees; expected one line a tree"),
        ({"speaker": "0 1 ann f n\n0 1\n"}, "speaker:2", "expected start, stop and name of a speaker, found '0 1'"),
    ],
)
def test_files_that_do_not_fit_are_refused_with_their_place(files, place, message, tmp_path):
    stem = write(tmp_path, flat("a", "b") + flat("c", "d"), **files)
    if message is None:
        # Two pieces of one part in a row are one part.
        assert [document.doc_key for document in read_release(stem, "x")[0]] == ["x_000"]
        return
    with pytest.raises(DataError) as error:
        read_release(stem, "x")
    assert message in str(error.value)
    assert str(error.value).startswith(f"{tmp_path}/tiny_0001.{place}: ")


def test_a_part_in_two_places_is_refused(tmp_path):
    coref = "\n".join([part("a"), part("a", number="001"), part("a")])
    with pytest.raises(DataError, match=r"tiny_0001.coref: part 000 occurs twice"):
        read_release(write(tmp_path, flat("a") * 3, coref=coref), "x")


@pytest.mark.parametrize("kind, text", [("name", b"caf\xe9"), ("coref", b'<TEXT PARTNO="000">\ncaf\xe9')])
def test_another_encoding_is_refused_with_its_line(kind, text, tmp_path):
    stem = write(tmp_path, flat("caf\u00e9"))
    stem.with_suffix(f".{kind}").write_bytes(b"<DOC>\n" + text + b"\n")
    with pytest.raises(DataError, match=rf"tiny_0001.{kind}:{2 + text.count(10)}: not valid UTF-8"):
        read_release(stem, "x")


def test_a_skeleton_gets_the_words_of_the_release(tmp_path):
    document_id = DOCUMENTS[0]
    [source] = COLUMNS.glob(f"*/data/english/annotations/{document_id}.v4_gold_conll")
    skeleton = tmp_path / "a.v4_gold_skel"
    rows = [line.split() for line in source.read_text().splitlines()]
    skeleton.write_text(
        "\n".join(" ".join(r) if len(r) < 12 else " ".join([*r[:3], "[WORD]", *r[4:]]) for r in rows) + "\n"
    )
    blank = list(OntonotesCorpus().parse(skeleton))
    assert {token for document in blank for token in document.tokens} == {"[WORD]"}
    parse_file = ANNOTATIONS / f"{document_id}.parse"
    assert list(fill_in_words(blank, skeleton, parse_file)) == columns_of(document_id)

    with pytest.raises(DataError, match="a.v4_gold_skel: 4 sentences, but '.*' has 5 trees with words"):
        list(fill_in_words(blank[:1], skeleton, parse_file))
    blank[0].sentences[0].append("[WORD]")
    with pytest.raises(DataError, match="sentence 0 has 12 words, but the tree on line 1 of '.*' has 11"):
        list(fill_in_words(blank, skeleton, parse_file))


@pytest.mark.parametrize("seed", range(30))
def test_random_documents_are_equal_in_both_formats(seed, tmp_path):
    """A random annotation is written in the files of the release and, by simple counting, as columns."""
    generator = random.Random(seed)
    sentences = [_random_sentence(generator) for _ in range(generator.randint(1, 8))]
    cut = generator.randint(0, len(sentences) - 1)
    parts = [(f"{n:03}", s) for n, s in enumerate(filter(None, [sentences[:cut], sentences[cut:]]))]
    stem = write(
        tmp_path,
        "".join(flat(*(mark + word for mark, word in sentence["leaves"])) for sentence in sentences),
        name="\n".join(_tagged(sentence, "names", with_traces=False) for sentence in sentences),
        coref="\n".join(part(*(_tagged(s, "mentions") for s in group), number=number) for number, group in parts),
        speaker="".join(f"0 1 {sentence['speaker']} f n\n" for sentence in sentences),
    )
    columns = tmp_path / "a.v4_gold_conll"
    columns.write_text("".join(_columns(number, group) for number, group in parts))
    assert read_release(stem, "nw/x")[0] == list(OntonotesCorpus().documents(str(columns)))


def _random_sentence(generator: random.Random) -> dict:
    """Leaves are `(mark, word)` with the marks of `flat`; mentions and names are `(start, end, label)`, nested."""
    marks = generator.choices(["", "*", "~"], weights=[6, 2, 2], k=generator.randint(1, 12))
    if set(marks) == {"*"}:
        marks.append("")
    words = ["-LRB-", "&", "/.", "\u00e6sir", "a-b", "2"]
    leaves = [(mark, "T*-1" if mark == "*" else generator.choice(words)) for mark in marks]
    mentions: list = []
    for _ in range(generator.randint(0, 6)):
        start = generator.randrange(len(leaves))
        end = generator.randrange(start, len(leaves))
        # Neither crossing another one nor, which files can tell in one order only, of its bounds.
        if all((end < s or e < start or s <= start <= end <= e or start <= s <= e <= end) for s, e, _ in mentions):
            mentions.append((start, end, generator.randint(1, 3)))
    named = [mention for mention in mentions if any(leaves[i][0] != "*" for i in range(mention[0], mention[1] + 1))]
    names = [(start, end, "GPE") for start, end, _ in named[:1]]
    return {"leaves": leaves, "mentions": mentions, "names": names, "speaker": generator.choice(["ann", "-"])}


def _tagged(sentence: dict, layer: str, with_traces: bool = True) -> str:
    pieces = []
    spans = sentence[layer]
    kept = [i for i, (mark, _) in enumerate(sentence["leaves"]) if with_traces or mark != "*"]
    if not with_traces:
        inside = [[i for i in kept if start <= i <= end] for start, end, _ in spans]
        spans = [(numbers[0], numbers[-1], label) for numbers, (_, _, label) in zip(inside, spans)]
    for i in kept:
        mark, word = sentence["leaves"][i]
        opening = "".join(
            f'<ENAMEX TYPE="{label}">' if layer == "names" else f'<COREF ID="{label}" TYPE="IDENT">'
            for start, end, label in sorted(spans, key=lambda span: -span[1])
            if start == i
        )
        closing = ("</ENAMEX>" if layer == "names" else "</COREF>") * sum(end == i for _, end, _ in spans)
        pieces.append(opening + ("*" if mark == "*" else "") + word.replace("&", "-AMP-") + closing)
    return " ".join(pieces)


def _columns(number: str, sentences: list) -> str:
    chains = defaultdict(set)
    texts = []
    for index, sentence in enumerate(sentences):
        kept = [i for i, (mark, _) in enumerate(sentence["leaves"]) if mark == ""]
        texts.append([sentence["leaves"][i][1] for i in kept] or ["nullp"])
        for start, end, chain in sentence["mentions"]:
            positions = [position for position, i in enumerate(kept) if start <= i <= end]
            if positions:
                chains[chain].add((index, positions[0], positions[-1]))
    lines = [f"#begin document (nw/x); part {number}"]
    for index, (sentence, text) in enumerate(zip(sentences, texts)):
        kept = [i for i, (mark, _) in enumerate(sentence["leaves"]) if mark == ""]
        named = [[p for p, i in enumerate(kept) if start <= i <= end] for start, end, _ in sentence["names"]]
        for position, word in enumerate(text):
            entity = "*"
            for positions in filter(None, named):
                entity = "(GPE" * (position == positions[0]) + "*" + ")" * (position == positions[-1])
            brackets = []
            for chain, found in chains.items():
                for where, start, end in found:
                    if len(found) > 1 and where == index and position in (start, end):
                        brackets.append("(" * (position == start) + str(chain) + ")" * (position == end))
            row = ["nw/x", "0", str(position), word, *"------", entity, "|".join(brackets) or "-"]
            row[9] = sentence["speaker"]
            lines.append(" ".join(row))
        lines.append("")
    return "\n".join([*lines, "#end document", ""])

import random
import re
from pathlib import Path

import pytest
from allennlp.data.dataset_readers.dataset_utils.span_utils import (
    bio_tags_to_spans,
    bioul_tags_to_spans,
    iob1_tags_to_spans,
    to_bioul,
)

from hmtl.corpora import Conll2003Corpus
from hmtl.corpora.conll2003 import spans_of_tags
from hmtl.document import Span
from hmtl.errors import ConfigurationError, DataError

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "conll2003"
WNUT17 = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "wnut17"


def read(path, **options) -> list:
    return list(Conll2003Corpus(**options).documents(str(path)))


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def triples(spans) -> list:
    return sorted((label, (start, end)) for start, end, label in spans)


def bio_tags(seed: int) -> list:
    """Random valid BIO tags, many spans side by side."""
    generator = random.Random(seed)
    tags = []
    while len(tags) < 12:
        label = generator.choice(["PER", "LOC", "creative-work", "O"])
        length = generator.randint(1, 3)
        tags += ["O"] * length if label == "O" else [f"B-{label}"] + [f"I-{label}"] * (length - 1)
    return tags


@pytest.mark.parametrize("seed", range(40))
def test_all_schemes_give_the_same_spans(seed):
    bio = bio_tags(seed)
    expected = sorted(bio_tags_to_spans(bio))
    bioul = to_bioul(bio, encoding="BIO")
    assert sorted(bioul_tags_to_spans(bioul)) == expected
    bioes = [{"U": "S", "L": "E"}.get(tag[0], tag[0]) + tag[1:] for tag in bioul]
    # IOB1 writes `B-` only where a span follows another of its label.
    iob1 = [
        "I" + tag[1:] if tag[0] == "B" and (position == 0 or bio[position - 1][2:] != tag[2:]) else tag
        for position, tag in enumerate(bio)
    ]
    assert sorted(iob1_tags_to_spans(iob1)) == expected
    for tags in (bio, bioul, bioes, iob1):
        assert triples(spans_of_tags(tags)) == expected


@pytest.mark.parametrize(
    "tags, expected",
    [
        ("I-A I-B I-B O I-A", [(0, 0, "A"), (1, 2, "B"), (4, 4, "A")]),
        ("E-A I-A E-A", [(0, 0, "A"), (1, 2, "A")]),
        ("S-A I-A", [(0, 0, "A"), (1, 1, "A")]),
        ("B-A E-B", [(0, 0, "A"), (1, 1, "B")]),
        ("O I-A B-A", [(1, 1, "A"), (2, 2, "A")]),
    ],
)
def test_sequences_that_follow_no_scheme(tags, expected):
    assert spans_of_tags(tags.split()) == expected


def test_the_fixtures():
    first, second = read(FIXTURES / "train.txt")
    assert (first.doc_key, second.doc_key) == ("train.txt_0", "train.txt_1")
    assert [len(sentence) for sentence in first.sentences] == [13, 8, 1, 10]
    assert first.spans == {
        "ner": [(0, 1, "PER"), (6, 6, "LOC"), (11, 11, "PER"), (16, 17, "ORG"), (19, 19, "LOC"), (28, 28, "LOC")]
    }
    assert (first.relations, first.clusters) == (None, None)
    [bio], [bioes] = read(FIXTURES / "dev.txt"), read(FIXTURES / "test.txt")
    assert bio.spans["ner"] == [(0, 1, "PER"), (6, 6, "LOC"), (10, 11, "ORG"), (16, 16, "LOC"), (23, 23, "MISC")]
    assert bioes.spans["ner"] == [(0, 1, "PER"), (6, 6, "LOC"), (8, 8, "MISC"), (12, 13, "ORG"), (18, 18, "LOC")]


def test_another_column_can_hold_the_tags(tmp_path):
    file = write(tmp_path / "a.txt", "Ann NNP B-NP I-PER\nleft VBD B-VP O\n")
    [document] = read(file, tag_column=2)
    assert document.spans["ner"] == [(0, 0, "NP"), (1, 1, "VP")]


def test_documents_are_split_and_empty_ones_skipped(tmp_path):
    file = write(
        tmp_path / "eng.testa", "a O\n\n-DOCSTART- -X- O O\n\nb O\n-DOCSTART- O\n-DOCSTART- O\n\n#c O\n\n\nd O\n"
    )
    documents = [(document.doc_key, document.sentences) for document in read(file)]
    assert documents == [("eng.testa_0", [["a"]]), ("eng.testa_1", [["b"]]), ("eng.testa_2", [["#c"], ["d"]])]


def test_a_file_without_document_rows_is_one_document(tmp_path):
    file = write(tmp_path / "x.conll", "a\tO\n\t\nb\tB-creative-work\n")
    [document] = read(file)
    assert (document.doc_key, document.sentences) == ("x.conll", [["a"], ["b"]])
    assert document.spans["ner"] == [(1, 1, "creative-work")]


@pytest.mark.parametrize(
    "text, options, line, message",
    [
        ("a NN O\nb O\n", {}, 2, "expected 3 columns as in the rows above, found 2"),
        ("a NN O\n\nb NN\n", {}, 3, "expected 3 columns as in the rows above, found 2"),
        ("word\n", {}, 1, "expected a word in column 0 and a tag in column -1, found 1 columns"),
        ("a NN O\n", {"tag_column": 3}, 1, "a tag in column 3, found 3 columns"),
        ("a NN O\n", {"tag_column": 0}, 1, "a tag in column 0"),
        ("a NN O\n", {"tag_column": -3}, 1, "a tag in column -3"),
        ("a O\nb PER\n", {}, 2, "expected a tag such as 'O', 'B-PER' or 'I-PER', found 'PER'"),
        ("a B-\n", {}, 1, "found 'B-'"),
        ("a X-PER\n", {}, 1, "found 'X-PER'"),
        ("a O-PER\n", {}, 1, "found 'O-PER'"),
    ],
)
def test_a_malformed_file_is_refused_with_its_place(text, options, line, message, tmp_path):
    file = write(tmp_path / "a.txt", text)
    with pytest.raises(DataError, match=message) as error:
        read(file, **options)
    assert str(error.value).startswith(f"{file}:{line}: ")


def test_a_directory_is_refused(tmp_path):
    with pytest.raises(DataError, match="expected a file, found a directory"):
        read(tmp_path)


@pytest.mark.skipif(not WNUT17.is_dir(), reason="the WNUT-17 files are absent")
@pytest.mark.parametrize("name", ["wnut17train.conll", "emerging.dev.conll"])
def test_wnut17(name):
    """Counted in the raw text: blocks of rows are sentences, and each `B-` is an entity, the files being valid BIO."""
    text = (WNUT17 / name).read_text("utf-8")
    blocks = [[]]
    for line in text.split("\n"):
        if line.strip():
            blocks[-1].append(line.split("\t"))
        elif blocks[-1]:
            blocks.append([])
    blocks = [block for block in blocks if block]
    [document] = read(WNUT17 / name)
    assert document.sentences == [[word for word, _ in block] for block in blocks]
    assert len(document.spans["ner"]) == text.count("\tB-") > 800
    inside = sum(span.end - span.start for span in document.spans["ner"])
    assert inside == text.count("\tI-")
    assert {span.label for span in document.spans["ner"]} == {
        "corporation",
        "creative-work",
        "group",
        "location",
        "person",
        "product",
    }


NUMBERED = "1 Ada NNP B-PER\n2 slept VBD O\n\n1 Oslo NNP B-LOC\n\n1 She PRP O\n2 met VBD O\n3 Bo NNP B-PER\n"


def test_words_in_another_column(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text(NUMBERED)
    for column in (1, -3):
        [document] = read(file, word_column=column)
        assert document.sentences == [["Ada", "slept"], ["Oslo"], ["She", "met", "Bo"]]
        assert document.spans["ner"] == [Span(0, 0, "PER"), Span(2, 2, "LOC"), Span(5, 5, "PER")]


@pytest.mark.parametrize("first", [0, 1])
def test_numbers_in_place_of_words_are_refused(tmp_path, first):
    file = tmp_path / "a.txt"
    file.write_text(re.sub(r"^\d", lambda number: str(int(number[0]) - 1 + first), NUMBERED, flags=re.M))
    with pytest.raises(DataError, match=r"a\.txt:1: column 0 counts the tokens .*\"word_column\": 1"):
        read(file)


@pytest.mark.parametrize("words", ["1\n\n1", "1 2 4", "1 2\n\n2", "1 2\n\nBo", "2 3"])
def test_texts_of_numbers_are_read(tmp_path, words):
    file = tmp_path / "a.txt"
    sentences = [sentence.split() for sentence in words.split("\n\n")]
    file.write_text("\n".join("".join(f"{word} O\n" for word in sentence) for sentence in sentences))
    assert read(file)


def test_columns_that_are_none():
    with pytest.raises(ConfigurationError, match="word_column is '1'; expected a whole number"):
        Conll2003Corpus(word_column="1")
    with pytest.raises(ConfigurationError, match="tag_column is None"):
        Conll2003Corpus(tag_column=None)


@pytest.mark.parametrize("options", [{"word_column": 1}, {"word_column": 2}, {"word_column": -3}, {"tag_column": -2}])
def test_columns_that_a_file_does_not_have(tmp_path, options):
    file = tmp_path / "a.txt"
    file.write_text("Ada B-PER\n")
    with pytest.raises(DataError, match="expected a word in column .* found 2 columns"):
        read(file, **options)


def test_a_bad_document_leaves_the_others(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("-DOCSTART- O\n\nAda B-PER\n\n-DOCSTART- O\n\nBo PER\n\n-DOCSTART- O\n\nOslo B-LOC\n")
    first, bad, last = Conll2003Corpus().attempts(str(file))
    assert (first.tokens, last.tokens, str(bad).split(": ")[0]) == (["Ada"], ["Oslo"], f"{file}:7")

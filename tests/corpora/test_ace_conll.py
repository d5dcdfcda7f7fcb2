from pathlib import Path

import pytest

from hmtl.corpora import AceConllCorpus
from hmtl.document import Relation
from hmtl.errors import DataError

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "ace"


def read(path) -> list:
    return list(AceConllCorpus().documents(str(path)))


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def texts(document, bounds) -> str:
    return " ".join(document.tokens[bounds[0] : bounds[1] + 1])


def test_the_training_fixture():
    first, second = read(FIXTURES / "train.like_conll")
    assert first.doc_key == "ace/00/tiny_0001_000"
    assert [len(sentence) for sentence in first.sentences] == [13, 8, 1, 10]
    assert [(texts(first, span.bounds), span.label) for span in first.spans["emd"][:4]] == [
        ("Mara Lind", "PER"),
        ("baker", "PER"),
        ("Oslo", "GPE"),
        ("her", "PER"),
    ]
    assert len(first.spans["emd"]) == 13
    assert first.relations == [
        Relation((4, 4), (6, 6), "GEN-AFF"),
        Relation((9, 9), (10, 10), "PER-SOC"),
        Relation((13, 13), (16, 17), "ORG-AFF"),
        Relation((16, 17), (19, 19), "GEN-AFF"),
        # The second argument stands first.
        Relation((30, 30), (28, 28), "PART-WHOLE"),
    ]
    assert first.relations_by_sentence()[2] == []
    assert first.clusters == [[(0, 7), (9, 9)], [(9, 11), (13, 13)], [(16, 17), (22, 23), (25, 25)]]
    assert second.clusters == []


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_every_bracket_of_the_fixtures_is_read(split):
    """Counts brackets in the raw text: relation types begin with `ARG`, entity types with no digit."""
    file = FIXTURES / f"{split}.like_conll"
    text = file.read_text("utf-8")
    documents = read(file)
    assert sum(len(document.relations) for document in documents) == text.count("(ARG1_") == text.count("(ARG2_")
    mentions = sum(cell.startswith("(") for line in text.splitlines() for cell in line.split("\t")[2:3])
    assert sum(len(document.spans["emd"]) for document in documents) == mentions > 0
    coreferent = sum(line.split("\t")[-1].count("(") for line in text.splitlines() if not line.startswith("#"))
    assert sum(len(cluster) for document in documents for cluster in document.clusters) == coreferent > 0


def test_a_file_without_headers_is_named_by_its_stem(tmp_path):
    file = write(tmp_path / "CNN_1.like_conll", "0 Ann (PER) (0)\n1 left * -\n\n0 Yes * -\n")
    [document] = read(file)
    assert document.doc_key == "CNN_1"
    assert document.sentences == [["Ann", "left"], ["Yes"]]
    assert document.clusters == [[(0, 0)]]
    assert document.relations == []


def test_a_directory_is_walked(tmp_path):
    for name in ("b", "a"):
        write(tmp_path / f"{name}.like_conll", "0 Ann (PER) -\n")
    write(tmp_path / "single_file_train_rahman.gold_conll", "0 Ann (PER) -\n")
    assert [document.doc_key for document in read(tmp_path)] == ["a", "b"]


def test_types_may_hold_underscores_and_a_repeated_relation_counts_once(tmp_path):
    file = write(
        tmp_path / "a.like_conll",
        "0 Ann (PER) (ARG1_FAM_OF) (ARG1_FAM_OF) (ARG2_X) -\n1 Bo (PER) (ARG2_FAM_OF) (ARG2_FAM_OF) (ARG1_X) -\n",
    )
    [document] = read(file)
    assert document.relations == [Relation((0, 0), (1, 1), "FAM_OF"), Relation((1, 1), (0, 0), "X")]


@pytest.mark.parametrize(
    "text, line, message",
    [
        ("0 Ann (PER)\n", 1, "expected at least 4 columns, found 3"),
        ("0 Ann (PER) -\n1 left * * -\n", 2, "expected 4 columns as in the first row of the sentence, found 5"),
        ("0 Ann (PER -\n", 1, r"'\(PER' is not closed in its sentence"),
        ("0 Ann PER -\n", 1, "expected a cell such as .*found 'PER'"),
        ("0 Ann (PER) x\n", 1, "expected a coreference cell such as .*found 'x'"),
        ("0 Yes * -\n\n0 Ann (PER) (ARG1_X) -\n1 Bo (PER) * -\n", 3, r"relation column 4: .*found '\(ARG1_X'"),
        ("0 Ann (PER) (ARG2_X) -\n1 Bo (PER) * -\n", 1, r"relation column 4: .*found '\(ARG2_X'"),
        ("0 Ann (PER) * -\n", 1, "relation column 4: .*found none"),
        ("0 Ann (PER) (ARG1_X) -\n1 Bo (PER) (ARG2_Y) -\n", 1, "of the same type, found"),
        ("0 Ann (PER) (ARG1_X) -\n1 Bo (PER) (ARG1_X) -\n", 1, "relation column 4"),
        ("0 Ann (PER) (ARG1) -\n1 Bo (PER) (ARG2) -\n", 1, "relation column 4"),
        ("0 A * (ARG1_X) -\n1 B * (ARG2_X) -\n2 C * (ARG2_X) -\n", 1, "relation column 4"),
    ],
)
def test_a_malformed_file_is_refused_with_its_place(text, line, message, tmp_path):
    file = write(tmp_path / "a.like_conll", text)
    with pytest.raises(DataError, match=message) as error:
        read(tmp_path)
    assert str(error.value).startswith(f"{file}:{line}: ")

from pathlib import Path

import pytest

from hmtl.corpora import StreusleCorpus
from hmtl.errors import DataError

STREUSLE = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "streusle"
ROWS = """1|They|they|PRP|O|0|||x.1.1
2|gave|give|VBD|B-social|0||social|x.1.1
3|me|me|PRP|o|0|||x.1.1
4|a|a|DT|Ī|2|_||x.1.1
5|hand|hand|NN|Ī|4|_||x.1.1
6|at|at|IN|O-Location|0||Location|x.1.1
7|Main|main|NNP|B-LOCATION|0||LOCATION|x.1.1
8|Ltd|ltd|NN|Ĩ-GROUP|7|~|GROUP|x.1.1

1|Well|well|UH|O-`i|0||`i|x.1.2

1|Go|go|VB|O-motion|0||motion|x.2.1
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "streusle.tags").write_text(ROWS.replace("|", "\t"), encoding="utf-8")
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits" / "part.sentids").write_text("x.2.1\nx.1.1\n")
    return tmp_path


def test_reviews_and_their_layers(folder):
    first, second = StreusleCorpus().documents(str(folder / "streusle.tags"))
    assert (first.doc_key, second.doc_key) == ("x.1", "x.2")
    assert [len(sentence) for sentence in first.sentences] == [8, 1]
    # What is given a hand is a strong expression with a gap; `Main Ltd` is a weak one, each part with a class.
    assert first.spans["mwe"] == [(1, 1, "B"), (2, 2, "o"), (3, 3, "Ī"), (4, 4, "Ī"), (6, 6, "B"), (7, 7, "Ĩ")]
    assert first.spans["supersenses"] == [(1, 1, "social"), (3, 4, "social"), (6, 6, "LOCATION"), (7, 7, "GROUP")]
    assert first.spans["prepositions"] == [(5, 5, "Location")]
    assert second.spans == {"mwe": [], "supersenses": [(0, 0, "motion")], "prepositions": []}


def test_a_list_selects_sentences_in_the_order_of_the_corpus(folder):
    path = folder / "splits" / "part.sentids"
    documents = list(StreusleCorpus().documents(str(path)))
    assert [document.doc_key for document in documents] == ["x.1", "x.2"]
    assert [len(document.sentences) for document in documents] == [1, 1]
    [last] = StreusleCorpus().documents(f"{path}#1:")
    assert last.doc_key == "x.2"
    assert StreusleCorpus().files(f"{path}#1:") == [path, folder / "streusle.tags"]


def test_what_is_malformed(folder):
    names, tags = folder / "splits" / "part.sentids", folder / "streusle.tags"
    names.write_text("x.1.1\nx.9.1\n")
    with pytest.raises(DataError, match=r"part\.sentids:2: there is no sentence 'x\.9\.1'"):
        list(StreusleCorpus().documents(str(names)))
    text = tags.read_text(encoding="utf-8")
    for wrong, message in (
        (text.replace("\tx.1.2", ""), ":10: expected 9 columns"),
        (text.replace("2\tgave", "3\tgave"), ":2: expected token 2"),
        (text.replace("Ī\t4", "Ī\t6"), ":5: expected the offset"),
    ):
        tags.write_text(wrong, encoding="utf-8")
        with pytest.raises(DataError, match=message):
            list(StreusleCorpus().documents(str(tags)))
    tags.unlink()
    with pytest.raises(DataError, match="does not exist"):
        list(StreusleCorpus().documents(str(names)))


@pytest.mark.skipif(not STREUSLE.is_dir(), reason="needs the real corpora in ../shared/data")
def test_the_real_corpus():
    """Counts of its README and TAGSET.md."""
    documents = list(StreusleCorpus().documents(str(STREUSLE / "streusle.tags")))
    assert sum(len(document.sentences) for document in documents) == 3812
    assert sum(len(document.tokens) for document in documents) == 55579
    flags = [span.label for document in documents for span in document.spans["mwe"]]
    counts = {"B": 3607, "b": 29, "Ī": 4089, "ī": 34, "Ĩ": 813, "ĩ": 3, "o": 770}
    assert {flag: flags.count(flag) for flag in set(flags)} == counts
    for split, number in (("train", 3312), ("test", 500)):
        documents = list(StreusleCorpus().documents(str(STREUSLE / "splits" / f"mwe-{split}.sentids")))
        assert sum(len(document.sentences) for document in documents) == number

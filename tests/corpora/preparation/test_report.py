import json

from hmtl.corpora.preparation.report import Report, Skipped, SplitReport
from hmtl.corpora.preparation.source import Dropped
from hmtl.document import Document, Relation, Span

DOCUMENT = Document(
    "a",
    [["Ada", "met", "Bob"], ["She", "left"]],
    spans={"emd": [Span(0, 0, "PER"), Span(2, 2, "PER"), Span(3, 3, "PRO")]},
    relations=[Relation((0, 0), (2, 2), "KNOWS")],
    clusters=[[(0, 0), (3, 3)]],
)


def report() -> Report:
    made = Report("x", {"option": None})
    made.splits["train"] = SplitReport({"documents": 1, "tokens": 6, "relations": 1, "ner": 4}, units=2)
    made.splits["dev"] = SplitReport({}, units=1)
    for split in made.splits:
        made.add(split, DOCUMENT)
    made.splits["train"].skipped.append(Skipped("b", "b.xml: broken"))
    made.dropped += [Dropped("a", "mention", "too long", "it"), Dropped("a", "mention", "too long", "them")]
    return made


def test_counts():
    train = report().to_json()["splits"]["train"]
    assert train["found"] == {
        "documents": 1,
        "sentences": 2,
        "tokens": 5,
        "emd": 3,
        "relations": 1,
        "clusters": 1,
        "mentions in clusters": 2,
    }
    assert train["labels"] == {"emd": {"PER": 2, "PRO": 1}, "relations": {"KNOWS": 1}}
    assert train["differing"] == ["tokens", "ner"]  # the layer that is missing too
    assert train["skipped"] == [{"unit": "b", "reason": "b.xml: broken"}]
    assert json.loads(json.dumps(report().to_json())) == report().to_json()


def test_the_table():
    lines = report().text().splitlines()
    cells = [line.split() for line in lines]
    assert cells[0] == ["train", "expected", "dev"]
    assert ["documents", "1", "1", "1"] in cells
    assert ["tokens", "5", "6", "!", "5"] in cells
    assert ["ner", "0", "4", "!", "0"] in cells
    assert ["PER", "2", "2"] in cells
    assert ["mentions", "in", "clusters", "2", "2"] in cells
    assert "! differs from what a full copy of the corpus holds" in lines
    assert "  mention: too long: 2" in lines
    assert report().skipped_lines() == ["left out of train: b: b.xml: broken"]


def test_all_splits_together_beside_what_is_known_of_the_whole_corpus():
    made = report()
    made.expected = {"tokens": 10, "relations": 3, "mentions in clusters": 4, "ner": 1}
    whole = made.to_json()["in all"]
    assert whole["found"] == {
        "documents": 2,
        "sentences": 4,
        "tokens": 10,
        "emd": 6,
        "relations": 2,
        "clusters": 2,
        "mentions in clusters": 4,
    }
    assert whole["differing"] == ["relations", "ner"]
    lines = made.text().splitlines()
    cells = [line.split() for line in lines]
    assert cells[0] == ["train", "expected", "dev", "in", "all", "expected"]
    assert ["tokens", "5", "6", "!", "5", "10", "10"] in cells
    assert ["relations", "1", "1", "1", "2", "3", "!"] in cells
    assert ["PER", "2", "2", "4"] in cells
    # The mark is explained where the whole alone differs, too.
    made.splits["train"].expected = {}
    assert "! differs from what a full copy of the corpus holds" in made.text().splitlines()


def test_no_mark_where_all_is_as_expected():
    made = Report("x", {}, {"train": SplitReport({"documents": 1}, units=1)})
    made.add("train", DOCUMENT)
    assert "!" not in made.text() and "dropped" not in made.text()


def test_long_lists_of_labels_are_cut_in_the_table_alone():
    document = Document("a", [["x"]], spans={"ner": [Span(0, 0, f"T{number:02}") for number in range(25)]})
    made = Report("x", {}, {"train": SplitReport({}, units=1)})
    made.add("train", document)
    assert "and 5 more labels" in made.text() and "T24" not in made.text()
    assert len(made.to_json()["splits"]["train"]["labels"]["ner"]) == 25

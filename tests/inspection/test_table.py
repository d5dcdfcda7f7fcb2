"""The table shows the figures of the report, which are tested beside `corpus_statistics`."""

import pytest
from worked_corpus import write_corpus

from hmtl.corpora import JsonlCorpus
from hmtl.document import Document, Span, write_jsonl
from hmtl.inspection import corpus_statistics, find_splits, statistics_table


def report(path):
    return corpus_statistics(find_splits([str(path)], JsonlCorpus()), JsonlCorpus())


@pytest.fixture
def worked(tmp_path):
    return report(write_corpus(tmp_path))


def rows(table):
    """Each name with its cells, by the title of its section."""
    header, *lines = table.splitlines()
    ends = [header.index(name) + len(name) for name in header.split()]
    found, title = {}, ""
    for line in lines:
        if line and not line.startswith(" "):
            title = line
        elif line:
            cells, last = [], len(line)
            for end in reversed(ends):
                start = line.rfind("  ", 0, end - 1) if len(line) >= end else last
                cells.insert(0, line[start:end].strip())
                last = start
            found[title, line[:last].strip()] = cells
    return found


def test_the_table_holds_the_worked_figures(worked):
    table = rows(statistics_table(worked))
    expected = {
        ("text", "tokens"): ["13", "13"],
        ("text", "tokens a sentence"): ["4.3 / 3 / 7 / 7", "4.3 / 3 / 7 / 7"],
        ("ner", "documents with this layer"): ["2", "1"],
        ("ner", "PER"): ["3 (60.0%)", "2 (66.7%)"],
        ("ner", "LOC"): ["2 (40.0%)", "0 (0.0%)"],
        ("ner", "ORG"): ["0 (0.0%)", "1 (33.3%)"],
        ("ner", "entropy of the labels (nats)"): ["0.673", "0.637"],
        ("ner", "divided by its maximum"): ["0.971", "0.918"],
        ("ner", "nested in another span"): ["1 (20.0%)", "0 (0.0%)"],
        ("ner", "spans that a tagger can find"): ["4 (80.0%)", "3 (100.0%)"],
        ("relations", "PER -> LOC"): ["1 (33.3%)", "0 (0.0%)"],
        ("relations", "tokens between arguments"): ["1.7 / 2 / 3 / 3", "2.0 / 1 / 3 / 3"],
        ("clusters", "clusters of one mention"): ["1 (33.3%)", "-"],
        ("overlap between splits", "tokens unseen in training"): ["-", "7.7%"],
        ("overlap between splits", "ner: seen with that label"): ["-", "33.3%"],
        ("overlap between splits", "documents in other splits"): ["1 (50.0%)", "1 (50.0%)"],
        ("overlap between splits", "in train.jsonl"): ["-", "1 (100.0%)"],
    }
    assert {key: table.get(key) for key in expected} == expected


def test_every_count_of_the_report_is_in_the_table(worked):
    table = rows(statistics_table(worked, all_labels=True))
    splits = list(worked["splits"].values())
    for layer in ("ner", "relations", "clusters"):
        figures = [split["layers"].get(layer) for split in splits]
        for kind in ("labels", "argument_types"):
            for name in {name for each in figures if each for name in each.get(kind, {})}:
                cells = table[layer, name]
                for cell, each in zip(cells, figures):
                    assert cell.split(" ")[0] == str(each[kind].get(name, {"count": 0})["count"])
        if layer != "clusters":
            assert table[layer, {"ner": "spans"}.get(layer, layer)] == [
                f"{sum(label['count'] for label in each['labels'].values())}" for each in figures
            ]


def test_it_says_which_split_is_for_training(worked):
    assert statistics_table(worked).splitlines()[-1] == "training: train.jsonl"


def test_many_labels_are_shortened(tmp_path):
    tokens = [str(number) for number in range(20)]
    write_jsonl([Document("a", [tokens], {"ner": [Span(n, n, f"L{n:02}") for n in range(20)]})], tmp_path / "a.jsonl")
    short, whole = (statistics_table(report(tmp_path), all_labels=each).splitlines() for each in (False, True))
    assert sum(line.startswith("    L") for line in short) == 15
    assert "    ... 5 more: see --all" in short
    assert sum(line.startswith("    L") for line in whole) == 20


def test_columns_that_do_not_fit_stand_below(worked):
    narrow = statistics_table(worked, width=70)
    assert max(map(len, narrow.splitlines()[:-2])) <= 70
    assert [line.strip() for line in narrow.splitlines() if line.strip().endswith(".jsonl")][:2] == [
        "train.jsonl",
        "dev.jsonl",
    ]
    one_line = statistics_table(worked).splitlines()[0].split()
    assert one_line == ["train.jsonl", "dev.jsonl"]


def test_escape_codes_in_labels_are_seen_not_obeyed(tmp_path):
    write_jsonl([Document("a", [["x"]], {"n\x1b": [Span(0, 0, "\x1b[2JX")]})], tmp_path / "a.jsonl")
    table = statistics_table(report(tmp_path))
    assert "\x1b" not in table and "\\x1b[2JX" in table

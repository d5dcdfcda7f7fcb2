import random
from pathlib import Path

import pytest

from hmtl.corpora.conll_columns import (
    Row,
    bracketed_spans,
    check_columns,
    coreference_mentions,
    group_clusters,
    read_documents,
    split_cells,
)
from hmtl.errors import DataError

PATH = Path("some.conll")


def column(*cells: str) -> list:
    """The rows of a sentence with one column, which begins at line 10."""
    return [Row(number, [cell]) for number, cell in enumerate(cells, start=10)]


def nested_spans(generator: random.Random, start: int, end: int) -> list:
    """Spans of distinct bounds between `start` and `end`, none of which cross."""
    if start > end or generator.random() < 0.3:
        return []
    middle = generator.randint(start, end)
    inside = {*nested_spans(generator, start, middle - 1), *nested_spans(generator, middle + 1, end)}
    return sorted({*inside, (start, end, generator.choice("AB")), (middle, middle, "C")} if start < end else inside)


@pytest.mark.parametrize("seed", range(40))
def test_nested_brackets_are_read_as_they_were_written(seed):
    generator = random.Random(seed)
    spans = nested_spans(generator, 0, 8)
    opened = [[] for _ in range(9)]
    closed = [0] * 9
    for start, end, label in sorted(spans, key=lambda span: (span[0], -span[1])):
        opened[start].append(f"({label}")
        closed[end] += 1
    cells = ["".join(labels) + "*" + ")" * count for labels, count in zip(opened, closed)]
    assert bracketed_spans(column(*cells), 0, PATH) == sorted(spans, key=lambda span: (span[0], -span[1]))


@pytest.mark.parametrize("seed", range(40))
def test_coreference_is_read_as_it_was_written(seed):
    generator = random.Random(seed)
    spans = {}
    for start, end, _ in nested_spans(generator, 0, 8):
        spans[start, end] = str(generator.randint(0, 12))
    opened = [[] for _ in range(9)]
    closed = [[] for _ in range(9)]
    for (start, end), cluster in sorted(spans.items(), key=lambda item: (item[0][0], -item[0][1])):
        opened[start].append(f"({cluster})" if start == end else f"({cluster}")
    for (start, end), cluster in sorted(spans.items(), key=lambda item: (item[0][1], -item[0][0])):
        if start < end:
            closed[end].append(f"{cluster})")
    both = [before + after for before, after in zip(opened, closed)]
    expected = sorted((cluster, bounds) for bounds, cluster in spans.items())
    for separator in ("|", ""):
        cells = [separator.join(cell) or "-" for cell in both]
        assert sorted(coreference_mentions(column(*cells), 0, PATH)) == expected


def test_all_ways_to_write_a_span_of_one_token():
    rows = column("(PER)", "(PER*)", "*", "(GPE(ORG*)", "*)")
    assert bracketed_spans(rows, 0, PATH) == [(0, 0, "PER"), (1, 1, "PER"), (3, 4, "GPE"), (3, 3, "ORG")]


def test_mentions_of_different_clusters_may_cross():
    rows = column("(1", "(2", "1)", "2)")
    assert coreference_mentions(rows, 0, PATH) == [("1", (0, 2)), ("2", (1, 3))]


@pytest.mark.parametrize(
    "cells, line, message",
    [
        (["*", "PER"], 11, r"expected a cell such as .*found 'PER'"),
        (["-"], 10, r"found '-'"),
        (["(*)"], 10, r"found '\(\*\)'"),
        (["*", "*)"], 11, r"'\*\)' closes a span that no row above opened"),
        (["(PER)", "*", "*)"], 12, "closes a span that no row above opened"),
        (["*", "(PER*", "*"], 11, r"'\(PER' is not closed in its sentence"),
    ],
)
def test_malformed_brackets_are_refused_with_their_line(cells, line, message):
    with pytest.raises(DataError, match=message) as error:
        bracketed_spans(column(*cells), 0, PATH)
    assert str(error.value).startswith(f"some.conll:{line}: ")


@pytest.mark.parametrize(
    "cells, line, message",
    [
        (["-", "3"], 11, "expected a coreference cell .* found '3'"),
        (["(x)"], 10, r"found '\(x\)'"),
        (["*"], 10, r"found '\*'"),
        (["(1)|-"], 10, r"found '\(1\)\|-'"),
        (["-", "3)"], 11, r"'3\)' closes a mention that no row above opened"),
        (["(3", "4)"], 11, r"'4\)' closes a mention that no row above opened"),
        (["-", "(3", "-"], 11, r"'\(3' is not closed in its sentence"),
    ],
)
def test_malformed_coreference_is_refused_with_its_line(cells, line, message):
    with pytest.raises(DataError, match=message) as error:
        coreference_mentions(column(*cells), 0, PATH)
    assert str(error.value).startswith(f"some.conll:{line}: ")


def test_clusters_are_in_order_of_appearance_and_hold_each_span_once():
    mentions = [("7", (4, 5)), ("2", (1, 1)), ("7", (0, 3)), ("2", (1, 1)), ("2", (6, 6))]
    assert group_clusters(mentions) == [[(0, 3), (4, 5)], [(1, 1), (6, 6)]]


def test_cells_are_separated_by_blanks_and_tabs_only():
    assert split_cells("  a \t b\t\tc ") == ["a", "b", "c"]
    assert split_cells("1\u00a0000 \u3000x B-NUM") == ["1\u00a0000", "\u3000x", "B-NUM"]
    assert split_cells(" \t") == []


def test_columns_are_counted():
    rows = [Row(1, list("abc")), Row(2, list("abcd")), Row(3, list("ab"))]
    check_columns(rows[:1], 3, PATH)
    with pytest.raises(DataError, match="some.conll:1: expected at least 4 columns, found 3"):
        check_columns(rows, 4, PATH)
    with pytest.raises(DataError, match="some.conll:2: expected 3 columns as in the first row .* found 4"):
        check_columns(rows, 2, PATH)
    with pytest.raises(DataError, match="some.conll:3: expected at least 3 columns, found 2"):
        check_columns(rows[::2], 3, PATH)


def read(tmp_path: Path, text: str) -> list:
    file = tmp_path / "part.one.conll"
    file.write_text(text, encoding="utf-8")
    return [
        (document.doc_key, [[row.cells[0] for row in rows] for rows in document.sentences])
        for document in read_documents(file)
    ]


def test_documents_parts_sentences_and_comments(tmp_path):
    text = (
        "#begin document (a/b_1); part 000\nx 1\n\n\ny 2\n# a comment\nz 3\n\n#end document\n\n"
        "#begin document (a/b_1); part 001\nw 4\n#end document\n#begin document (c)\r\nv 5\r\n#end document\r\n"
    )
    assert read(tmp_path, text) == [("a/b_1_000", [["x"], ["y", "z"]]), ("a/b_1_001", [["w"]]), ("c", [["v"]])]


def test_a_file_without_headers_is_one_document(tmp_path):
    assert read(tmp_path, "x 1\n\ny 2\n") == [("part.one", [["x"], ["y"]])]
    assert read(tmp_path, "\n\n") == []


def test_misplaced_rows_and_empty_documents_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"conll:4: a row outside of a document"):
        read(tmp_path, "#begin document (a)\nx 1\n#end document\ny 2\n")
    with pytest.raises(DataError, match=r"conll:1: document 'a_000' has no rows"):
        read(tmp_path, "#begin document (a); part 000\n\n#end document\n")


@pytest.mark.parametrize(
    "text, line",
    [
        ("#begin document (a); part 000\nx 1\n\n", 1),
        ("#begin document (a)\nx 1\n#end document\n#begin document (b)\ny 1\n", 4),
        ("#begin document (a)\nx 1\n\n#begin document (b)\ny 1\n#end document\n", 1),
    ],
)
def test_a_document_without_its_end_is_refused(tmp_path, text, line):
    with pytest.raises(
        DataError, match=rf"conll:{line}: document '.*' begins here and has no '#end document': .* complete"
    ):
        read(tmp_path, text)


@pytest.mark.parametrize("blank", ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x1f"])
def test_other_characters_are_no_blanks(blank):
    assert split_cells(f"a{blank}b\tc") == [f"a{blank}b", "c"]

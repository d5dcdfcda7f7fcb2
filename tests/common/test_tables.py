import csv
from pathlib import Path

import pytest
from rich.cells import cell_len

from hmtl.common.tables import Table, aligned, aligned_within, markdown

ROWS = [["", "F1", "seconds"], ["ner", "91.25", "3"], ["coreference", "7.5", "12"]]


def test_columns_of_text_stand_to_the_left() -> None:
    assert aligned(ROWS).splitlines() == [
        "             F1     seconds",
        "ner          91.25  3",
        "coreference  7.5    12",
    ]


def test_columns_of_numbers_stand_to_the_right() -> None:
    assert aligned(ROWS, numbers=True, indent="> ").splitlines() == [
        ">                 F1  seconds",
        "> ner          91.25        3",
        "> coreference    7.5       12",
    ]


def test_a_short_row_and_an_empty_one_leave_their_place_empty() -> None:
    assert aligned([["a", "b", "c"], ["title of all"], [], ["x", "1", "2"]], numbers=True).splitlines() == [
        "a             b  c",
        "title of all",
        "",
        "x             1  2",
    ]
    assert aligned([]) == ""


def test_wide_and_combining_characters_take_the_cells_of_a_terminal() -> None:
    # Two wide characters take four cells; e with its accent, as two characters, takes one.
    table = aligned([["東京", "1"], ["cafe\u0301", "2"], ["abcd", "3"]])
    assert table.splitlines() == ["東京  1", "cafe\u0301  2", "abcd  3"]
    assert {cell_len(line) for line in table.splitlines()} == {7}


def test_what_would_act_on_a_terminal_is_an_escape() -> None:
    assert aligned([["\x1b[2J", "a\nb"], ["x", "y"]]).splitlines() == ["\\x1b[2J  a\\nb", "x        y"]


@pytest.mark.parametrize(
    "width, columns",
    [(27, [2]), (26, [1, 1]), (20, [1, 1]), (5, [1, 1])],  # 11 + 2 + 5, and 2 + 7 more
)
def test_columns_that_do_not_fit_stand_below(width: int, columns: list) -> None:
    tables = aligned_within(width, ROWS)
    assert [len(table.splitlines()[0].split()) for table in tables] == columns
    assert all(table.splitlines()[1].startswith("ner  ") for table in tables)
    assert width < 20 or max(len(line) for table in tables for line in table.splitlines()) <= width


def test_a_table_in_markdown() -> None:
    assert list(markdown(["task", "F1"], [["ner|emd", "1\n2"]], numbers=True)) == [
        "| task | F1 |",
        "|---|---:|",
        "| ner\\|emd | 1 2 |",
    ]
    assert list(markdown(["a", "b"], []))[1] == "|---|---|"


def test_a_table_as_csv_has_the_columns_of_all_rows(tmp_path: Path) -> None:
    Table("scores", [{"task": "ner", "f1": 0.5}, {"task": 'a "b", c', "seconds": 3}]).write(tmp_path)
    with open(tmp_path / "scores.csv", newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [["task", "f1", "seconds"], ["ner", "0.5", ""], ['a "b", c', "", "3"]]

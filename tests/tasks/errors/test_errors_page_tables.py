"""The tables of the page of errors."""

from hmtl.evaluation.error_analysis.page import score_rows, shaded_matrix
from hmtl.tasks.errors.section import Section


def section() -> Section:
    """Of PER 3 gold, 2 found, 1 taken for ORG; of ORG 1 gold, missed; 1 PER too many."""
    found = Section("spans", ["correct", "wrong label", "missed", "spurious"], 1, has_confusion=True)
    found.add("correct", "PER", "PER")
    found.add("correct", "PER", "PER")
    found.add("wrong label", "PER", "ORG")
    found.add("missed", "ORG", None)
    found.add("spurious", None, "PER")
    found.gold, found.predicted = 4, 4
    return found


def test_scores_by_label():
    assert [[cell.text for cell in row] for row in score_rows(section())] == [
        ["", "precision", "recall", "F1", "gold", "predicted"],
        ["all", "50.0", "50.0", "50.0", "4", "4"],
        ["PER", "66.7", "66.7", "66.7", "3", "3"],
        ["ORG", "0.0", "0.0", "0.0", "1", "1"],
    ]


def test_cells_are_as_dark_as_their_share_of_the_row():
    rows = shaded_matrix(section())
    assert [cell.text for cell in rows[0]] == ["gold \\ predicted", "ORG", "PER", "(none)"]
    per = next(row for row in rows if row[0].text == "PER")
    assert [(cell.text, cell.style) for cell in per[1:]] == [("1", "shade-3"), ("2", "shade-6 right"), ("", "shade-0")]

"""A kind of prediction that the page's script does not know, drawn by what its Python says of it."""

import pytest
from annotated import PLAIN, output

from hmtl.tasks import Kind

pytestmark = pytest.mark.browser

LAYERS = {"ner": "spans", "stance": "stances"}
SENTENCES = ["Ada agreed .", "Her editor , alas , did not .", "Nobody asked why ."]


@Kind.register("stances")
class Stances(Kind):
    singular, plural = "stance", "stances"


def stances(*rows):
    """Rows of a label and bounds, or none."""
    plain = output(SENTENCES, ner=[(start, end, label) for label, (start, end) in rows], stance=[])
    return {**plain, "ner": [], "stance": [{**row, "score": 0.75} for row in plain["ner"]]}


def test_labels_of_sentences_are_badges_before_them(open_outputs):
    page = open_outputs([stances(("for", (0, 2)), ("against", (3, 10)), ("both", (3, 14)))], LAYERS)
    badges = page.locator(".text p").evaluate_all(
        "paragraphs => paragraphs.map(p => [...p.querySelectorAll('.badge')].map(badge => badge.textContent))"
    )
    assert badges == [["for"], ["against", "both"], []]
    assert page.locator(".text p").evaluate_all(PLAIN) == SENTENCES
    assert page.locator(".badge").first.get_attribute("title") == "stance: for 75 %"
    assert page.locator("mark").count() == 0


def test_other_stretches_are_marks_and_what_has_none_stands_first(open_outputs):
    shown = stances(("doubt", (4, 6)))
    shown["stance"].append({"label": "mixed"})
    page = open_outputs([shown], LAYERS)
    assert page.locator("mark").evaluate_all(PLAIN) == ["editor , alas"]
    assert page.locator("mark .label").all_inner_texts() == ["doubt"]
    assert page.locator(".badge").all_inner_texts() == ["mixed"]


def test_the_table_names_and_finds_them(open_outputs):
    page = open_outputs([stances(("for", (0, 2)), ("doubt", (4, 6)))], LAYERS)
    assert page.locator("#layers label", has_text="stance").inner_text().split() == ["stance", "2"]
    assert page.locator("summary", has_text="stance").inner_text() == "stance 2 stances"
    rows = page.get_by_role("table", name="stance").get_by_role("row").all_inner_texts()
    assert [row.split("\t") for row in rows] == [
        ["Text", "Label", "Probability"],
        ["Ada agreed .", "for", "75 %"],
        ["editor , alas", "doubt", "75 %"],
    ]
    page.get_by_role("button", name="Ada agreed .").click()
    assert page.evaluate("document.activeElement.textContent") == "for"
    page.locator("#layers input[name=stance]").uncheck()
    assert page.locator(".badge").count() == page.locator("mark").count() == 0


def test_one_row_is_counted_in_the_singular(open_outputs):
    page = open_outputs([stances(("for", (0, 2)))], LAYERS)
    assert page.locator("summary", has_text="stance").inner_text() == "stance 1 stance"

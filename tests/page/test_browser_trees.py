"""Dependency trees on the page: all arcs of a sentence, however many, and the root."""

import pytest
from annotated import PLAIN, output

pytestmark = pytest.mark.browser

LAYERS = {"dependencies": "dependencies"}
SENTENCES = ["Mara planted roses near the old mill .", "Yes"]
HEADS = [1, None, 1, 6, 6, 6, 1, 1, None]
LABELS = ["nsubj", "root", "obj", "case", "det", "amod", "obl", "punct", "root"]


@pytest.fixture
def tree():
    """Both sentences with their trees."""
    plain = output(SENTENCES, ner=[(token, token, label) for token, label in enumerate(LABELS)], dependencies=[])
    mentions = [{key: value for key, value in row.items() if key != "label"} for row in plain.pop("ner")]
    rows = zip(LABELS, HEADS, mentions)
    plain["dependencies"] = [
        {"label": label, "head": None if head is None else mentions[head], "dependent": mention, "score": 0.5}
        for label, head, mention in rows
    ]
    return plain


def test_all_arcs_are_drawn_and_the_root_is_marked(open_outputs, tree):
    page = open_outputs([tree], LAYERS)
    assert page.locator(".text p").evaluate_all(PLAIN) == SENTENCES
    assert sorted(page.locator(".arc text").all_text_contents()) == sorted(set(LABELS) - {"root"})
    # More than are drawn of relations, and no list in their place.
    assert page.locator(".found li").count() == 0
    assert page.locator("mark .label").all_inner_texts() == ["root"]
    assert page.locator(".badge").all_inner_texts() == ["root"]


def test_the_table_has_heads_and_dependents(open_outputs, tree):
    page = open_outputs([tree], LAYERS)
    rows = page.get_by_role("table", name="Dependencies").get_by_role("row").all_inner_texts()
    assert [row.split("\t") for row in rows][:2] == [
        ["From", "Relation", "To", "Probability"],
        ["planted", "nsubj", "Mara", "50 %"],
    ]
    assert len(rows) == 8

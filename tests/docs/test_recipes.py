"""The recipes quote no figure that the results do not have."""

import re

from documentation import ROOT

DOCS = ROOT / "docs"
_FIGURE = re.compile(r"\b\d+\.\d+\b")
_RESULTS = re.compile(r"\]\((results[\w/]*\.md)")


def test_the_figures_of_a_recipe_stand_in_the_results_that_it_links_to():
    num_figures = 0
    for paragraph in (DOCS / "recipes.md").read_text(encoding="utf-8").split("\n\n"):
        linked = "".join((DOCS / page).read_text(encoding="utf-8") for page in _RESULTS.findall(paragraph))
        if linked:
            figures = _FIGURE.findall(paragraph)
            missing = [figure for figure in figures if not re.search(rf"(?<![\d.]){re.escape(figure)}(?!\d)", linked)]
            assert not missing, f"{missing} are not in the results: {paragraph}"
            num_figures += len(figures)
    assert num_figures > 10

"""Docstrings become reStructuredText that means the same."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("sphinx")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "docs" / "_extensions"))

from docstrings import entries, public_classes, split_sections, to_rst  # noqa: E402


def parsed(docstring: str) -> str:
    """The document that docutils reads, as its own XML; a warning is an error."""
    from docutils.core import publish_string
    from docutils.writers.pseudoxml import Writer

    text = "\n".join(to_rst(docstring.splitlines())).replace(":py:class:", "")
    settings = {"halt_level": 2, "report_level": 2, "warning_stream": False}
    return publish_string(text, writer=Writer(), settings_overrides=settings).decode()


def test_parameters_are_a_field_with_a_list_of_definitions():
    docstring = """Does it.

# Parameters

size : `int`, optional (default = `3`)
    How large; see `other`.

    - one
    - two
name : `str`

# Raises

ValueError
    Where it is *not* large.
"""
    head, sections = split_sections(docstring.splitlines())
    assert head == ["Does it.", ""]
    size, name = entries(sections["Parameters"])
    assert (size.name, size.kind, name.name) == ("size", "`int`, optional (default = `3`)", "name")
    assert size.description[0] == "How large; see `other`."
    tree = parsed(docstring)
    assert tree.index("<field_name>") < tree.index("Parameters") < tree.index("Raises") < tree.index("ValueError")
    assert tree.count("<definition_list_item>") == 3
    assert tree.count("<list_item>") == 2
    assert "<emphasis>" in tree


@pytest.mark.parametrize(
    "text",
    ["p_i ** alpha and x_", "a | b | c", "2 * 3 * 4", "**kwargs", "*args of `f`s", "back\\slash", "`a`b", "[0, 1]_"],
)
def test_no_character_of_a_sentence_is_taken_for_markup(text):
    tree = parsed(text)
    assert "emphasis" not in tree and "problematic" not in tree and "reference" not in tree
    words = "".join(line.strip() for line in tree.splitlines() if not line.strip().startswith("<"))
    assert words.replace(" ", "") == text.replace("`", "").replace(" ", "")


def test_code_tables_and_lists_are_kept():
    tree = parsed(
        "Run\n\n    python x.py --a *\n\nthen\n- one\n  more\n- two\n\n| a | b |\n|---|---|\n| `c` | d |\n\nEnd."
    )
    assert "python x.py --a *" in tree.partition("<literal_block")[2]
    assert tree.count("<bullet_list") >= 1
    assert tree.count("<row>") == 2
    assert "End." in tree


def test_classes_are_linked_where_they_are_defined():
    assert public_classes()["HMTL"] == "hmtl.models.hmtl.HMTL"
    assert to_rst(["An `HMTL` model."]) == ["An \\ :py:class:`~hmtl.models.hmtl.HMTL`\\  model."]

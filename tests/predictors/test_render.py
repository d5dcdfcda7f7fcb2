from hmtl.predictors.render import render
from hmtl.text import SentenceSplitter

TEXT = SentenceSplitter()("Tom of\nNew York left. No")
LAYERS = {"names": "spans", "links": "relations", "groups": "clusters"}


def output_with(names=(), links=(), groups=()):
    return {
        "text": TEXT.text,
        "sentences": TEXT.sentences,
        "token_offsets": [list(offsets) for offsets in TEXT.token_offsets],
        "names": [{**TEXT.mention(start, end), "label": label} for start, end, label in names],
        "links": [{"label": label, "arg1": TEXT.mention(*a), "arg2": TEXT.mention(*b)} for a, b, label in links],
        "groups": [[TEXT.mention(*bounds) for bounds in group] for group in groups],
    }


def test_sections():
    output = output_with([(0, 0, "PER"), (2, 3, "LOC")], [((0, 0), (2, 3), "IN")], [[(0, 0), (0, 3)], [(2, 3), (6, 6)]])
    assert render(output, LAYERS) == (
        "names: 2 spans\n"
        "  [Tom PER] of [New York LOC] left.\n"
        "  No\n"
        "\n"
        "links: 1 relation\n"
        "  Tom --IN--> New York\n"
        "\n"
        "groups: 2 clusters\n"
        "  1  Tom | Tom of New York\n"
        "  2  New York | No"
    )


def test_nothing_found():
    assert render(output_with(), LAYERS) == "names: no spans\n\nlinks: no relations\n\ngroups: no clusters"


def test_nested_spans():
    nested = [(0, 3, "PER"), (2, 3, "LOC"), (2, 2, "X"), (0, 0, "Y")]
    assert "[[Tom Y] of [[New X] York LOC] PER] left." in render(output_with(nested), LAYERS)
    assert "[[Tom Y] of [[New X] York LOC] PER] left." in render(output_with(nested[::-1]), LAYERS)


def test_spans_that_cross_stand_on_lines_of_their_own():
    crossing = [(0, 2, "PER"), (2, 3, "LOC"), (2, 3, "ORG"), (3, 4, "X"), (6, 6, "Y")]
    assert render(output_with(crossing), {"names": "spans"}).split("\n") == [
        "names: 5 spans",
        "  [Tom of New PER] [York left X].",
        "  Tom of [[New York LOC] ORG] left.",
        "  [No Y]",
    ]


def test_a_number_of_wikidata_is_shown_by_its_name():
    output = output_with(links=[((0, 0), (2, 3), "P19"), ((0, 0), (2, 3), "P19x")])
    assert render(output, {"links": "relations"}) == (
        "links: 2 relations\n  Tom --born in--> New York\n  Tom --P19x--> New York"
    )


def test_colour_only_adds_escape_codes():
    output = output_with([(0, 0, "PER")], [((0, 0), (2, 3), "IN")], [[(0, 0), (2, 3)]])
    coloured = render(output, LAYERS, colour=True)
    assert "\x1b[36mPER\x1b[0m" in coloured
    for code in ("\x1b[36m", "\x1b[1m", "\x1b[0m"):
        coloured = coloured.replace(code, "")
    assert coloured == render(output, LAYERS)
    assert "\x1b" not in coloured


def test_nothing_acts_on_the_terminal():
    text = SentenceSplitter()("Tom\x1b[31m of \x9bYork left.\nNo")
    output = {
        "text": text.text,
        "sentences": text.sentences,
        "token_offsets": [list(offsets) for offsets in text.token_offsets],
        "names": [{**text.mention(0, 0), "label": "P\x1b[2J"}],
        "links": [{"label": "\x1bR", "arg1": text.mention(0, 0), "arg2": text.mention(0, 2)}],
        "groups": [[text.mention(0, 2)]],
    }
    shown = render(output, LAYERS)
    assert not {"\x1b", "\x9b"} & set(shown)
    assert "P\\x1b[2J]" in shown and "--\\x1bR-->" in shown

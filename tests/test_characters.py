import pytest

from hmtl.characters import visible


@pytest.mark.parametrize(
    "text, shown",
    [
        ("plain Ünïcode 漢字 👩‍🚀", "plain Ünïcode 漢字 👩‍🚀"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\tc\x00", "a\\nb\\tc\\x00"),
        ("\u202etxt", "\\u202etxt"),
        ("half \ud83d", "half \\ud83d"),
        ("no\u00a0break", "no\u00a0break"),
    ],
)
def test_what_acts_is_written_as_an_escape(text, shown):
    assert visible(text) == shown

import logging

import pytest

from hmtl.common.characters import VisibleFormatter, visible, visible_lines


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


def test_lines_of_a_text():
    assert visible_lines("a\x1b[1m\tb\n\x9bc\r\n") == "a\\x1b[1m\tb\n\\x9bc\\r\n"
    assert visible_lines("plain\n") == "plain\n"


def test_log_records():
    formatter = VisibleFormatter("%(levelname)s - %(message)s")
    record = logging.LogRecord("x", logging.WARNING, "file", 1, "label %r and %s", ("a", "\x1b[31m"), None)
    assert formatter.format(record) == "WARNING - label 'a' and \\x1b[31m"

import sys
from typing import Iterator

import pytest
from terminals import Terminal

from hmtl.common.terminal import is_terminal, live_display, wants_colours


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal()
    yield terminal
    terminal.close()


@pytest.fixture(autouse=True)
def no_wishes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    "variable, value, colours, redraws",
    [("TERM", "xterm", True, True), ("TERM", "dumb", False, False), ("NO_COLOR", "1", False, True)],
)
def test_what_a_terminal_takes(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, colours: bool, redraws: bool
) -> None:
    terminal.attach(monkeypatch)
    monkeypatch.setenv(variable, value)
    assert (wants_colours(), is_terminal()) == (colours, redraws)


def test_a_pipe_takes_colours_on_demand_and_no_redraws(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert (wants_colours(), is_terminal()) == (False, False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert (wants_colours(), is_terminal()) == (True, False)


def test_a_display_is_redrawn_below_what_is_written(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal.attach(monkeypatch)
    with live_display("one\ntwo") as live:
        print("above")
        live.update("three", refresh=True)
        print("a long line " * 12, file=sys.stderr)
        # Wrapped by the terminal, at its width, and not by words.
        assert [line for line in terminal.screen() if line] == [
            "above",
            ("a long line " * 12)[:110].rstrip(),
            ("a long line " * 12)[110:].rstrip(),
            "three",
        ]
    assert sys.stderr is terminal.stream

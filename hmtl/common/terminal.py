"""Terminals, by rich: whether there is one, and a live display at its bottom while other output scrolls by above."""

import logging
import os
import sys
from contextlib import contextmanager
from typing import Iterator

from allennlp.common import logging as allennlp_logging
from rich.console import Console, ConsoleDimensions, RenderableType
from rich.live import Live


def is_terminal() -> bool:
    """Whether stderr is a terminal that can be redrawn, and wanted as one (no `--file-friendly-logging`)."""
    console = Console(stderr=True)
    # FORCE_COLOR makes a terminal of a pipe for rich, which asks for colours there, not for redraws.
    return (
        sys.stderr.isatty()
        and console.is_terminal
        and not console.is_dumb_terminal
        and not allennlp_logging.FILE_FRIENDLY_LOGGING
    )


def wants_colours() -> bool:
    """Whether what is printed may have colours: on a terminal, as NO_COLOR, FORCE_COLOR and TERM have it."""
    console = Console()
    return console.is_terminal and not console.is_dumb_terminal and not console.no_color


@contextmanager
def quiet(wanted: bool = True) -> Iterator[None]:
    """Within it, if `wanted`, AllenNLP's progress bars are seen on terminals alone, where they do not stay, and what a
    run logs goes to its file alone, but for warnings. How AllenNLP shows progress is afterwards what it was before: its
    commands set that for the whole process, which may be a notebook that shows something else next."""
    before = allennlp_logging.QUIET, allennlp_logging.FILE_FRIENDLY_LOGGING
    allennlp_logging.QUIET = wanted
    try:
        yield
    finally:
        allennlp_logging.QUIET, allennlp_logging.FILE_FRIENDLY_LOGGING = before


@contextmanager
def live_display(renderable: RenderableType, transient: bool = False) -> Iterator[Live]:
    """Shows `renderable` until it is left; `update` and `refresh` of the `rich.live.Live` draw it anew.

    What is meanwhile written to stdout or stderr, as far as they are terminals, or logged to one, stands above. What
    does not fit into the terminal is cut. What is `transient` is gone at the end.
    """
    with Live(
        renderable,
        # What others write is no markup, and its long lines are the terminal's to wrap.
        console=_Console(stderr=True, markup=False, emoji=False, highlight=False, soft_wrap=True),
        # Without a thread of its own, as processes are forked while it is shown.
        auto_refresh=False,
        redirect_stdout=sys.stdout.isatty(),
        vertical_overflow="crop",
        transient=transient,
    ) as live:
        streams = {handler: handler.setStream(sys.stderr) for handler in _terminal_handlers()}
        try:
            yield live
        finally:
            for handler, stream in streams.items():
                handler.setStream(stream)


class _Console(Console):
    def show_cursor(self, show: bool = True) -> bool:
        """Leaves the cursor alone: a process that is killed could not bring it back."""
        return False

    @property
    def size(self) -> ConsoleDimensions:
        """That of the very terminal that is written to; rich asks stdin first."""
        try:
            columns, lines = os.get_terminal_size(self.file.fileno())
        except (OSError, ValueError):
            columns = lines = 0
        return ConsoleDimensions(columns, lines) if columns and lines else super().size

    @size.setter
    def size(self, new_size: tuple[int, int]) -> None:
        raise AttributeError("the size is the terminal's")


def _terminal_handlers() -> list[logging.StreamHandler]:
    return [
        handler
        for handler in logging.getLogger().handlers
        if isinstance(handler, logging.StreamHandler) and getattr(handler.stream, "isatty", bool)()
    ]

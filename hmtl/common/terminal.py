"""Lines at the bottom of a terminal that are refreshed in place, while other output scrolls by above them."""

import logging
import os
import sys
from contextlib import contextmanager
from typing import Any, Iterator, List, TextIO, Tuple

from allennlp.common import logging as allennlp_logging
from allennlp.common.tqdm import TqdmToLogsWriter, logger

_ERASE_LINE, _ERASE_TO_END = "\x1b[K", "\r\x1b[J"
# Of a terminal that does not tell its size.
_DEFAULT_SIZE = (80, 24)


def is_terminal() -> bool:
    """Whether stderr is a terminal that can refresh lines, and wanted as one (no `--file-friendly-logging`)."""
    return (
        sys.stderr.isatty()
        and os.name == "posix"
        and os.environ.get("TERM") != "dumb"
        and not allennlp_logging.FILE_FRIENDLY_LOGGING
    )


class LinesBelowBar(TqdmToLogsWriter):
    """The file of a tqdm bar on stderr, below which further lines stand.

    The cursor rests at the bar. Within `shown()`, whatever is written to stdout, stderr or a log of this terminal first
    erases the bar and the lines, which the bar's next refresh brings back. There is nothing to mend when the
    process is killed: the terminal is in no mode of its own.
    """

    def __init__(self) -> None:
        super().__init__()
        self._wanted: List[str] = []
        self._drawn: List[str] = []
        self._bar_stands = self._drawing = False

    def set_lines(self, lines: List[str]) -> None:
        """They appear with the next refresh of the bar, as far as the terminal holds them."""
        width, height = self.size()
        # One line is the bar's; one that fills the width would wrap.
        self._wanted = [line[: width - 1] for line in lines[: max(0, height - 2)]]

    def size(self) -> Tuple[int, int]:
        """The columns and lines of the terminal."""
        try:
            columns, lines = os.get_terminal_size(sys.stderr.fileno())
        except (OSError, ValueError):
            return _DEFAULT_SIZE
        return columns or _DEFAULT_SIZE[0], lines or _DEFAULT_SIZE[1]

    @contextmanager
    def shown(self) -> Iterator[None]:
        """On leaving, however, the lines are erased; the bar stays until it is closed."""
        stdout, stderr = sys.stdout, sys.stderr
        handlers = _terminal_handlers()
        streams = {handler: handler.setStream(_Above(handler.stream, self)) for handler in handlers}
        if stdout.isatty():
            sys.stdout = _Above(stdout, self)
        sys.stderr = _Above(stderr, self)
        try:
            yield
        finally:
            sys.stdout, sys.stderr = stdout, stderr
            for handler, stream in streams.items():
                handler.setStream(stream)
            self._wanted = []
            self._draw_lines()

    def write(self, message: str) -> None:
        """What tqdm has to write."""
        self._drawing, logged = True, self.last_message_written_time
        try:
            super().write(message)
            if self.last_message_written_time != logged:
                for line in self._wanted:
                    logger.info(line)
            self._bar_stands = True
            self._draw_lines()
        finally:
            self._drawing = False

    def make_room(self) -> None:
        """Erases the bar and the lines, for what comes in their place."""
        if self._bar_stands and not self._drawing:
            sys.stderr.flush()
            self._drawing = True
            sys.stderr.write(_ERASE_TO_END)
            sys.stderr.flush()
            self._bar_stands = self._drawing = False
            self._drawn = []

    def _draw_lines(self) -> None:
        if self._wanted == self._drawn:
            return
        surplus = [""] * (len(self._drawn) - len(self._wanted))
        lines = [*self._wanted, *surplus]
        sys.stderr.write("".join(f"\n\r{line}{_ERASE_LINE}" for line in lines) + f"\x1b[{len(lines)}A\r")
        sys.stderr.flush()
        self._drawn = self._wanted


class _Above:
    """A stream of the terminal whose output goes above the lines."""

    def __init__(self, stream: TextIO, lines: LinesBelowBar) -> None:
        self._stream = stream
        self._lines = lines

    def write(self, text: str) -> int:
        if text:
            self._lines.make_room()
        return self._stream.write(text)

    def writelines(self, lines: List[str]) -> None:
        self.write("".join(lines))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _terminal_handlers() -> List[logging.StreamHandler]:
    return [
        handler
        for handler in logging.getLogger().handlers
        if isinstance(handler, logging.StreamHandler) and getattr(handler.stream, "isatty", bool)()
    ]

"""A terminal for the tests: the system's pseudo-terminal, and what a screen shows of what was written to it."""

import fcntl
import os
import re
import struct
import sys
import termios
import threading
from typing import List

import pytest

_END = "\0"


class Terminal:
    """`stream` writes to a pseudo-terminal of so many columns and lines."""

    def __init__(self, columns: int = 110, lines: int = 40) -> None:
        self._master, slave = os.openpty()
        self.resize(columns, lines)
        self.stream = os.fdopen(slave, "w", buffering=1)
        self._received = b""
        self._at_end = threading.Event()
        # A process may keep the other side open for longer than anyone waits.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def attach(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Makes it stdout and stderr. Called by a test itself: before each, pytest takes them for itself."""
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr(sys, "stdout", self.stream)
        monkeypatch.setattr(sys, "stderr", self.stream)

    def resize(self, columns: int, lines: int) -> None:
        self._columns = columns
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def written(self) -> str:
        """All that was written so far."""
        self._at_end.clear()
        self.stream.write(_END)
        self.stream.flush()
        assert self._at_end.wait(10)
        return self._received.decode().replace(_END, "")

    def screen(self) -> List[str]:
        """The lines as they stand, from the first that was written, as if nothing scrolled out."""
        rows: List[str] = [""]
        row = column = 0
        pattern = r"\x1b\[([\d;]*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)"
        for count, command, control, text in re.findall(pattern, self.written()):
            if command == "A":
                row -= int(count or 1)
                assert row >= 0
            elif command == "m":  # colours
                continue
            elif command == "K":
                assert count == "2"
                rows[row] = ""
            elif control == "\r":
                column = 0
            elif control == "\n":
                row += 1
                rows += [""] * (row + 1 - len(rows))
            else:
                assert text, f"no such command: {command}"
                for character in text:
                    if column == self._columns:  # the line wraps
                        row, column = row + 1, 0
                        rows += [""] * (row + 1 - len(rows))
                    rows[row] = rows[row][:column].ljust(column) + character + rows[row][column + 1 :]
                    column += 1
        return [line.rstrip() for line in rows]

    def close(self) -> None:
        self.stream.close()
        self._reader.join(10)
        if not self._reader.is_alive():
            os.close(self._master)

    def _read(self) -> None:
        # It has to be emptied all the time: what writes to a full one waits.
        while True:
            try:
                received = os.read(self._master, 1 << 16)
            except OSError:  # the other side is closed
                return
            self._received += received
            if _END.encode() in received:
                self._at_end.set()

#!/usr/bin/env python
"""Makes the pictures of the terminal that the pages show: runs the commands, and draws what stands on the screen.

    make screens

Each command runs for itself in a terminal of 100 columns, in a folder with what `hmtl configs` copies. pyte makes a
screen of what it writes, and rich draws the screen as SVG. Two trainings on the sample take a minute.
"""

import argparse
import fcntl
import os
import re
import shlex
import struct
import subprocess
import sys
import tempfile
import termios
from contextlib import suppress
from io import StringIO
from itertools import groupby
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Sequence

import pyte
from rich.console import Console
from rich.style import Style
from rich.text import Text

from hmtl.common.shipped import copy_shipped

ROOT = Path(__file__).resolve().parents[2]
# More lines than any command writes, so that nothing scrolls out.
COLUMNS, LINES = 100, 400
# What pyte calls otherwise than rich.
_COLOURS = {"brown": "yellow", "brightbrown": "bright_yellow"}


class Shot(NamedTuple):
    """A command, and the pictures that are taken of it.

    # Attributes

    command : `str`
    at_the_end : `str`
        The name of the file, without its suffix, of what then stands on the screen; empty where none is taken.
    in_between : `str`
        That of the screen at a moment while it runs.
    moment : `str`
        A pattern: it is when the screen first has it.
    most_lines : `int`
        Of more only the first are drawn, and how many are left out.
    """

    command: str
    at_the_end: str = ""
    in_between: str = ""
    moment: str = ""
    most_lines: int = 60


SHOTS = [
    Shot(
        "hmtl train data/sample --tasks ner,emd,relation --epochs 4 -s runs/sample",
        "trained",
        "training",
        # In the third epoch: half of the bar at least, and below it the line of the last task.
        r"epoch 2: +[5-9]\d%.*\n(?s:.*)\n +relation .*loss",
    ),
    Shot("hmtl evaluate runs/sample", "evaluate"),
    Shot("hmtl errors runs/sample --tasks ner --examples 1", "errors", most_lines=40),
    Shot("hmtl train data/sample --tasks ner --epochs 3 -s runs/ner_alone"),
    Shot("hmtl runs runs", "runs"),
]


def written_by(command: str, folder: Path) -> Iterator[bytes]:
    """What a command writes to a terminal, as it comes.

    # Raises

    RuntimeError
        Where it fails.
    """
    program, *arguments = shlex.split(command)
    assert program == "hmtl"
    paths = [str(ROOT), str(ROOT / "carried"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "TERM": "xterm-256color"}
    for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "COLORTERM"):
        environment.pop(name, None)
    master, slave = os.openpty()
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "hmtl", *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    try:
        with suppress(OSError):  # the other side is closed
            while received := os.read(master, 1 << 16):
                yield received
    finally:
        os.close(master)
        code = process.wait()
    if code != 0:
        raise RuntimeError(f"'{command}' ended with {code}")


def lines_on(screen: pyte.Screen) -> List[Text]:
    """The lines of a screen with their colours, but for the empty ones at its end."""
    lines = []
    for row in range(screen.lines):
        line = Text()
        characters = [screen.buffer[row][column] for column in range(screen.columns)]
        for style, alike in groupby(characters, _style):
            line.append("".join(character.data for character in alike), style)
        line.rstrip()
        lines.append(line)
    while lines and not lines[-1].plain:
        lines.pop()
    return lines


def as_svg(command: str, lines: Sequence[Text], most_lines: int, name: str) -> str:
    """The command and the lines below it as a picture, which loads nothing from anywhere."""
    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text(f"$ {command}", Style(bold=True)))
    for line in lines[:most_lines]:
        console.print(line)
    if len(lines) > most_lines:
        console.print(Text(f"... {len(lines) - most_lines} more lines", Style(dim=True)))
    svg = console.export_svg(title="hmtl", unique_id=f"hmtl-{name}")
    # rich would have a font fetched.
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)


def pictures(shot: Shot, folder: Path) -> Dict[str, str]:
    """Runs the command of a shot to its end; the pictures by name.

    # Raises

    RuntimeError
        Where the command fails, the moment never comes, or a screen names the folder or the user's home.
    """
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    taken: Dict[str, List[Text]] = {}
    for received in written_by(shot.command, folder):
        stream.feed(received)
        if shot.in_between and not taken and re.search(shot.moment, "\n".join(screen.display)):
            taken[shot.in_between] = lines_on(screen)
    if shot.in_between and not taken:
        raise RuntimeError(f"'{shot.command}' never showed {shot.moment}")
    if shot.at_the_end:
        taken[shot.at_the_end] = lines_on(screen)
    for lines in taken.values():
        text = "\n".join(line.plain for line in lines)
        for place in (folder, folder.resolve(), ROOT, Path.home()):
            if f"{place}/" in text:
                raise RuntimeError(f"'{shot.command}' shows {place}")
    return {name: as_svg(shot.command, lines, shot.most_lines, name) for name, lines in taken.items()}


def _style(character: pyte.screens.Char) -> Style:
    return Style(
        color=_colour(character.fg), bgcolor=_colour(character.bg), bold=character.bold, reverse=character.reverse
    )


def _colour(name: str) -> str:
    if re.fullmatch(r"[0-9a-f]{6}", name):
        return f"#{name}"
    return _COLOURS.get(name, name.replace("bright", "bright_"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, metavar="DIR")
    output: Path = parser.parse_args().output
    with tempfile.TemporaryDirectory() as folder:
        copy_shipped(Path(folder))
        for shot in SHOTS:
            print(shot.command, flush=True)
            for name, svg in pictures(shot, Path(folder)).items():
                (output / f"{name}.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()

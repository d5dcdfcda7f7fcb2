"""The pages and what is quoted in them: commands, configurations, code."""

import re
from pathlib import Path
from typing import Iterator, List, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path
    for path in (ROOT / "docs").rglob("*.md")
    if not {"_build", "api", "results"} & set(path.relative_to(ROOT).parts)
) + [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "data/README.md", "research/README.md")]

_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
# A file, or a module of the studies.
_PROGRAM = r"python (?:(?:scripts|benchmarks|notebooks)/\w+\.py|-m research(?:\.\w+)+)"
_COMMAND = re.compile(r"(?:^|[\s(=])(?P<command>(?:hmtl|-m hmtl|" + _PROGRAM + r"|make)(?: .*)?)$")
_INLINE = re.compile(r"`(?P<command>(?:hmtl [^`]+|make [^`]+|" + _PROGRAM + r"(?: [^`]+)?))`")


class Block(NamedTuple):
    """A block of code in a page."""

    page: Path
    language: str
    text: str


def blocks(page: Path, *languages: str) -> List[Block]:
    """The blocks of some languages in a page, in order."""
    text = page.read_text(encoding="utf-8")
    found = (Block(page, match["language"], match["text"]) for match in _FENCE.finditer(text))
    return [block for block in found if block.language in languages]


def commands(page: Path) -> Iterator[str]:
    """The command lines of hmtl, its scripts and make in the blocks of a page, and those with options in its text."""
    for block in blocks(page, "", "bash", "console"):
        for line in block.text.replace("\\\n", " ").splitlines():
            match = _COMMAND.search(line)
            if match and not line.lstrip().startswith("#"):
                yield match["command"].removeprefix("-m ")
    yield from (command for command in _inline_commands(page) if _has_options(command))


def mentions(page: Path) -> Iterator[str]:
    """The commands that the text of a page names without options, such as `hmtl runs`."""
    yield from (command for command in _inline_commands(page) if not _has_options(command))


def _has_options(command: str) -> bool:
    return " -" in command.removeprefix("python -m")


def _inline_commands(page: Path) -> Iterator[str]:
    outside = _FENCE.sub("", page.read_text(encoding="utf-8")).replace("\n", " ")
    for match in _INLINE.finditer(outside):
        yield " ".join(match["command"].split())

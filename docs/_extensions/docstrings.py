"""Docstrings in Markdown with `# Parameters`, `# Raises` and the like, as AllenNLP writes them, for Sphinx.

Sphinx reads docstrings as reStructuredText. `to_rst` turns a docstring into it: headings into field lists, entries
below them into definition lists, code spans and code blocks into literals. Everything else is escaped, so that no
character of a sentence is taken for markup. A code span that names a public class of hmtl becomes a link.
"""

import ast
import re
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Tuple

from sphinx.application import Sphinx

SECTIONS = ("Parameters", "Attributes", "Returns", "Raises", "Yields")
_HEADING = re.compile(r"# (?P<title>\w+)$")
_CODE = re.compile(r"(`[^`]+`)")
_EMPHASIS = re.compile(r"(?<![\w*\\])(\*{1,2})(?=[^\s*])(?P<words>[^*`]+?)(?<=\S)\1(?![\w*])")
_LINK = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<address>https?://[^)\s]+)\)")
_BULLET = re.compile(r"(?P<indent> *)(?:[-*]|\d+\.) ")
_PACKAGE = Path(__file__).resolve().parents[2] / "hmtl"


class Entry(NamedTuple):
    """One entry of a section: its names, what stands behind the colon, and its description in Markdown."""

    name: str
    kind: str
    description: List[str]


def split_sections(lines: List[str]) -> Tuple[List[str], Dict[str, List[str]]]:
    """What stands before the first heading, and the lines below each of `SECTIONS`."""
    head: List[str] = []
    sections: Dict[str, List[str]] = {}
    current = head
    for line in lines:
        match = _HEADING.match(line)
        if match and match["title"] in SECTIONS:
            current = sections.setdefault(match["title"], [])
        else:
            current.append(line)
    return head, sections


def entries(lines: List[str]) -> List[Entry]:
    """The entries of a section: `name : type` at the margin, its description indented below.

    A line at the margin with neither is a remark, an entry without a name.
    """
    found: List[Entry] = []
    for number, line in enumerate(lines):
        if line and not line[0].isspace():
            name, _, kind = line.partition(" : ")
            is_remark = not kind and not any(below[:1].isspace() for below in lines[number + 1 : number + 2])
            found.append(Entry("", "", [line]) if is_remark else Entry(name.strip("`* "), kind, []))
        elif found:
            found[-1].description.append(line[4:])
    return found


def to_rst(lines: List[str]) -> List[str]:
    """A docstring, without its indentation, as reStructuredText."""
    head, sections = split_sections(lines)
    rst = list(_blocks(head))
    for title, content in sections.items():
        rst += ["", f":{title}:"]
        if any(line[:1].isspace() for line in content):
            for entry in entries(content):
                rst += [*_indented(list(_entry(entry)), 4), ""]
        else:
            rst += [*_indented(list(_blocks(content)), 4), ""]
    return rst


def _entry(entry: Entry) -> Iterator[str]:
    content = list(_blocks(entry.description))
    if not entry.name:
        yield from content
        return
    yield f"``{entry.name}``" + (f" : {_inline(entry.kind)}" if entry.kind else "")
    # A definition list wants a definition; an empty comment is one.
    yield from _indented(content if any(map(str.strip, content)) else [".."], 4)


def _blocks(lines: List[str]) -> Iterator[str]:
    """Paragraphs, lists, tables and code blocks."""
    number, in_list = 0, False
    while number < len(lines):
        line = lines[number]
        if line.lstrip().startswith("```"):
            number, block = _until(lines, number + 1, lambda text: text.lstrip().startswith("```"))
            yield from ["", "::", "", *_indented(block, 4), ""]
            number += 1
        elif line.startswith("|"):
            number, block = _until(lines, number, lambda text: not text.startswith("|"))
            yield from ["", *_table(block), ""]
        elif line.startswith("    ") and not in_list and (number == 0 or not lines[number - 1].strip()):
            number, block = _until(lines, number, lambda text: bool(text.strip()) and not text.startswith("    "))
            yield from ["", "::", "", *block, ""]
        else:
            bullet = _BULLET.match(line)
            if bullet and not in_list:
                yield ""
            if not line.startswith(" ") and line.strip():
                if in_list and not bullet:
                    yield ""
                in_list = bool(bullet)
            prefix = bullet[0] if bullet else ""
            yield prefix + _inline(line[len(prefix) :])
            number += 1


def _until(lines: List[str], start: int, ends: Any) -> Tuple[int, List[str]]:
    end = next((number for number in range(start, len(lines)) if ends(lines[number])), len(lines))
    return end, lines[start:end]


def _table(lines: List[str]) -> Iterator[str]:
    yield from [".. list-table::", "   :header-rows: 1", ""]
    for line in lines:
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not all(re.fullmatch(r":?-+:?", cell) for cell in cells):
            for number, cell in enumerate(cells):
                yield f"   {'* -' if number == 0 else '  -'} {_inline(cell)}"


def _indented(lines: List[str], width: int) -> List[str]:
    return [" " * width + line if line.strip() else "" for line in lines]


def _inline(text: str) -> str:
    """A line of Markdown: code spans, links and emphasis are kept, everything else is escaped."""
    return "".join(_code(part[1:-1]) if _CODE.fullmatch(part) else _plain(part) for part in _CODE.split(text))


def _code(code: str) -> str:
    where = public_classes().get(code)
    # A word that touches a literal would hide its end.
    return f"\\ :py:class:`~{where}`\\ " if where else f"\\ ``{code}``\\ "


def _plain(text: str) -> str:
    kept: List[str] = []

    def keep(markup: str) -> str:
        kept.append(markup)
        return f"\0{len(kept) - 1}\0"

    text = _LINK.sub(lambda match: keep(f"`{match['text']} <{match['address']}>`__"), text)
    text = _EMPHASIS.sub(lambda match: keep(f"\\ {match[1]}{_escaped(match['words'])}{match[1]}\\ "), text)
    return re.sub(r"\0(\d+)\0", lambda match: kept[int(match[1])], _escaped(text))


def _escaped(text: str) -> str:
    return re.sub(r"([\\*_|`])", r"\\\1", text)


@lru_cache(maxsize=None)
def public_classes() -> Dict[str, str]:
    """The public classes of hmtl whose names are unique: where each is defined."""
    found: Dict[str, List[str]] = {}
    for path in sorted(_PACKAGE.rglob("*.py")):
        module = ".".join(["hmtl", *path.relative_to(_PACKAGE).with_suffix("").parts])
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(f"{module}.{node.name}")
    return {name: places[0] for name, places in found.items() if len(places) == 1}


def _process(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: List[str]) -> None:
    lines[:] = to_rst(lines)


def _skip(app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any) -> Any:
    """Fields of named tuples say nothing but their number."""
    return True if (getattr(obj, "__doc__", None) or "").startswith("Alias for field number") else None


def setup(app: Sphinx) -> Dict[str, bool]:
    app.connect("autodoc-process-docstring", _process)
    app.connect("autodoc-skip-member", _skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Notebooks as pages: their text as it stands, their code and its outputs as blocks, pictures and pages of their own as
in the notebook; nothing is run."""

import html
import json
import re
from typing import Any, Dict, Iterator, List

from docutils import nodes
from myst_parser.parsers.sphinx_ import MystParser
from sphinx.application import Sphinx

_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_LINK = re.compile(r"\[([^\]]+)\]\((\w+)\.ipynb\)")


class NotebookParser(MystParser):
    """Reads a notebook as the Markdown that `to_markdown` makes of it."""

    supported = ("notebook",)

    def parse(self, inputstring: str, document: nodes.document) -> None:
        super().parse(to_markdown(json.loads(inputstring)), document)


def to_markdown(notebook: Dict[str, Any]) -> str:
    """The cells of a notebook, one after the other."""
    blocks: List[str] = []
    heading = ""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            heading = (_HEADING.findall(_text(cell["source"])) or [heading])[-1]
        blocks += _blocks(cell, heading)
    return "\n\n".join(blocks)


def _blocks(cell: Dict[str, Any], heading: str) -> Iterator[str]:
    source = _text(cell["source"])
    if cell["cell_type"] == "markdown":
        # A link to another notebook is one to its page.
        yield _LINK.sub(r"{doc}`\1 <\2>`", source)
    elif source.strip():
        yield f"````python\n{source}\n````"
        for output in cell.get("outputs", []):
            yield from _output(output, f"{heading}: what the code above draws")


def _output(output: Dict[str, Any], alternative: str) -> Iterator[str]:
    data = {form: _text(value) for form, value in output.get("data", {}).items()}
    text = _text(output["text"]) if "text" in output else data.get("text/plain", "")
    if "image/png" in data:
        encoded = "".join(data["image/png"].split())
        yield _raw(f'<img alt="{html.escape(alternative)}" src="data:image/png;base64,{encoded}">')
    elif "text/html" in data:
        yield _raw(data["text/html"])
    elif text.strip():
        yield f"````text\n{text.rstrip()}\n````"


def _raw(markup: str) -> str:
    # The fence is longer than any in the markup.
    fence = "`" * (1 + max((len(found) for found in re.findall("`+", markup)), default=2))
    return f"{fence}{{raw}} html\n\n{markup}\n{fence}"


def _text(lines: Any) -> str:
    joined: str = lines if isinstance(lines, str) else "".join(lines)
    return re.sub(r"\x1b\[[0-9;]*m", "", joined)


def setup(app: Sphinx) -> Dict[str, bool]:
    app.add_source_parser(NotebookParser)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

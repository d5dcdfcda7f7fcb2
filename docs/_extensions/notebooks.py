"""Notebooks as pages: their text as it stands, their code and its outputs as blocks; nothing is run."""

import json
import re
from typing import Any, Dict, Iterator

from docutils import nodes
from myst_parser.parsers.sphinx_ import MystParser
from sphinx.application import Sphinx

_LINK = re.compile(r"\[([^\]]+)\]\((\w+)\.ipynb\)")


class NotebookParser(MystParser):
    """Reads a notebook as the Markdown that `to_markdown` makes of it."""

    supported = ("notebook",)

    def parse(self, inputstring: str, document: nodes.document) -> None:
        super().parse(to_markdown(json.loads(inputstring)), document)


def to_markdown(notebook: Dict[str, Any]) -> str:
    """The cells of a notebook, one after the other."""
    return "\n\n".join(block for cell in notebook["cells"] for block in _blocks(cell))


def _blocks(cell: Dict[str, Any]) -> Iterator[str]:
    source = _text(cell["source"])
    if cell["cell_type"] == "markdown":
        # A link to another notebook is one to its page.
        yield _LINK.sub(r"{doc}`\1 <\2>`", source)
    elif source.strip():
        yield f"````python\n{source}\n````"
        for output in cell.get("outputs", []):
            text = _text(output.get("text") or output.get("data", {}).get("text/plain", ""))
            if text.strip():
                yield f"````text\n{text.rstrip()}\n````"


def _text(lines: Any) -> str:
    joined: str = lines if isinstance(lines, str) else "".join(lines)
    return re.sub(r"\x1b\[[0-9;]*m", "", joined)


def setup(app: Sphinx) -> Dict[str, bool]:
    app.add_source_parser(NotebookParser)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

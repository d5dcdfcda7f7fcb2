"""HTML pages in one file each: their style, their script and their data stand in them, and they load nothing."""

import base64
import hashlib
import json
import re
from functools import lru_cache
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Dict, List, Sequence

from allennlp.common.util import JsonDict

from hmtl.page.examples import EXAMPLES

if TYPE_CHECKING:
    from hmtl.tasks.task_head import Layer

# In this order they are one script.
_SCRIPTS = ("elements.js", "colours.js", "marks.js", "arcs.js", "tables.js", "text_view.js", "state.js", "main.js")


def page(outputs: List[JsonDict], layers: "Dict[str, Layer]", title: str = "hmtl") -> str:
    """A self-contained HTML page that shows predictions: spans as nested marks, relations as arcs, clusters by colour.

    # Parameters

    outputs : `List[JsonDict]`
        Outputs of an `HMTLPredictor`, in the layout that its docstring describes; with or without scores.
    layers : `Dict[str, Layer]`
        The predictor's `layers`: what each task predicts.
    title : `str`, optional (default = `"hmtl"`)
    """
    return _application(title, {"title": title, "layers": layers, "outputs": outputs})


def server_page(title: str, layers: "Dict[str, Layer]", max_characters: int, examples: Sequence[str] = EXAMPLES) -> str:
    """The same page with a text box, whose text goes to `predict` beside the page itself."""
    server = {"predict": "predict", "docs": "docs", "max_characters": max_characters, "examples": list(examples)}
    return _application(title, {"title": title, "layers": layers, "outputs": [], "server": server})


def document(title: str, body: str, script: str = "") -> str:
    """An HTML document in the style of the page. `body` is HTML, `script` is JavaScript.

    The browser is told to run this very script alone, and to load nothing from anywhere.
    """
    style = _asset("page.css")
    policy = (
        f"default-src 'none'; style-src {_source(style)}; script-src {_source(script)}; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        # An empty icon: otherwise browsers ask the server for one.
        '<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n{body}\n"
        + (f"<script>{script}</script>\n" if script else "")
        + "</body>\n</html>\n"
    )


def policy_of(html: str) -> str:
    """The policy that a document of this module states, for a server to state as well."""
    found = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', html)
    assert found is not None
    return found[1]


def _application(title: str, data: Dict[str, Any]) -> str:
    body = _asset("page.html").replace("{title}", escape(title)).replace("{data}", _embedded(data))
    scripts = "\n".join(_asset(name) for name in _SCRIPTS)
    return document(title, body, f'"use strict";\n(() => {{\n{scripts}}})();\n')


def _embedded(data: Any) -> str:
    """JSON that can stand inside `<script>`: nothing in it ends the element, or begins a comment."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    # Half of a surrogate pair has no UTF-8.
    return "".join(f"\\u{ord(c):04x}" if "\ud800" <= c <= "\udfff" else c for c in text)


def _source(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


@lru_cache(maxsize=None)
def _asset(name: str) -> str:
    return (files("hmtl.page") / "assets" / name).read_text(encoding="utf-8")

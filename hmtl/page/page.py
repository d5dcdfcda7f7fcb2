"""HTML pages in one file each: their style, their script and their data stand in them, and they load nothing.

Templates and styles are those of `hmtl/page/templates` and `hmtl/page/assets`, for the pages of all packages.
"""

import base64
import hashlib
import json
import re
from functools import lru_cache
from importlib.resources import files
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence

from allennlp.common.util import JsonDict
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from hmtl.common.characters import visible
from hmtl.page.examples import EXAMPLES
from hmtl.page.labels import glossary, meaning_of, name_of

_STYLES = ("page.css", "text.css", "report.css")

# In this order they are one script.
_SCRIPTS = (
    "elements.js",
    "labels.js",
    "marks.js",
    "arcs.js",
    "tables.js",
    "drawings.js",
    "text_view.js",
    "levels.js",
    "graph.js",
    "popover.js",
    "picture.js",
    "share.js",
    "state.js",
    "form.js",
    "theme.js",
    "main.js",
)


def page(
    outputs: List[JsonDict], layers: Dict[str, str], title: str = "hmtl", about: Optional[Mapping[str, Any]] = None
) -> str:
    """A self-contained HTML page that shows predictions in three views: all layers in one text, with spans as nested
    marks, relations as arcs, clusters by colour, other kinds as marks and badges with their labels, or as they say (see
    `Kind.drawing`); the text once a level; and clusters and relations as a graph.

    # Parameters

    outputs : `List[JsonDict]`
        Outputs of an `HMTLPredictor`, in the layout that its docstring describes; with or without scores.
    layers : `Dict[str, str]`
        The predictor's `layers`: what each task predicts.
    title : `str`, optional (default = `"hmtl"`)
    about : `Mapping[str, Any]`, optional (default = `None`)
        What is known of the model: its name as `model`, its `tasks`, each with `reads`, the levels that it reads, and
        maybe a `score`, an object with `figure`, `value` and `split`, and the address of its `card`.
    """
    return _application(title, layers, {"outputs": outputs}, about)


def server_page(
    title: str,
    layers: Dict[str, str],
    max_characters: int,
    examples: Mapping[str, str] = EXAMPLES,
    labels: Optional[Sequence[str]] = None,
    about: Optional[Mapping[str, Any]] = None,
    preview: str = "",
    pairs: bool = False,
) -> str:
    """The same page with a text box, whose text goes to `predict` beside the page itself. Where labels are texts, and
    those of training are given, there is a box for others, and with `pairs` one for the second text of a pair.
    `preview` is the address of the picture that stands for a link to the page."""
    server: Dict[str, Any] = {"predict": "predict", "docs": "docs", "max_characters": max_characters}
    server["examples"] = dict(examples)
    if labels:
        server["labels"] = list(labels)
    if pairs:
        server["pairs"] = True
    return _application(title, layers, {"outputs": [], "server": server}, about, preview)


def document(
    template: str, title: str, script: str = "", style: str = "", style_attributes: bool = False, **values: Any
) -> Iterator[str]:
    """Yields an HTML document in pieces, in the style of all pages.

    What a template shows is escaped twice: characters that would act on the reader, such as those that turn the
    direction of the text, are `visible`, and what is HTML is text.

    # Parameters

    template : `str`
        Of `hmtl/page/templates`.
    title : `str`
    script : `str`, optional (default = `""`)
        JavaScript. The browser is told to run this very script alone, and to load nothing from anywhere.
    style : `str`, optional (default = `""`)
        CSS of this document alone, behind that of all.
    style_attributes : `bool`, optional (default = `False`)
        Whether elements may have styles of their own, such as the length of a bar.
    values : `Any`
        What the template shows.
    """
    whole_style = "".join(map(asset, _STYLES)) + style
    # No hash can name an attribute.
    styles = "'unsafe-inline'" if style_attributes else _source(whole_style)
    policy = (
        f"default-src 'none'; style-src {styles}; script-src {_source(script)}; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    return (
        _environment()
        .get_template(template)
        .generate(title=title, policy=Markup(policy), style=Markup(whole_style), script=Markup(script), **values)
    )


def policy_of(html: str) -> str:
    """The policy that a document of this module states, for a server to state as well."""
    found = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', html)
    assert found is not None
    return found[1]


@lru_cache(maxsize=None)
def asset(name: str) -> str:
    """A file of `hmtl/page/assets`."""
    return (files("hmtl.page") / "assets" / name).read_text(encoding="utf-8")


def picture(name: str) -> bytes:
    """A picture of `hmtl/page/assets`."""
    return (files("hmtl.page") / "assets" / name).read_bytes()


def themed(*scripts: str) -> str:
    """The script of a page that is written whole: its button for light and dark, and files of `hmtl/page/assets`."""
    return _script("\n".join(map(asset, ("theme.js", *scripts))))


_DESCRIPTION = (
    "Who and what a text is about, and how it is related, read by one model in which each level builds on others."
)

# What tables and headings call the tasks of the paper.
_ABBREVIATIONS = {"ner": "NER", "emd": "EMD", "coref": "CR", "relation": "RE", "entities": "entities"}


def _application(
    title: str,
    layers: Dict[str, str],
    data: Dict[str, Any],
    about: Optional[Mapping[str, Any]] = None,
    preview: str = "",
) -> str:
    # The page of a corpus has no predictions, and starts without torch.
    from hmtl.tasks.kind import kinds_of

    kinds = {
        kind.name: {"singular": kind.singular, "plural": kind.plural, "drawing": kind.drawing}
        for kind in kinds_of(layers).values()
    }
    tasks = (about or {}).get("tasks", {})
    used = {label for task in tasks.values() for label in task.get("labels", [])}
    used |= {label for output in data["outputs"] for task in layers for label in _labels_of(output[task])}
    known = {task: {"reads": told["reads"]} for task, told in tasks.items() if "reads" in told}
    data = {
        "title": title,
        "layers": layers,
        "kinds": kinds,
        "labels": glossary(used),
        "about": {"tasks": known},
        **data,
    }
    scripts = "\n".join(map(asset, _SCRIPTS))
    return "".join(
        document(
            "predictions.html",
            title,
            _script(scripts),
            data=Markup(_embedded(data)),
            about=_headline(about),
            description=_DESCRIPTION,
            preview=preview,
            preview_description="A text with its entities, mentions, relations and clusters",
        )
    )


def _headline(about: Optional[Mapping[str, Any]]) -> Optional[Dict[str, Any]]:
    """What the header says of a model."""
    if about is None:
        return None
    scores = [
        (_ABBREVIATIONS.get(name, name), task["score"]) for name, task in about["tasks"].items() if task.get("score")
    ]
    split = scores[0][1]["split"] if scores else ""
    return {"model": about["model"], "scores": scores, "split": split, "card": about.get("card", "")}


def _labels_of(rows: Iterable[Any]) -> Iterator[str]:
    return (str(row["label"]) for row in rows if isinstance(row, dict) and "label" in row)


def _script(scripts: str) -> str:
    return f'"use strict";\n(() => {{\n{scripts}}})();\n'


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
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("hmtl.page"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["thousands"] = "{:,}".format
    environment.globals.update(name_of=name_of, meaning_of=meaning_of)
    return environment


def _shown(value: Any) -> Any:
    """What stands for a value before it is escaped; what is HTML already stays."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value

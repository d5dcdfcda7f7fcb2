"""Pages that explain configurations, written from the code that they explain.

A line of a page, `{{ registered("hmtl.tasks:TaskHead") }}`, becomes the classes of hmtl that a configuration can
name in that place, each with its keys: names, types and defaults from the signature of its constructor, descriptions
from its docstring. `{{ described("hmtl.models.hmtl:Level") }}` becomes the keys of a class that needs no `type`,
`{{ library("levels") }}` the functions of `configs/lib/levels.libsonnet`, each with the comment above it, and
`{{ setups("free") }}` a table of `configs/setups/free`. A docstring that describes a key that is not there makes a
warning.
"""

import importlib
import inspect
import re
import types
import typing
from itertools import dropwhile
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from allennlp.common import Lazy, Registrable
from docstrings import Entry, entries, split_sections
from sphinx.application import Sphinx
from sphinx.util import logging

from research.paper.paper import TEST_F1

logger = logging.getLogger(__name__)

LIBRARY = Path(__file__).resolve().parents[2] / "configs" / "lib"
_CALL = re.compile(r'^\{\{ (?P<function>\w+)\("(?P<argument>[\w.:]+)"\) \}\}$', re.MULTILINE)
_STATED_DEFAULT = re.compile(r"\(default = (?P<default>.+)\)")
_FUNCTION = re.compile(r"  (?P<name>[a-z]\w*)\(")
_END_OF_ARGUMENTS = re.compile(r"\)::?(\s|$)")
# What hmtl and AllenNLP pass in, whatever the configuration says.
SUPPLIED = {
    *("self", "cls", "vocab", "instances", "model", "model_parameters", "optimizer", "serialization_dir"),
    *("encoding_dim", "encoder_input_dim", "task_name", "span_layers", "sharing_tasks", "shared_embedding_dim"),
    *("input_size", "input_dim", "label_vectors_dim"),
    *("reader", "data_path", "data_loader", "validation_data_loader", "dataset_reader"),
    *("local_rank", "world_size", "distributed", "ddp_accelerator"),
}
# The trainer builds its optimizers from a key of that name.
CONFIGURED = {"MultiTaskTrainer": {"optimizer"}}


class Key(NamedTuple):
    """One key of a configuration; `default` is empty where the key is required."""

    name: str
    kind: str
    default: str
    description: str


def registered(base_path: str) -> Iterator[str]:
    """The classes of hmtl below a registrable base, by their registered names, the default first."""
    base = _resolve(base_path)
    found = {
        name: (cls, constructor)
        for kind, names in Registrable._registry.items()
        if issubclass(base, kind) or issubclass(kind, base)  # a base of AllenNLP's, or hmtl's own below it
        for name, (cls, constructor) in names.items()
        if cls.__module__.startswith("hmtl.") and issubclass(cls, base)
    }
    default = getattr(base, "default_implementation", None)
    for name, (cls, constructor) in sorted(found.items(), key=lambda item: (item[0] != default, item[0])):
        yield f"### `{name}`{' (the default)' if name == default else ''}"
        yield from _class(cls, constructor)


def described(class_path: str) -> Iterator[str]:
    """One class that a configuration builds without a `type`."""
    yield from _class(_resolve(class_path), None)


def library(name: str) -> Iterator[str]:
    """The public functions of a file of `configs/lib`, with the comments above them."""
    path = LIBRARY / f"{name}.libsonnet"
    yield "\n".join(leading_comment(path))
    for signature, comment in library_functions(path):
        yield f"### `{signature.partition('(')[0]}`"
        yield f"```jsonnet\n{name}.{signature}\n```"
        yield "\n".join(comment)


def setups(corpora: str) -> Iterator[str]:
    """The setups of a folder of `configs/setups`: what each is, and the paper's test F1."""
    rows = ["| setup | what | NER | EMD | RE | CR |", "|---|---|---|---|---|---|"]
    for path in sorted((LIBRARY.parent / "setups" / corpora).glob("*.jsonnet"), key=lambda path: path.stem.split("-")):
        what = next(leading_comment(path)).partition(";")[0].removeprefix(f"{path.stem}: ")
        published = TEST_F1.get(path.stem, {})
        figures = []
        for task in ("ner", "emd", "relation", "coref"):
            score = next((f"{value:.2f}" for column, value in published.items() if column.task == task), "")
            figures.append(score)
        rows.append(f"| `{path.stem}` | {what} | {' | '.join(figures)} |")
    yield "\n".join(rows)


def keys_of(cls: type, constructor: Optional[str] = None) -> Tuple[List[Key], Optional[type]]:
    """The keys of a class, and the class of AllenNLP's whose keys it takes as well."""
    documented = _documented(cls.__mro__, constructor)
    supplied = SUPPLIED - CONFIGURED.get(cls.__name__, set())
    keys: Dict[str, Key] = {}
    beyond = None
    for owner, function in _constructors(cls, constructor):
        if not owner.__module__.startswith("hmtl."):
            beyond = owner if set(inspect.signature(function).parameters) - supplied - {"kwargs"} else None
            break
        hints = typing.get_type_hints(function)
        for name, parameter in inspect.signature(function).parameters.items():
            if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY) and name not in supplied:
                entry = documented.get(name, Entry(name, "", []))
                default, description = _default(parameter, entry), "\n".join(entry.description).strip()
                keys.setdefault(name, Key(name, type_name(hints.get(name, Any)), default, description))
    # What a class takes of the keys of one that it extends is its own choice.
    own = [owner for owner, _ in _constructors(cls, constructor)]
    unknown = sorted(set(_documented(own, constructor)) - set(keys) - supplied - _open_ended(cls))
    if unknown and beyond is None:
        logger.warning("the docstring of %s describes keys that it does not have: %s", cls.__name__, ", ".join(unknown))
    return list(keys.values()), beyond


def library_functions(path: Path) -> List[Tuple[str, List[str]]]:
    """The functions of a library, `name(arguments)`, and the lines of the comment above each."""
    found: List[Tuple[str, List[str]]] = []
    comment: List[str] = []
    # What stands before the object is the file's own.
    lines = dropwhile("{".__ne__, path.read_text(encoding="utf-8").splitlines())
    for line in lines:
        if line.startswith("  // "):
            comment.append(line.removeprefix("  // "))
            continue
        if _FUNCTION.match(line):
            signature = line.removeprefix("  ")
            while not _END_OF_ARGUMENTS.search(signature):
                signature += "\n" + next(lines).removeprefix("  ")
            found.append((_END_OF_ARGUMENTS.split(signature)[0] + ")", comment))
        comment = []
    return found


def leading_comment(path: Path) -> Iterator[str]:
    """The lines of the comment at the top of a file of jsonnet."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("//"):
            return
        # What is indented there is a table.
        text = line.removeprefix("//").removeprefix(" ")
        yield f"    {text.strip()}" if text.startswith("  ") else text


def type_name(kind: Any) -> str:
    """A type as a reader of configurations needs it: `Optional` and `Lazy` play no part there."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(type_name(argument) for argument in arguments if argument is not type(None))
    if origin is typing.Literal:
        return " or ".join(map(repr, arguments))
    if origin is None:
        return getattr(kind, "__name__", str(kind).removeprefix("typing."))
    names = ", ".join("..." if argument is ... else type_name(argument) for argument in arguments)
    return names if origin.__name__ == "Lazy" else f"{origin.__name__}[{names}]"


def _constructors(cls: type, constructor: Optional[str]) -> Iterator[Tuple[type, Callable]]:
    """What takes the keys: the constructor, and those above it that it passes other keys to."""
    name = constructor or "__init__"
    for owner in cls.__mro__:
        if name in vars(owner) and owner is not object:
            function = getattr(owner, name)
            yield owner, function
            parameters = inspect.signature(function).parameters.values()
            if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
                return


def _open_ended(cls: type) -> Set[str]:
    """What the constructors call the keys that they pass on, such as `kwargs`."""
    return {
        name
        for owner in cls.__mro__
        if "__init__" in vars(owner)
        for name, parameter in inspect.signature(owner.__init__).parameters.items()
        if parameter.kind is parameter.VAR_KEYWORD
    }


def _documented(classes: Sequence[type], constructor: Optional[str]) -> Dict[str, Entry]:
    """What the docstrings of classes, the most special first, and of their constructors say of each parameter."""
    found: Dict[str, Entry] = {}
    for owner in reversed(classes):
        if not owner.__module__.startswith("hmtl."):
            continue
        for documented in (owner, vars(owner).get(constructor or "__init__")):
            lines = (inspect.getdoc(getattr(documented, "__func__", documented)) or "").splitlines()
            for entry in entries(split_sections(lines)[1].get("Parameters", [])):
                found.update(dict.fromkeys(filter(None, (name.strip("* ") for name in entry.name.split(","))), entry))
    return found


def _class(cls: type, constructor: Optional[str]) -> Iterator[str]:
    yield "\n".join(split_sections(inspect.cleandoc(cls.__doc__ or "").splitlines())[0]).strip()
    keys, beyond = keys_of(cls, constructor)
    for key in keys:
        default = f"default {key.default}" if key.default else "required"
        description = key.description.replace("\n", "\n  ")
        yield f"- **`{key.name}`** (`{key.kind}`, {default})  \n  {description}".rstrip()
    if beyond is not None:
        yield f"It also has the keys of AllenNLP's `{beyond.__name__}`."
    yield f"In the reference: {{py:class}}`~{cls.__module__}.{cls.__name__}`."


def _default(parameter: inspect.Parameter, documented: Entry) -> str:
    if parameter.default is parameter.empty:
        return ""
    stated = _STATED_DEFAULT.search(documented.kind)
    if stated and (parameter.default is None or isinstance(parameter.default, Lazy)):
        return _in_json(stated["default"])
    if isinstance(parameter.default, Lazy):
        return f"`{parameter.default._constructor.__name__}`"
    return _in_json(f"`{parameter.default!r}`")


def _in_json(value: str) -> str:
    return {"`None`": "`null`", "`True`": "`true`", "`False`": "`false`"}.get(value, value)


def _resolve(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def _expand(app: Sphinx, docname: str, source: List[str]) -> None:
    functions = {function.__name__: function for function in (registered, described, library, setups)}

    def content(match: "re.Match[str]") -> str:
        return "\n\n".join(filter(None, functions[match["function"]](match["argument"])))

    if _CALL.search(source[0]):
        app.env.note_reread()  # Sphinx does not know what the page is made from
        source[0] = _CALL.sub(content, source[0])


def setup(app: Sphinx) -> Dict[str, bool]:
    app.connect("source-read", _expand)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

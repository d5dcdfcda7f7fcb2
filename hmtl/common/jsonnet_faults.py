"""What is wrong in a configuration's jsonnet, in one line: the place, and for a misspelt name the one that is meant."""

import json
import re
from pathlib import Path
from typing import List, Optional, Tuple

from allennlp.common.params import evaluate_snippet

from hmtl.common.checks import did_you_mean
from hmtl.common.shipped import shipped_folder

# Of the stack below a message: `file:line:column-column`, or `file:(line:column)-(line:column)`.
_PLACE = re.compile(r"\s*(?P<file>.+?):\(?(?P<line>\d+):(?P<column>\d+)")
_FIELD = re.compile(r"field does not exist: (?P<name>\w+)")
_PARAMETER = re.compile(r"function has no parameter (?P<name>\w+)")
_IMPORT = re.compile(r"couldn't open import \"(?P<path>.+?)\"")
_VARIABLE = re.compile(r"undefined external variable: (?P<name>.+)")


def jsonnet_fault(message: str) -> str:
    """`RUNTIME ERROR: what` above a stack of places becomes `place: what`, with advice where a name is misspelt."""
    first, *stack = message.split(": ", 1)[1].splitlines()
    variable = _VARIABLE.fullmatch(first)
    if variable:
        first = f"the environment variable {variable['name']} is not set; the configuration needs it"
    imported = _IMPORT.match(first)
    if imported:
        advice = _library_like(imported["path"])
        first = f"{first.partition(': no match')[0]}{advice and '; '}{advice}"
    place = _PLACE.match(stack[0]) if stack else None
    if place is None:
        return first
    advice = _advice(first, Path(place["file"]), int(place["line"]), int(place["column"]))
    return f"{place['file']}:{place['line']}: {first}{advice and '; '}{advice}"


def _library_like(path: str) -> str:
    """What an import that starts as those of hmtl's own library do, and is none, may be meant for."""
    names = sorted(file.stem for file in (shipped_folder() / "configs" / "lib").glob("*.libsonnet"))
    return _names_known(Path(path).stem, names, "hmtl's library has") if path.startswith("lib/") else ""


def _advice(fault: str, path: Path, line: int, column: int) -> str:
    """What a name is likely meant for that an imported file, or a function in one, does not have."""
    field, parameter = _FIELD.match(fault), _PARAMETER.match(fault)
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
    expression = "\n".join(source.splitlines()[line - 1 :])[column - 1 :]
    called = re.match(r"(?P<library>\w+)\.(?P<function>\w+)", expression)
    file = called and _imported(source, called["library"], path)
    if called is None or file is None:
        return ""
    if field:
        return _names_known(field["name"], _fields_of(file), "it has")
    if parameter:
        return _names_known(parameter["name"], _parameters_of(file, called["function"]), "it takes")
    return ""


def _imported(source: str, name: str, path: Path) -> Optional[Path]:
    match = re.search(rf"local\s+{re.escape(name)}\s*=\s*import\s+(['\"])(?P<file>.+?)\1", source)
    if match is None:
        return None
    beside = path.parent / match["file"]
    return beside if beside.exists() else shipped_folder() / "configs" / match["file"]


def _fields_of(file: Path) -> List[str]:
    try:
        return json.loads(evaluate_snippet("", f"std.objectFieldsAll(import {json.dumps(str(file.absolute()))})"))
    except (RuntimeError, ValueError):
        return []


def _parameters_of(file: Path, function: str) -> List[str]:
    """The names of a function's parameters, from its definition, `function(first, second=default)::`."""
    match = re.search(rf"^\s*(?:local )?{re.escape(function)}\(", file.read_text(encoding="utf-8"), re.MULTILINE)
    if match is None:
        return []
    return [name for name, depth in _words_by_depth(match.string[match.end() :]) if depth == 0]


def _words_by_depth(text: str) -> List[Tuple[str, int]]:
    """The first word of each argument up to the closing parenthesis, and how deep in brackets it stands."""
    found, depth, is_first = [], 0, True
    for token in re.findall(r"'[^']*'|\"[^\"]*\"|//[^\n]*|\w+|[^\w\s]", text):
        if token in "([{":
            depth += 1
        elif token in ")]}":
            depth -= 1
            if depth < 0:
                break
        elif token == ",":
            is_first = True
        elif is_first and token.isidentifier():
            found.append((token, depth))
            is_first = False
    return found


def _names_known(name: str, known: List[str], otherwise: str) -> str:
    return did_you_mean(name, known, f"{otherwise} {', '.join(known)}") if known else ""

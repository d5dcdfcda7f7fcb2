"""Overrides of a configuration, the `-o` of commands: read from the command line, and merged into a configuration.

Overrides are an object. A key is a path of dotted keys (`trainer.optimizer.lr`; in a list the index, from 0), and may
stand within objects, too. An object is merged into the one that is there, key by key, and what is not named stays; one
with another `type` replaces it, since the keys of one class mean nothing to another. Any other value replaces. A key
that begins with `~` removes the one behind it: `{"~trainer.patience": null}`. Removals come first, whatever the order.
"""

import argparse
import copy
import json
import re
from typing import Any, Dict, List, Optional, Sequence, Union

from allennlp.common.params import evaluate_snippet

from hmtl.common.allennlp_internals import environment_variables
from hmtl.common.checks import did_you_mean
from hmtl.errors import UserError

Overrides = Dict[str, Any]

REMOVED = "~"
_NAMED = re.compile(r"(?P<key>[\w*-]+(?:\.[\w*-]+)*)=(?P<value>.*)", re.DOTALL)
_REMOVAL = re.compile(r"~[\w*-]+(?:\.[\w*-]+)*")
_EXPECTED = """'{"trainer.num_epochs": 3}', trainer.num_epochs=3, or ~KEY to remove a key"""


class OverridesAction(argparse.Action):
    """Of `-o`, which may be given several times: `{...}`, `key=value` or `~key`; the later ones are merged last."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: Optional[str] = None
    ) -> None:
        earlier = json.loads(getattr(namespace, self.dest) or "[]")
        # One string, which AllenNLP's commands hand on.
        setattr(namespace, self.dest, json.dumps([*earlier, read_overrides(values)]))


def read_overrides(text: str) -> Overrides:
    """The overrides of one `-o`: JSON or jsonnet that makes an object, `key=value`, or `~key`.

    The value of a key is JSON where it is valid JSON, and else a string.

    # Raises

    UserError
        Where it is none of these.
    """
    text = text.strip()
    if not text:
        return {}
    if _REMOVAL.fullmatch(text):
        return {text: None}
    named = _NAMED.fullmatch(text)
    if named:
        return {named["key"]: _value(named["key"], named["value"])}
    found = _jsonnet(text, text)
    if not isinstance(found, dict):
        raise UserError(f"-o {_short(text)}: expected an object, found {_kind(found)}; such as {_EXPECTED}")
    return found


def parse_overrides(text: str) -> List[Overrides]:
    """The overrides that `OverridesAction` has put into one string, or those of one `-o`."""
    if text.lstrip().startswith("["):
        return json.loads(text)
    return [read_overrides(text)] if text else []


def merged(config: Dict[str, Any], overrides: Union[Overrides, Sequence[Overrides]]) -> Dict[str, Any]:
    """A configuration with overrides, or with several, one after the other; neither is changed.

    # Raises

    UserError
        Where a key has no place in the configuration.
    """
    config = copy.deepcopy(config)
    for each in [overrides] if isinstance(overrides, dict) else overrides:
        _merge(config, each, "")
    return config


def joined(overrides: Sequence[Overrides]) -> Overrides:
    """Overrides that do what all of these do, one after the other. Removals stay, and come first."""
    together: Overrides = {}
    for key, value in (item for each in overrides for item in each.items()):
        related = [other for other in together if _is_within(key, other) or _is_within(other, key)]
        if key.startswith(REMOVED) or not related:
            together[key] = value
            continue
        outermost = min([key, *related], key=len)
        tree: Any = {}
        for other in related:
            tree = _on_top(tree, _nested(other, outermost, together.pop(other)))
        together[outermost] = _on_top(tree, _nested(key, outermost, value))
    return together


def without_removals_made(config: Dict[str, Any], overrides: Overrides) -> Overrides:
    """Overrides without the removals of what a configuration does not have, as where it was written with them."""
    left: Overrides = {}
    for path, value in overrides.items():
        there: Any = config
        for part in path.removeprefix(REMOVED).split("."):
            key = _key(there, part)
            there = there[key] if isinstance(there, (dict, list)) and _has(there, key) else None
        if there is not None or not path.startswith(REMOVED):
            left[path] = (
                without_removals_made(there, value) if isinstance(there, dict) and isinstance(value, dict) else value
            )
    return left


def _merge(config: Any, overrides: Overrides, place: str) -> None:
    """Merges overrides into an object or a list at a place of the configuration."""
    ordered = sorted(overrides, key=lambda key: (not key.startswith(REMOVED), key.count(".")))
    for path in ordered:
        target, key = _parent(config, path.removeprefix(REMOVED), place)
        value = overrides[path]
        if path.startswith(REMOVED):
            _remove(target, key, path, value, place)
        elif isinstance(value, dict) and _is_merged(target[key] if _has(target, key) else None, value):
            _merge(target[key], value, f"{place}{path}.")
        else:
            target[key] = _without_removals(value)


def _parent(config: Any, path: str, place: str) -> Any:
    """The object or list that holds the last part of a path, and this part."""
    target, parts = config, path.split(".")
    for depth, part in enumerate(parts[:-1], start=1):
        key = _key(target, part)
        if not _has(target, key) or not isinstance(target[key], (dict, list)):
            inner = ".".join(parts[:depth])
            there = _has(target, key)
            found = f"is {json.dumps(target[key])}, not an object" if there else f"is not there{_near(target, part)}"
            raise UserError(f"-o {place}{path}: '{place}{inner}' {found}")
        target = target[key]
    key = _key(target, parts[-1])
    if isinstance(target, list) and not _has(target, key):
        raise UserError(f"-o {place}{path}: there is a list of {len(target)}; expected an index below, from 0")
    return target, key


def _key(target: Any, part: str) -> Any:
    return int(part) if isinstance(target, list) and part.isdecimal() else part


def _has(target: Any, key: Any) -> bool:
    return isinstance(key, int) and key < len(target) if isinstance(target, list) else key in target


def _is_merged(there: Any, value: Dict[str, Any]) -> bool:
    if isinstance(there, list):
        return bool(value) and all(key.removeprefix(REMOVED).split(".")[0].isdecimal() for key in value)
    return isinstance(there, dict) and ("type" not in value or there.get("type", value["type"]) == value["type"])


def _remove(target: Any, key: Any, path: str, value: Any, place: str) -> None:
    shown = f"{place}{path.removeprefix(REMOVED)}"
    if value is not None:
        raise UserError(f"-o {REMOVED}{shown}: removes the key; expected null as its value, found {_kind(value)}")
    if not _has(target, key):
        raise UserError(f"-o {REMOVED}{shown}: there is no such key to remove{_near(target, str(key))}")
    del target[key]


def _without_removals(value: Any) -> Any:
    """A value that replaces another: what it would remove is not in it anyway."""
    if isinstance(value, dict):
        return {key: _without_removals(inner) for key, inner in value.items() if not key.startswith(REMOVED)}
    return copy.deepcopy(value)


def _is_within(key: str, other: str) -> bool:
    return f"{key}.".startswith(f"{other}.")


def _nested(key: str, outermost: str, value: Any) -> Any:
    """The value of a key, in objects below the outermost one."""
    for part in reversed(key.split(".")[outermost.count(".") + 1 :]):
        value = {part: value}
    return value


def _on_top(first: Any, then: Any) -> Any:
    """What `then` makes of a value that overrides give before it."""
    if not (isinstance(then, dict) and _is_merged(first, then)):
        return then
    return {**first, **{key: _on_top(first.get(key), value) for key, value in then.items()}}


def _near(target: Any, part: str) -> str:
    advice = did_you_mean(part, target if isinstance(target, dict) else [], "")
    return f"; {advice}" if advice else ""


def _value(key: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return _jsonnet(text, f"{key}={text}") if text.startswith(("{", "[")) else text


def _jsonnet(text: str, shown: str) -> Any:
    try:
        return json.loads(evaluate_snippet("", text, ext_vars=environment_variables()))
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0].removeprefix("RUNTIME ERROR: ").removeprefix("STATIC ERROR: ")
        raise UserError(f"-o {_short(shown)}: not valid: {reason}; expected {_EXPECTED}") from error


def _kind(value: Any) -> str:
    return {list: "a list", str: "a string", dict: "an object", type(None): "null"}.get(type(value), json.dumps(value))


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 60 else f"{text[:57]}..."

"""Overrides of a configuration: dotted keys and their values."""

from typing import Any, Dict

from allennlp.common.params import with_overrides


def joined(first: Dict[str, Any], then: Dict[str, Any]) -> Dict[str, Any]:
    """Overrides that do what both do, one after the other: AllenNLP refuses a key that lies within another."""
    overrides = {
        key: value for key, value in first.items() if not any(f"{key}.".startswith(f"{other}.") for other in then)
    }
    for key, value in then.items():
        outer = next((other for other in overrides if key.startswith(f"{other}.")), None)
        if outer is None:
            overrides[key] = value
        else:
            overrides[outer] = with_overrides(overrides[outer], {key.removeprefix(f"{outer}."): value})
    return overrides

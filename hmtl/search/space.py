"""The space of a search: the dotted keys of a configuration, and the values that each may take."""

import difflib
import itertools
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple, Union

from allennlp.common import Params
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial

from hmtl.errors import UserError

FIELDS = {
    "float": ({"low", "high"}, {"log", "step"}),
    "int": ({"low", "high"}, {"log", "step"}),
    "categorical": ({"choices"}, set()),
}
MAX_GRID = 100_000


@dataclass(frozen=True)
class Parameter:
    """A key of the configuration, and the values that it may take.

    # Attributes

    key : `str`
        Dotted, as AllenNLP's overrides have it: `trainer.optimizer.lr`.
    distribution : `BaseDistribution`
        Optuna's.
    choices : `Tuple[Any, ...]`
        Of a categorical one, the values themselves; Optuna sees the label of each.
    when : `Dict[str, List[Any]]`
        Other keys, and the values of theirs with which this one is searched; else the configuration's value stays.
    """

    key: str
    distribution: BaseDistribution
    choices: Tuple[Any, ...]
    when: Dict[str, List[Any]]

    def applies(self, values: Dict[str, Any]) -> bool:
        """Whether it is searched, given the values of the unconditional keys."""
        return all(values[key] in allowed for key, allowed in self.when.items())

    def suggest(self, trial: Trial) -> Any:
        """The sampler's value for a trial, the same whenever it is asked for the same trial."""
        distribution = self.distribution
        if isinstance(distribution, FloatDistribution):
            low, high = distribution.low, distribution.high
            return trial.suggest_float(self.key, low, high, step=distribution.step, log=distribution.log)
        if isinstance(distribution, IntDistribution):
            return trial.suggest_int(
                self.key, distribution.low, distribution.high, step=distribution.step, log=distribution.log
            )
        assert isinstance(distribution, CategoricalDistribution)
        return self.decode(trial.suggest_categorical(self.key, distribution.choices))

    def decode(self, value: Any) -> Any:
        """The configuration's value for one of Optuna's."""
        return self.choices[self._labels.index(value)] if self.choices else value

    def grid(self) -> List[Any]:
        """Every value, as Optuna has it.

        # Raises

        UserError
            Where there are infinitely many, or many more than a grid is good for.
        """
        distribution = self.distribution
        if isinstance(distribution, CategoricalDistribution):
            return list(distribution.choices)
        assert isinstance(distribution, (FloatDistribution, IntDistribution))
        if distribution.step is None or distribution.log:
            raise UserError(f"--sampler grid: '{self.key}' has no finite values; give it a 'step', or 'choices'")
        count = math.floor((distribution.high - distribution.low) / distribution.step + 1e-9) + 1
        if count > MAX_GRID:
            raise UserError(f"--sampler grid: '{self.key}' has {count} values; give it a greater 'step', or 'choices'")
        return [distribution.low + index * distribution.step for index in range(count)]

    @property
    def _labels(self) -> List[str]:
        return [label(choice) for choice in self.choices]


class SearchSpace:
    """The parameters of a search, those that depend on others last. See `read` for the file."""

    def __init__(self, parameters: List[Parameter]) -> None:
        self.parameters = sorted(parameters, key=lambda parameter: bool(parameter.when))

    @classmethod
    def read(cls, path: Path) -> "SearchSpace":
        """A space from a JSON or Jsonnet file, an object that maps dotted keys to distributions.

        A distribution is `{"type": "float" or "int", "low":, "high":, "log":, "step":}`, bounds included, or
        `{"type": "categorical", "choices": [...]}`, whose choices may be whole objects, which are merged
        into the configuration as `-o` does. `"when": {key: value or [values]}` searches a key only with these values of
        others.

        # Raises

        UserError
            Where the file is none of this.
        """
        if not path.is_file():
            raise UserError(f"{path}: expected a file with the space to search, found {_what_is_at(path)}")
        described = Params.from_file(str(path)).as_dict(quiet=True)
        if not described:
            raise UserError(f"{path}: expected an object that maps keys of the configuration to distributions")
        parameters = [_parameter(key, value, f"{path}: '{key}'") for key, value in described.items()]
        _check_keys({parameter.key: parameter for parameter in parameters}, path)
        return cls(parameters)

    def check(self, configuration: Dict[str, Any], path: Path) -> None:
        """Makes sure that the configuration has the keys, or has what a key with a default would stand in.

        # Raises

        UserError
            Names the first key that has no place, and the nearest that there are.
        """
        for parameter in self.parameters:
            missing = _missing_part(configuration, parameter.key)
            if missing is not None:
                near = difflib.get_close_matches(parameter.key, list(_dotted_keys(configuration)), n=3, cutoff=0.5)
                nearest = f"; nearest: {', '.join(near)}" if near else ""
                raise UserError(f"{path}: '{parameter.key}': the configuration has no '{missing}'{nearest}")

    def suggest(self, trial: Trial) -> Dict[str, Any]:
        """The overrides of a trial."""
        values: Dict[str, Any] = {}
        for parameter in self.parameters:
            if parameter.applies(values):
                values[parameter.key] = parameter.suggest(trial)
        return values

    def decode(self, values: Dict[str, Any]) -> Dict[str, Any]:
        """The overrides for Optuna's values of a trial."""
        return {p.key: p.decode(values[p.key]) for p in self.parameters if p.key in values}

    def grid(self) -> List[Dict[str, Any]]:
        """Every combination, as Optuna has the values, each once; the last key changes first.

        # Raises

        UserError
            Where there are too many.
        """
        axes = [parameter.grid() for parameter in self.parameters]
        size = math.prod(map(len, axes))
        if size > MAX_GRID:
            raise UserError(f"--sampler grid: the space has {size} combinations; at most {MAX_GRID} make sense")
        points: Dict[str, Dict[str, Any]] = {}
        for combination in itertools.product(*axes):
            point = dict(zip((parameter.key for parameter in self.parameters), combination))
            values = self.decode(point)
            point = {p.key: point[p.key] for p in self.parameters if p.applies(values)}
            points.setdefault(json.dumps(point), point)
        return list(points.values())

    def describe(self) -> Dict[str, Any]:
        """The space as a JSON object, the same for the same space."""
        return {
            parameter.key: {
                "distribution": type(parameter.distribution).__name__,
                **parameter.distribution._asdict(),
                "when": parameter.when,
            }
            for parameter in sorted(self.parameters, key=lambda parameter: parameter.key)
        }


def label(value: Any) -> str:
    """A value as one line: a string as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _parameter(key: str, described: Any, place: str) -> Parameter:
    kinds = ", ".join(f'"{kind}"' for kind in FIELDS)
    if not isinstance(described, dict) or not isinstance(described.get("type"), str):
        raise UserError(f'{place}: expected {{"type": one of {kinds}, ...}}, found {json.dumps(described)}')
    kind = described["type"]
    if kind not in FIELDS:
        raise UserError(f'{place}: "type" is "{kind}"; expected one of {kinds}')
    required, optional = FIELDS[kind]
    missing = required - set(described)
    if missing:
        raise UserError(f"{place}: a distribution of type {kind} needs {_quoted(missing)}")
    unknown = set(described) - required - optional - {"type", "when"}
    if unknown:
        known = _quoted(required | optional | {"when"})
        raise UserError(f"{place}: {_quoted(unknown)} unknown; a distribution of type {kind} has {known}")
    when = described.get("when", {})
    if not isinstance(when, dict):
        raise UserError(f'{place}: "when" expects an object that maps another key to its value, or to a list of them')
    conditions = {other: value if isinstance(value, list) else [value] for other, value in when.items()}
    if kind == "categorical":
        choices = _choices(described["choices"], place)
        return Parameter(key, CategoricalDistribution([label(choice) for choice in choices]), choices, conditions)
    return Parameter(key, _numbers(kind, described, place), (), conditions)


def _choices(choices: Any, place: str) -> Tuple[Any, ...]:
    if not isinstance(choices, list) or not choices:
        raise UserError(f'{place}: "choices" expects a list of at least one value, found {json.dumps(choices)}')
    labels = [label(choice) for choice in choices]
    twice = next((text for text in labels if labels.count(text) > 1), None)
    if twice is not None:
        raise UserError(f'{place}: "choices" has {twice} twice')
    return tuple(choices)


def _numbers(kind: str, described: Dict[str, Any], place: str) -> Union[FloatDistribution, IntDistribution]:
    numbers: Dict[str, Any] = {name: described[name] for name in ("low", "high", "step") if name in described}
    types = (int,) if kind == "int" else (int, float)
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, types):
            expected = "a whole number" if kind == "int" else "a number"
            raise UserError(f'{place}: "{name}" expects {expected}, found {json.dumps(value)}')
    log = described.get("log", False)
    if not isinstance(log, bool):
        raise UserError(f'{place}: "log" expects true or false, found {json.dumps(log)}')
    try:
        return IntDistribution(log=log, **numbers) if kind == "int" else FloatDistribution(log=log, **numbers)
    except ValueError as error:
        raise UserError(f"{place}: {error}") from error


def _check_keys(parameters: Dict[str, Parameter], path: Path) -> None:
    for key, parameter in parameters.items():
        within = next((other for other in parameters if key.startswith(f"{other}.")), None)
        if within is not None:
            raise UserError(f"{path}: '{key}' lies within '{within}', which is searched as a whole; leave out one")
        for other, allowed in parameter.when.items():
            if other not in parameters or parameters[other].when:
                raise UserError(
                    f"{path}: '{key}': \"when\" names '{other}'; expected another key of the space, without a \"when\""
                )
            choices = parameters[other].choices
            unknown = [value for value in allowed if value not in choices]
            if unknown:
                raise UserError(f"{path}: '{key}': \"when\": {label(unknown[0])} is no choice of '{other}'")


def _missing_part(configuration: Any, key: str) -> Optional[str]:
    """The first part of a key that has no place in the configuration: a last part with a default has one."""
    *parents, last = key.split(".")
    value = configuration
    for depth, part in enumerate(parents, start=1):
        value = _child(value, part)
        if not isinstance(value, (dict, list)):
            return ".".join(parents[:depth])
    return None if isinstance(value, dict) or _child(value, last) is not None else key


def _child(value: Any, part: str) -> Any:
    if isinstance(value, list):
        return value[int(part)] if part.isdecimal() and int(part) < len(value) else None
    return value.get(part)


def _dotted_keys(value: Any, prefix: str = "") -> Iterator[str]:
    children: Iterator[Tuple[Any, Any]] = iter(())
    if isinstance(value, dict):
        children = iter(value.items())
    elif isinstance(value, list):
        children = iter(enumerate(value))
    for key, child in children:
        yield f"{prefix}{key}"
        yield from _dotted_keys(child, f"{prefix}{key}.")


def _quoted(names: Any) -> str:
    return ", ".join(f'"{name}"' for name in sorted(names))


def _what_is_at(path: Path) -> str:
    return "a directory" if path.is_dir() else "nothing"

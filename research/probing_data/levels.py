"""What each level of a model adds over its transformer: probings of several runs, compared.

    python -m research.probing_data.levels runs/probe_1 runs/probe_2 runs/probe_3 --output docs/results/probing

Each directory is what `hmtl probe` wrote of a run, with the level `transformer`; the runs differ in their seed alone.
The output gets accuracies.csv, every run's, differences.csv, of the trained levels from the transformer and from the
same levels with random weights, each with its interval of 95 % over test items and runs, and tasks.csv.
"""

import argparse
import json
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy

from hmtl.common.arguments import script_parser
from hmtl.common.explain import user_errors
from hmtl.common.tables import Table
from hmtl.errors import UserError
from hmtl.probing.outputs import RESULTS, TOKENS
from hmtl.probing.sentences import RANDOM, TRAINED, Result
from hmtl.probing.tokens import TokenProbeResult
from hmtl.probing.vectors import JOIN, TRANSFORMER, WORDS
from research.paper.counts import LABELLED
from research.paper.significance import Comparison, holm, paired_bootstrap
from research.paper.table_files import groups
from research.paper.tables import Bootstrap

PROGRAM = "research.probing_data.levels"
ACCURACIES, DIFFERENCES, TASKS = "accuracies", "differences", "tasks"
TOKEN, SENTENCE = "token", "sentence"
# What a level is to the transformer.
PLACE, BESIDE = "place", "beside"


class Probe(NamedTuple):
    """What is probed for: a task on tokens, whose vectors are not pooled, or on sentences."""

    kind: str
    task: str
    pooling: str


class Vectors(NamedTuple):
    """What is probed: a level of the trained model, or of one with random weights."""

    encoder: str
    level: str


class Found(NamedTuple):
    """What a probe found in a run.

    # Attributes

    units : `Tuple[Tuple[str, int], ...]`
        What the bootstrap draws, each with the number of its test items: documents of tokens, or single sentences.
    correct : `numpy.ndarray`
        How many items of each unit are right. Shape: (num_units,)
    """

    units: Tuple[Tuple[str, int], ...]
    correct: numpy.ndarray

    @property
    def accuracy(self) -> float:
        """From 0 to 1."""
        return float(self.correct.sum()) / sum(size for _, size in self.units)

    @property
    def counts(self) -> numpy.ndarray:
        """Correct, predicted and gold items, whose F1 is the accuracy, since each item has one label. Shape:
        (num_units, 3)"""
        sizes = numpy.array([size for _, size in self.units])
        return numpy.stack([self.correct, sizes, sizes], axis=1)


# Of one run.
Probing = Dict[Tuple[Probe, Vectors], Found]


def read_probing(directory: Path) -> Tuple[Probing, List[Dict[str, Any]]]:
    """All that `hmtl probe` found of a run, and a row for each task.

    # Raises

    UserError
        Where there is no probing.
    """
    found: Probing = {}
    tasks: List[Dict[str, Any]] = []
    for row in _read(directory / f"{TOKENS}.json") or []:
        row.pop("selectivity")
        token = TokenProbeResult(**row)
        units = tuple((document, size) for document, (_, size) in sorted(token.by_document.items()))
        correct = numpy.array([number for _, (number, _) in sorted(token.by_document.items())])
        probe = Probe(TOKEN, token.task, "")
        found[probe, Vectors(token.encoder, token.level)] = Found(units, correct)
        sizes = {"train": token.num_train, "validation": None, "test": token.num_test}
        majority = round(100 * token.majority, 4)
        described = {"kind": TOKEN, "task": token.task, "classes": token.num_classes, **sizes, "majority": majority}
        if described not in tasks:
            tasks.append(described)
    sentences = _read(directory / RESULTS)
    if sentences is not None:
        for result in (Result(**row) for row in sentences["results"]):
            units = tuple((str(number), 1) for number in range(len(result.correct)))
            probe = Probe(SENTENCE, result.task, result.pooling)
            correct = numpy.array(list(map(int, result.correct)))
            found[probe, Vectors(result.encoder, result.level)] = Found(units, correct)
        for name, task in sentences["tasks"].items():
            sizes = {split: task[split] for split in ("train", "validation", "test")}
            majority = round(100 * task["majority"], 4)
            described = {"kind": SENTENCE, "task": name, "classes": task["classes"], **sizes, "majority": majority}
            tasks.append({**described, "sha256": task["sha256"]})
        tasks += [{"kind": SENTENCE, "task": name, "test": size} for name, size in sentences["left_out"].items()]
    if not found:
        raise UserError(f"{directory}: no {TOKENS}.json and no {RESULTS}; expected the --output of 'hmtl probe'")
    return found, tasks


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def make_tables(directories: Sequence[Path], bootstrap: Bootstrap) -> List[Table]:
    """The three tables of the probings of several runs.

    # Raises

    UserError
        Where a directory has no probing, or one of other tasks than the first.
    """
    probings, tasks = zip(*map(read_probing, directories))
    for directory, probing, of_run in zip(directories, probings, tasks):
        units = [(found.units, probings[0][key].units) for key, found in probing.items() if key in probings[0]]
        if of_run != tasks[0] or any(own != first for own, first in units):
            raise UserError(f"{directory}: the tasks are not those of {directories[0]}; probe both with the same data")
    names = [directory.name for directory in directories]
    return [
        Table(ACCURACIES, list(_accuracy_rows(names, probings))),
        Table(DIFFERENCES, _difference_rows(names, probings, bootstrap)),
        Table(TASKS, tasks[0]),
    ]


def _accuracy_rows(names: Sequence[str], probings: Sequence[Probing]) -> Iterator[Dict[str, Any]]:
    for name, probing in zip(names, probings):
        for (probe, vectors), found in probing.items():
            yield {"run": name, **probe._asdict(), **vectors._asdict(), "accuracy": round(100 * found.accuracy, 4)}


def _difference_rows(names: Sequence[str], probings: Sequence[Probing], bootstrap: Bootstrap) -> List[Dict[str, Any]]:
    """p-values are corrected for the number of comparisons of a panel of the plot: the tasks and levels of one kind,
    pooled alike, on one side of the transformer."""
    rows: List[Dict[str, Any]] = []
    for other in (TRANSFORMER, RANDOM):
        for probe, vectors in dict.fromkeys(key for probing in probings for key in probing):
            if vectors.encoder != TRAINED or vectors.level in (TRANSFORMER, WORDS):
                continue
            against = Vectors(TRAINED, TRANSFORMER) if other == TRANSFORMER else Vectors(RANDOM, vectors.level)
            pairs = _pairs(probings, probe, vectors, against)
            if pairs:
                comparison = _compare(pairs, bootstrap)
                low, high = comparison.interval
                rows.append(
                    {
                        **probe._asdict(),
                        "level": vectors.level,
                        "other": other,
                        "side": BESIDE if own_level(vectors.level) != vectors.level else PLACE,
                        "runs": " ".join(names[number] for number in pairs),
                        "units": len(next(iter(pairs.values()))[0].units),
                        "difference": round(100 * comparison.mean, 4),
                        "low": round(100 * low, 4),
                        "high": round(100 * high, 4),
                        "p": round(comparison.p_value, 5),
                        "differences": " ".join(f"{100 * each:.4f}" for each in comparison.differences),
                    }
                )
    for panel in groups(rows, "other", "kind", "pooling", "side").values():
        for row, p_value in zip(panel, holm([row["p"] for row in panel])):
            row["p_corrected"] = round(p_value, 5)
    return rows


def own_level(level: str) -> str:
    """A level without the transformer that it stands beside."""
    return level.removeprefix(f"{TRANSFORMER}{JOIN}")


def _pairs(
    probings: Sequence[Probing], probe: Probe, vectors: Vectors, against: Vectors
) -> Dict[int, Tuple[Found, Found]]:
    """Of each run that has both, by its number. Random weights are drawn by the seed of the probing alone: of runs
    without them those of another run are the same."""
    random: Optional[Found] = next(
        (probing[probe, against] for probing in probings if against.encoder == RANDOM and (probe, against) in probing),
        None,
    )
    pairs = {}
    for number, probing in enumerate(probings):
        one, other = probing.get((probe, vectors)), probing.get((probe, against), random)
        if one is not None and other is not None:
            pairs[number] = (one, other)
    return pairs


def _compare(pairs: Dict[int, Tuple[Found, Found]], bootstrap: Bootstrap) -> Comparison:
    system, other = zip(*((one.counts, other.counts) for one, other in pairs.values()))
    return paired_bootstrap(LABELLED, system, other, bootstrap.num_samples, bootstrap.seed)


def main(argv: Optional[List[str]] = None) -> None:
    """Runs the command line."""
    parser = script_parser(__doc__, prog=f"python -m {PROGRAM}")
    written = "the --output of 'hmtl probe' of a run"
    parser.add_argument("directories", metavar="DIR", type=Path, nargs="+", help=written)
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="where the tables are written")
    arguments: argparse.Namespace = parser.parse_args(argv)
    with user_errors(program=PROGRAM):
        arguments.output.mkdir(parents=True, exist_ok=True)
        for table in make_tables(arguments.directories, Bootstrap()):
            table.write(arguments.output)


if __name__ == "__main__":
    main()

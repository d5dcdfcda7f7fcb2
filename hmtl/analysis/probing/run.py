"""Sentence probes of every level: all that are not known yet."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Sequence, Tuple

import numpy
import torch
from allennlp.common import Tqdm

from hmtl.analysis.probing.probes import ProbeSettings, Split, fit_probe
from hmtl.analysis.probing.results import RANDOM, TRAINED, Result, Row, read_result
from hmtl.analysis.probing.senteval import ProbingTask
from hmtl.analysis.probing.vector_store import VectorStore
from hmtl.analysis.probing.vectors import WORDS, LevelVectors

# Changes when the same data, model and settings would give other results.
_FORMAT = 1


@dataclass
class Plan:
    """What is to be probed.

    # Attributes

    tasks : `List[ProbingTask]`
    levels, poolings : `List[str]`
    settings : `ProbeSettings`
    baselines : `bool`
        Whether word vectors alone and random encoders are probed, too.
    """

    tasks: List[ProbingTask]
    levels: List[str]
    poolings: List[str]
    settings: ProbeSettings = field(default_factory=ProbeSettings)
    baselines: bool = True


def run_probes(
    plan: Plan, trained: LevelVectors, make_random: Callable[[], LevelVectors], output: Path, cache: Path
) -> List[Result]:
    """The results of all probes, row by row: those that `output` has, and the others, which are written there.

    # Parameters

    plan : `Plan`
    trained : `LevelVectors`
    make_random : `Callable[[], LevelVectors]`
        The model of random encoders; called where the plan has baselines.
    output : `Path`
        The directory of the results.
    cache : `Path`
        The folder of pooled vectors, for this run and others.
    """
    levels = list(plan.levels)
    if plan.baselines and trained.has_words and WORDS not in levels:
        levels.append(WORDS)
    results = _run(plan, trained, TRAINED, levels, output, cache)
    if plan.baselines:
        # Those of random words say nothing about encoders.
        random_levels = [level for level in plan.levels if level != WORDS]
        results += _run(plan, make_random(), RANDOM, random_levels, output, cache)
    return results


def _run(
    plan: Plan, vectors: LevelVectors, encoder: str, levels: Sequence[str], output: Path, cache: Path
) -> List[Result]:
    rows = [Row(encoder, level, pooling) for level in vectors.known_levels(levels) for pooling in plan.poolings]
    found: Dict[Tuple[Row, str], Result] = {}
    missing: List[Tuple[Row, ProbingTask]] = []
    for row in rows:
        for task in plan.tasks:
            result = read_result(output, row, task.name, _depends_on(plan, vectors, task))
            if result is None:
                missing.append((row, task))
            else:
                found[row, task.name] = result
    if missing:
        store = VectorStore(vectors, cache)
        names = {task.name for _, task in missing}
        sentences = [sentence for task in plan.tasks if task.name in names for sentence in task.sentences]
        store.fill(
            sentences,
            list(dict.fromkeys(row.level for row, _ in missing)),
            list(dict.fromkeys(row.pooling for row, _ in missing)),
        )
        device = next(vectors.model.parameters()).device
        for row, task in Tqdm.tqdm(missing, desc=f"probes, {encoder}", unit=" probes"):
            result = _probe(plan, store, row, task, _depends_on(plan, vectors, task), device)
            result.write(output)
            found[row, task.name] = result
    return [found[row, task.name] for row in rows for task in plan.tasks]


def _probe(
    plan: Plan, store: VectorStore, row: Row, task: ProbingTask, depends_on: Dict[str, Any], device: torch.device
) -> Result:
    train, validation, test = _splits(task, store.matrix(task.sentences, row.level, row.pooling))
    probe = fit_probe(train, validation, test, plan.settings.for_task(task.name), device)
    return Result(*row, task.name, probe.test, probe.validation, probe.regularization, depends_on)


def _splits(task: ProbingTask, matrix: numpy.ndarray) -> Iterator[Split]:
    """The splits, of which the matrix holds the vectors one after the other."""
    number_of = {label: number for number, label in enumerate(task.labels)}
    first = 0
    for examples in task.splits.values():
        classes = numpy.array([number_of[example.label] for example in examples])
        yield Split(matrix[first : first + len(examples)], classes)
        first += len(examples)


def _depends_on(plan: Plan, vectors: LevelVectors, task: ProbingTask) -> Dict[str, Any]:
    return {
        "format": _FORMAT,
        "model": vectors.fingerprint,
        "data": task.sha256,
        "probe": plan.settings.for_task(task.name).describe(),
    }

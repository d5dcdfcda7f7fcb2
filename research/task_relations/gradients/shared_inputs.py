"""Inter-task affinity and the cosine of gradients, where source and target see the same texts to a given share.

Zhang and Cheng 2026, "Information-Theoretic Requirements for Gradient-Based Task Affinity Estimation in Multi-Task
Learning" (arXiv 2604.07848), find that gradients tell relations of tasks only where these share 30 to 40 % of their
inputs at least. Fifty et al. 2021, whose affinity it is, measured on the same images.
"""

from collections import defaultdict
from typing import Any, DefaultDict, Dict, Iterator, List, NamedTuple, Sequence, Tuple

import numpy as np
import torch
from torch.nn.functional import cosine_similarity

from hmtl.training.callbacks.inter_task_affinity import affinities_of_steps
from research.task_relations.gradients.run_model import RunModel, flat, text_key

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)

Key = Tuple[Any, ...]


class Measurement(NamedTuple):
    """What one batch tells of a source and a target task.

    # Attributes

    share : `float`
        Of the target's texts that are the source's, too; 0 of tasks that have no text in common.
    source, target : `str`
    affinity : `float`
        As of `affinities`: `1 - loss after a step along the source's gradient / loss before`.
    cosine : `float`
        Of the two gradients of the shared parameters.
    """

    share: float
    source: str
    target: str
    affinity: float
    cosine: float


def measure_shares(
    run: RunModel,
    num_batches: int,
    batch_size: int,
    learning_rate: float = 1.0,
    shares: Sequence[float] = SHARES,
    by_document: bool = False,
    seed: int = 1,
) -> Iterator[Measurement]:
    """Measures all pairs of tasks on batches of training data, at each share of common texts.

    A batch holds `batch_size` texts of the target. Of these the given share is the source's as well, whose other texts
    are none of them. Tasks whose data are of different files have no text in common, and are measured once, as share 0.

    # Parameters

    run : `RunModel`
    num_batches : `int`
        Measurements of each pair and share.
    batch_size : `int`
        Texts: sentences, or documents.
    learning_rate : `float`, optional (default = `1.0`)
        As of `affinities`.
    shares : `Sequence[float]`, optional
    by_document : `bool`, optional (default = `False`)
        Whether texts are documents: tasks of sentences then have all that a document holds.
    seed : `int`, optional (default = `1`)
    """
    rows = {task: _rows(run, task, by_document) for task in run.tasks}
    groups: DefaultDict[str, List[str]] = defaultdict(list)
    for task in run.tasks:
        groups[run.path(task, "train")].append(task)
    generator = np.random.default_rng(seed)
    for _ in range(num_batches):
        for targets in groups.values():
            # Texts that all of the file's tasks have.
            keys = sorted(set.intersection(*(set(rows[task]) for task in targets)))
            order = [keys[index] for index in generator.permutation(len(keys))]
            texts, others = order[:batch_size], order[batch_size:]
            batches = {task: _batch(run, task, rows[task], texts) for task in targets}
            before, gradients = {}, {}
            for task in targets:
                loss = run.loss(batches[task])
                before[task], gradients[task] = loss.item(), run.gradients(loss)
            sources: Dict[float, Dict[str, Sequence[torch.Tensor]]] = {}
            for share in shares:
                common = round(share * batch_size)
                if common == batch_size:
                    sources[share] = dict(gradients)
                else:
                    mixed = texts[:common] + others[: batch_size - common]
                    sources[share] = {task: _gradients(run, task, rows[task], mixed) for task in targets}
            foreign = {}
            for task in set(run.tasks) - set(targets):
                there = sorted(rows[task])
                drawn = [there[index] for index in generator.permutation(len(there))[:batch_size]]
                foreign[task] = _gradients(run, task, rows[task], drawn)
            sources[0.0] = {**sources.get(0.0, {}), **foreign}
            for share, of_share in sources.items():
                found = affinities_of_steps(
                    lambda task, batches=batches: run.loss(batches[task]),  # type: ignore[misc]
                    before,
                    of_share,
                    list(run.parameters.values()),
                    learning_rate,
                )
                for (source, target), affinity in found.items():
                    cosine = cosine_similarity(flat(of_share[source]), flat(gradients[target]), dim=0)
                    yield Measurement(share, source, target, affinity, cosine.item())


def means(measurements: Sequence[Measurement]) -> List[Measurement]:
    """The mean of all measurements of the same share, source and target, in order."""
    groups: DefaultDict[Tuple[float, str, str], List[Tuple[float, float]]] = defaultdict(list)
    for one in measurements:
        groups[one.share, one.source, one.target].append((one.affinity, one.cosine))
    return [Measurement(*key, *np.mean(values, axis=0).tolist()) for key, values in sorted(groups.items())]


def _rows(run: RunModel, task: str, by_document: bool) -> Dict[Key, List[int]]:
    """The instances of each text of a task's training data."""
    rows: DefaultDict[Key, List[int]] = defaultdict(list)
    for index, instance in enumerate(run.instances(task, "train")):
        rows[text_key(instance, by_document)].append(index)
    return dict(rows)


def _batch(run: RunModel, task: str, rows: Dict[Key, List[int]], texts: Sequence[Key]) -> Dict[str, Any]:
    instances = run.instances(task, "train")
    return run.batch(task, [instances[index] for text in texts for index in rows[text]])


def _gradients(run: RunModel, task: str, rows: Dict[Key, List[int]], texts: Sequence[Key]) -> Sequence[torch.Tensor]:
    return run.gradients(run.loss(_batch(run, task, rows, texts)))

"""All that gradients tell of the tasks of one base run, measured and kept in a folder, part by part."""

import csv
import json
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence

import numpy as np
import torch
from allennlp.data import Instance

from hmtl.common.files import write_csv, write_json
from hmtl.errors import UserError
from hmtl.runs.run_directory import MODEL_STATE
from research.task_relations.gradients.linearized import (
    Estimates,
    Linearized,
    Projection,
    Subset,
    all_subsets,
    best_ridge,
    estimate_losses,
    fine_tuned,
)
from research.task_relations.gradients.run_model import RunModel
from research.task_relations.gradients.shared_inputs import SHARES, Measurement, means, measure_shares
from research.task_relations.run.tasks import Tasks, configuration
from research.task_relations.run.worker import train_in

# The folder in that of a study.
GRADIENTS = "gradients"
SHARED_INPUTS, ESTIMATES, COSTS, OPTIONS = "shared_inputs.csv", "estimates.csv", "costs.json", "options.json"
_BASE, _PROJECTED, _VALIDATION = "base", "projected", "validation.json"
_SPLITS = ("train", "validation")
_ESTIMATE_COLUMNS = ("subset", "task", "loss", "network_loss")
# Samples that are sentences, for one that is a document.
_PER_DOCUMENT = 8
_VALIDATION_BATCH = 32
# Of the base run: there are checkpoints after such shares of it.
CHECKPOINTS = 3


@dataclass
class Options:
    """How gradients are measured.

    # Attributes

    dim : `int`
        Of the random projection.
    train, validation : `int`
        Samples of a task, for fine-tuning and for its loss; of tasks that read documents an eighth of them.
    batches, batch_size : `int`
        Of affinities: the measurements of each pair, spread over the checkpoints, and the texts of one.
    by_document : `bool`
        Whether these texts are documents.
    largest : `int`
        The tasks of the largest subsets that are estimated.
    seed : `int`
    """

    dim: int = 200
    train: int = 200
    validation: int = 100
    batches: int = 12
    batch_size: int = 32
    by_document: bool = False
    largest: int = 4
    seed: int = 1


class GradientStudy:
    """The gradients of a base run that was trained on all tasks. What its folder has already is not computed again.

    # Parameters

    directory : `Path`
        Its own.
    options : `Options`

    # Raises

    UserError
        Where the folder has measurements with other options.
    """

    def __init__(self, directory: Path, options: Options) -> None:
        self.directory = directory
        self.options = options
        path = directory / OPTIONS
        if path.is_file() and json.loads(path.read_text(encoding="utf-8")) != asdict(options):
            raise UserError(f"{directory}: measured with other options, see {OPTIONS}; choose another folder")
        directory.mkdir(parents=True, exist_ok=True)
        write_json(path, asdict(options))

    def train_base(self, tasks: Tasks, steps: int, preset: str, glove: Optional[str]) -> Path:
        """Trains the base run on all tasks, by so many updates of each on average, and keeps its checkpoints."""
        directory = self.directory / _BASE
        if (directory / "metrics.json").is_file():
            return directory
        experiment = configuration(tasks, preset, steps, glove, self.options.seed, at_end=True)
        # Scores on the way are not looked at.
        experiment.pop("validation_data_loader")
        paths = experiment.pop("validation_data_path")
        updates = experiment["trainer"]["sampler"]["num_updates"]
        experiment["trainer"]["sampler"]["num_updates"] = -(-updates // CHECKPOINTS)
        experiment["trainer"]["num_epochs"] = CHECKPOINTS
        experiment["trainer"]["checkpointer"] = {"type": "verified", "keep_most_recent_by_count": CHECKPOINTS}
        with self._timed(_BASE):
            train_in(directory, experiment)
        write_json(self.directory / _VALIDATION, paths)
        return directory

    def measure_affinities(self, run_directory: Path) -> List[Measurement]:
        """Affinities and cosines by the share of common texts, the mean over batches and checkpoints."""
        path = self.directory / SHARED_INPUTS
        if not path.is_file():
            found: List[Measurement] = []
            options = self.options
            with self._timed("affinities"):
                # Those that a batch can have.
                shares = [share for share in SHARES if (share * options.batch_size).is_integer()]
                checkpoints: List[Optional[Path]] = [*sorted(run_directory.glob(f"{MODEL_STATE}_e*.th"))]
                # A run without any is measured at its best weights.
                checkpoints = checkpoints or [None]
                for number, weights in enumerate(checkpoints):
                    run = self._run(run_directory, weights)
                    found += measure_shares(
                        run,
                        -(-options.batches // len(checkpoints)),
                        options.batch_size,
                        shares=shares,
                        by_document=options.by_document,
                        seed=options.seed + number,
                    )
            write_csv(path, Measurement._fields, [one._asdict() for one in means(found)])
        return read_shared_inputs(path)

    def estimate(self, run_directory: Path) -> Dict[str, Estimates]:
        """The validation loss of each member of all subsets of up to `largest` tasks and of all tasks together, after
        fine-tuning on the subset: `linear`, of the linearized margins, and `network`, of the base run with its shared
        weights changed by P w."""
        path = self.directory / ESTIMATES
        if not path.is_file():
            run = self._run(run_directory)
            projection = Projection(run.num_parameters(), self.options.dim, self.options.seed)
            train, validation = (self._linearized(run, split, projection) for split in _SPLITS)
            with self._timed("estimates"):
                ridge = best_ridge(train, validation)
                subsets = all_subsets(run.tasks, range(1, min(self.options.largest, len(run.tasks)) + 1))
                if self.options.largest < len(run.tasks):
                    subsets.append(tuple(run.tasks))
                linear = estimate_losses(subsets, train, validation, ridge)
            with self._timed("network estimates"):
                network = self._network_losses(run, [s for s in subsets if len(s) <= 2], train, projection, ridge)
            rows = [
                {"subset": "+".join(subset), "task": task, "loss": loss, "network_loss": network.get((subset, task))}
                for (subset, task), loss in linear.items()
            ]
            write_csv(path, _ESTIMATE_COLUMNS, rows)
        return read_estimates(path)

    def costs(self) -> Dict[str, float]:
        """The CPU seconds of each part."""
        path = self.directory / COSTS
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    def _run(self, directory: Path, weights: Optional[Path] = None) -> RunModel:
        given = self.directory / _VALIDATION
        validation = json.loads(given.read_text(encoding="utf-8")) if given.is_file() else None
        return RunModel(directory, weights, validation)

    def _linearized(self, run: RunModel, split: str, projection: Projection) -> Dict[str, Linearized]:
        found = {}
        for task in run.tasks:
            path = self.directory / _PROJECTED / f"{task}_{split}.npz"
            if not path.is_file():
                path.parent.mkdir(exist_ok=True)
                with self._timed("gradients"):
                    one = run.linearized(task, self._samples(run, task, split), projection)
                    temporary = path.with_suffix(".part.npz")
                    np.savez(temporary, margins=one.margins, gradients=one.gradients)
                    temporary.rename(path)
            with np.load(path) as arrays:
                found[task] = Linearized(arrays["margins"], arrays["gradients"])
        return found

    def _network_losses(
        self,
        run: RunModel,
        subsets: Sequence[Subset],
        train: Dict[str, Linearized],
        projection: Projection,
        ridge: float,
    ) -> Estimates:
        batches = {}
        for task in run.tasks:
            rows = self._samples(run, task, "validation")
            size = 1 if run.reads_documents(task) else _VALIDATION_BATCH
            batches[task] = [run.batch(task, rows[start : start + size]) for start in range(0, len(rows), size)]
        found: Estimates = {}
        for subset in subsets:
            change = projection.lift(torch.from_numpy(fine_tuned([train[task] for task in subset], ridge)).float())
            with run.moved(change), torch.no_grad():
                for task in subset:
                    losses = [run.loss(batch).item() for batch in batches[task]]
                    found[subset, task] = float(np.mean(losses))
        return found

    def _samples(self, run: RunModel, task: str, split: str) -> List[Instance]:
        number = self.options.train if split == "train" else self.options.validation
        if run.reads_documents(task):
            number = -(-number // _PER_DOCUMENT)
        return run.sample(task, split, number, self.options.seed)

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        begun = time.process_time()
        yield
        costs = self.costs()
        costs[part] = round(costs.get(part, 0.0) + time.process_time() - begun, 1)
        write_json(self.directory / COSTS, costs)


def read_gradient_costs(directory: Path) -> Dict[str, float]:
    """The CPU minutes of each part of a `GradientStudy`; none where there is none."""
    path = directory / COSTS
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return {part: seconds / 60 for part, seconds in found.items()}


def read_shared_inputs(path: Path) -> List[Measurement]:
    """Those that `GradientStudy.measure_affinities` wrote."""
    with open(path, encoding="utf-8", newline="") as file:
        return [
            Measurement(float(row["share"]), row["source"], row["target"], float(row["affinity"]), float(row["cosine"]))
            for row in csv.DictReader(file)
        ]


def read_estimates(path: Path) -> Dict[str, Estimates]:
    """Those that `GradientStudy.estimate` wrote: `linear` and `network`."""
    found: Dict[str, Estimates] = {"linear": {}, "network": {}}
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            key = tuple(row["subset"].split("+")), row["task"]
            found["linear"][key] = float(row["loss"])
            if row["network_loss"]:
                found["network"][key] = float(row["network_loss"])
    return found

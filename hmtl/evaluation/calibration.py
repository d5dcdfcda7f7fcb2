"""The calibration of a finished run on validation data: thresholds for F1, temperatures for honest scores."""

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Dict, Iterable, Iterator, List, Optional, Set, Tuple

import torch

from hmtl.common.archives import archive_model
from hmtl.common.file_names import BEST, CALIBRATION_NAME
from hmtl.common.files import atomic_path
from hmtl.common.tables import aligned
from hmtl.common.terminal import quiet
from hmtl.common.weights import load_into, main_weights
from hmtl.data.data_loaders import PerTaskDataLoader
from hmtl.errors import UserError
from hmtl.metrics import LabelledF1
from hmtl.metrics.calibration import expected_calibration_error, fitted_temperature, tempered
from hmtl.models.calibration import TaskCalibration, write_calibration
from hmtl.models.hmtl import HMTL
from hmtl.runs.run_directory import RunDirectory
from hmtl.tasks.task_head import TaskHead
from hmtl.training.evaluate_task import TaskEvaluation, evaluated

if TYPE_CHECKING:
    from hmtl.evaluation.evaluate import Run

# The thresholds that are tried beside the head's own.
THRESHOLDS = [number / 20 for number in range(1, 20)]


@dataclass
class Judged:
    """What a head finds with a threshold: its F1, and for each prediction its score and whether it is right."""

    f1: LabelledF1 = field(default_factory=LabelledF1)
    scores: List[float] = field(default_factory=list)
    are_right: List[bool] = field(default_factory=list)

    def add(self, predictions: Iterable[List[Any]], scores: Iterable[List[float]], gold: List[Set[Any]]) -> None:
        """Counts some rows."""
        predictions = list(predictions)
        self.f1(predictions, gold)
        for items, of_items, gold_items in zip(predictions, scores, gold):
            self.scores += of_items
            self.are_right += [item in gold_items for item in items]


@dataclass
class CalibratedScores:
    """A task before and after calibration.

    # Attributes

    temperature : `float`
    threshold : `Tuple[Optional[float], Optional[float]]`
        Of the configuration and chosen; `None` for a head without one.
    f1, ece : `Tuple[float, float]`
        The F1 of exact items over all gold, and the `expected_calibration_error` of the scores of what is predicted.
    num_predictions : `Tuple[int, int]`
    """

    temperature: float
    threshold: Tuple[Optional[float], Optional[float]]
    f1: Tuple[float, float]
    ece: Tuple[float, float]
    num_predictions: Tuple[int, int]


@quiet()
def calibrate_run(
    run: "Run", split: str = "test", device: torch.device = None, batch_size: int = None
) -> Dict[str, CalibratedScores]:
    """Calibrates the best weights of a run on its validation data, and compares before and after on a split.

    The threshold of a head that has one is that with the highest F1, of its own and `THRESHOLDS`; of equals the one
    nearest to its own. Heads that read spans come last, and read those that the chosen thresholds give. The temperature
    fits the scores of what is predicted then. Tasks without labels, such as coreference, are left as they are.

    What is chosen is written to `calibration.json` in the run's directory, and an archive that is there is made anew.

    # Raises

    UserError
        Where the run has no best weights, or data cannot be read.
    """
    directory = RunDirectory(run.directory)
    weights = main_weights(run.directory)
    if weights is None:
        raise UserError(f"{run.directory}: no weights '{BEST}', which predictions are made with, to calibrate")
    loaders = {name: run.data_loader(name, batch_size) for name in dict.fromkeys(("validation", split))}
    for loader in loaders.values():
        loader.set_target_device(device or torch.device("cpu"))
    model = run.model.to(device or torch.device("cpu"))
    load_into(model, weights)
    chosen = calibrated(model, loaders["validation"])
    judged: Dict[str, List[Tuple[float, float, int]]] = {}
    for calibration in ({}, chosen):
        model.calibrate(calibration)
        found = judged_by_threshold(model, loaders[split], {task: [model.head(task).threshold] for task in chosen})
        for task, of_task in chosen.items():
            temperature = of_task.temperature if calibration else None
            (outcome,) = found[task].values()
            judged.setdefault(task, []).append(_outcome(outcome, temperature))
    model.calibrate({})
    write_calibration(run.directory, weights, chosen)
    if directory.archive.exists():
        extra = run.config.as_dict(quiet=True).get("include_in_archive")
        with atomic_path(directory.archive) as archive:
            archive_model(run.directory, archive_path=archive, include_in_archive=extra)
    return {
        task: CalibratedScores(
            of_task.temperature, (model.head(task).threshold, of_task.threshold), *zip(*judged[task])
        )
        for task, of_task in chosen.items()
    }


def calibrated(model: HMTL, loader: PerTaskDataLoader) -> Dict[str, TaskCalibration]:
    """The calibration of a model's labelled tasks on data, by task; see `calibrate_run`. The model, which must be in
    evaluation mode, is left with it."""
    model.calibrate({})
    chosen: Dict[str, TaskCalibration] = {}
    tasks = [task for task in model.tasks if task in loader.tasks and model.head(task).kind.is_labelled]
    for reads_spans in (False, True):
        thresholds: Dict[str, List[Optional[float]]] = {}
        for task in tasks:
            own = model.head(task).threshold
            if model.head(task).reads_spans == reads_spans:
                nearest_first = [] if own is None else sorted(THRESHOLDS, key=lambda each: abs(each - own))
                thresholds[task] = [own, *nearest_first]
        for task, found in judged_by_threshold(model, loader, thresholds).items():
            # `max` takes the first of equals.
            best = max(found, key=lambda threshold: found[threshold].f1.get_metric()["f1"])
            chosen[task] = TaskCalibration(fitted_temperature(found[best].scores, found[best].are_right), best)
        model.calibrate(chosen)
    return chosen


def judged_by_threshold(
    model: HMTL, loader: PerTaskDataLoader, thresholds: Dict[str, List[Optional[float]]]
) -> Dict[str, Dict[Optional[float], Judged]]:
    """What the heads of some tasks find with each of their thresholds, and their own scores of it: the data is encoded
    once, and a head run once for each. `[None]` for a head without a threshold."""
    found = {task: {threshold: Judged() for threshold in each} for task, each in thresholds.items()}
    own = {task: model.head(task).threshold for task in thresholds}
    hooks = [
        model.head(task).register_forward_hook(partial(_judge, judged), with_kwargs=True)
        for task, judged in found.items()
    ]
    try:
        for _ in evaluated([TaskEvaluation(model, loader, task) for task in thresholds], loader):
            pass
    finally:
        for hook in hooks:
            hook.remove()
        for task, threshold in own.items():
            if threshold is not None:
                model.head(task).threshold = threshold
    return found


def _judge(
    found: Dict[Optional[float], Judged],
    head: TaskHead,
    args: Tuple[Any, ...],
    fields: Dict[str, Any],
    output: Dict[str, Any],
) -> None:
    """Judges what a head finds in a batch, once it has been run."""
    if "metadata" not in fields:  # run for the spans that another head reads
        return
    gold = [set(head.kind.gold(row)) for row in fields["metadata"]]
    for threshold, judged in found.items():
        if threshold is not None:
            head.threshold = threshold
        decoded = head.forward(**{**fields, "with_scores": True})
        judged.add(decoded["predictions"], decoded["scores"], gold)


def calibration_notes(scores: Dict[str, CalibratedScores], split: str) -> Iterator[str]:
    """The lines of a table with what calibration changes."""
    rows = [["", "threshold", "temperature", "F1 x 100", "calibration error x 100", "predictions"]]
    for task, each in scores.items():
        thresholds = _change(each.threshold, "{:.2f}") if each.threshold[1] is not None else "-"
        figures = [_change([100 * number for number in pair], "{:.2f}") for pair in (each.f1, each.ece)]
        rows.append([task, thresholds, f"{each.temperature:.2f}", *figures, _change(each.num_predictions, "{:,}")])
    yield f"calibration of {BEST}, on validation data; before -> after, on {split} data:"
    yield aligned(rows, numbers=True, indent="  ")
    yield f"kept in {CALIBRATION_NAME} and in the archive, if any: all that predicts with these weights goes by it"


def _outcome(judged: Judged, temperature: Optional[float]) -> Tuple[float, float, int]:
    """F1, calibration error and number of predictions of a task, with its scores at a temperature, or as they are."""
    scores = judged.scores
    if temperature is not None:
        scores = [tempered(score, temperature) for score in scores]
    return judged.f1.get_metric()["f1"], expected_calibration_error(scores, judged.are_right), len(scores)


def _change(values: Iterable[Any], pattern: str) -> str:
    return " -> ".join(pattern.format(value) for value in values)

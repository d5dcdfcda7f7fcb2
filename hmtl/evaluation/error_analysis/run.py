"""The errors of a finished run, each task with its own best weights."""

import os
from dataclasses import asdict, dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

import torch

from hmtl.common.checks import it_has
from hmtl.common.figures import FIGURES
from hmtl.common.file_names import BEST
from hmtl.common.files import write_json
from hmtl.common.terminal import quiet
from hmtl.errors import UserError
from hmtl.evaluation.evaluate import Run
from hmtl.runs.run_directory import BEST_OVERALL, best_stem, best_weights_name
from hmtl.tasks.errors.section import Section
from hmtl.training.evaluate_task import TaskEvaluation, evaluated
from hmtl.training.findable_gold import FindableGold, findable_gold


@dataclass
class TaskErrors:
    """The errors of one task.

    # Attributes

    weights : `str`
        The weights file that predicted.
    data_path : `str`
    metrics : `Dict[str, float]`
        The metrics of the task's head on these predictions, from 0 to 1.
    sections : `List[Section]`
    findable : `Optional[FindableGold]`
        How much of the gold the head could find at all; `None` where it does not say.
    figures : `Mapping[str, str]`
        The metrics that are shown, and what they are called.
    """

    weights: str
    data_path: str
    metrics: Dict[str, float]
    sections: List[Section]
    findable: Optional[FindableGold] = None
    figures: Mapping[str, str] = field(default_factory=lambda: FIGURES)


@dataclass
class RunErrors:
    """The errors of a run on a split, `test` or `validation`, by task."""

    run: str
    split: str
    tasks: Dict[str, TaskErrors]

    def to_json(self) -> Dict[str, Any]:
        """All of it as JSON values."""
        return {
            "run": self.run,
            "split": self.split,
            "tasks": {
                task: {
                    "weights": errors.weights,
                    "data_path": errors.data_path,
                    "metrics": errors.metrics,
                    "findable": None if errors.findable is None else asdict(errors.findable),
                    "sections": [section.to_json() for section in errors.sections],
                }
                for task, errors in self.tasks.items()
            },
        }

    def write(self, path: Union[str, os.PathLike]) -> None:
        """Writes all of it as JSON; the file appears only once it is complete."""
        write_json(path, self.to_json())


@quiet()
def analyse_run(
    run: Run,
    split: str = "test",
    tasks: Optional[Sequence[str]] = None,
    num_examples: int = 3,
    device: Optional[torch.device] = None,
) -> RunErrors:
    """Predicts each task's data with its best weights (`best.safetensors` where it has none), and sorts the errors.

    # Parameters

    run : `Run`
    split : `str`, optional (default = `"test"`)
        Or `"validation"`.
    tasks : `Sequence[str]`, optional (default = all)
    num_examples : `int`, optional (default = `3`)
        So many examples of each pattern of errors are kept.
    device : `torch.device`, optional (default = the CPU)

    # Raises

    UserError
        Where the run has no such task, a task has no data or weights, or its data cannot be read.
    """
    device = device or torch.device("cpu")
    paths = run.paths(split)
    known = [task for task in run.model.tasks if task in paths]
    for task in tasks or []:
        if task not in known:
            raise UserError(f"{run.directory}: no task '{task}' with {split} data; {it_has(task, known)}")
    chosen = [task for task in known if not tasks or task in tasks]
    weights = {task: _weights_of(run, task) for task in chosen}
    loader = run.data_loader(split)
    loader.set_target_device(device)
    run.model.to(device)
    found = {}
    for models in run.models(dict.fromkeys(weights.values())):
        analysers = {
            TaskEvaluation(model, loader, task): model.head(task).kind.errors(num_examples)
            for model, names in models
            for task in chosen
            if weights[task] in names
        }
        for evaluation, batch, output in evaluated(list(analysers), loader):
            for metadata, predicted in zip(batch["metadata"], output["predictions"], strict=True):
                analysers[evaluation].add(metadata, predicted)
        for evaluation, analyser in analysers.items():
            task = evaluation.task
            found[task] = TaskErrors(
                run.weights[weights[task]].name,
                paths[task],
                evaluation.metrics(),
                analyser.sections,
                findable_gold(evaluation.model, loader, task),
                evaluation.kind.figures,
            )
    return RunErrors(str(run.directory), split, {task: found[task] for task in chosen})


def _weights_of(run: Run, task: str) -> str:
    for name in (best_stem(task), BEST, run.package or BEST):
        if name in run.weights:
            return name
    raise UserError(f"{run.directory}: no weights for '{task}'; expected {best_weights_name(task)} or {BEST_OVERALL}")

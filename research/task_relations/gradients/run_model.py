"""A trained run: its model without dropout, samples of its data, and the gradients of its shared parameters."""

from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np
import torch
from allennlp.data import Instance

from hmtl.common.archives import read_config
from hmtl.common.weights import load_into
from hmtl.corpora.corpus import documents_shared
from hmtl.data.data_loaders.instance_columns import batch_of
from hmtl.errors import UserError
from hmtl.models.hmtl import HMTL, load_hmtl_archive
from hmtl.tasks import TaskHead
from research.task_relations.gradients.linearized import Linearized, Projection, margins_of

# Gradients that are projected at once.
_CHUNK = 64


class RunModel:
    """The model of a run directory.

    It computes losses as in training, but without dropout: the same each time.

    # Parameters

    directory : `Path`
        Of a run that is finished, or has best weights.
    weights : `Path`, optional
        Others than its best ones, such as those of a checkpoint.
    validation : `Dict[str, str]`, optional
        The path of each task's validation data, where the run itself had none.

    # Raises

    UserError
        Where it holds no model, or what its configuration names is no longer there.
    """

    def __init__(
        self, directory: Path, weights: Optional[Path] = None, validation: Optional[Dict[str, str]] = None
    ) -> None:
        archive = load_hmtl_archive(directory)
        assert isinstance(archive.model, HMTL)
        self.model = archive.model
        if weights is not None:
            load_into(self.model, weights)
        self.tasks = sorted(self.model.tasks)
        self._readers = archive.dataset_reader.readers  # type: ignore[attr-defined]
        config = read_config(directory)
        self._paths = {"train": config["train_data_path"], "validation": validation or config["validation_data_path"]}
        self._instances: Dict[Tuple[str, str], List[Instance]] = {}
        for module in self.model.modules():
            # Modules of dropout are off; heads return a loss alone; oneDNN's LSTMs have gradients in training only, and
            # only then do frozen encoders, the ones with a cache, use it.
            has_cache = getattr(module, "cache", None) is not None
            module.training = module is self.model or has_cache or isinstance(module, (TaskHead, torch.nn.LSTM))
        own = {task: (f"encoders.{task}.", f"heads.{task}.") for task in self.tasks}
        # Those that some task reaches below its own level.
        self.parameters: Dict[str, torch.nn.Parameter] = {
            name: parameter
            for task in self.tasks
            for name, parameter in self.model.parameters_of(task)
            if not name.startswith(own[task])
        }

    def path(self, task: str, split: str) -> str:
        """Where the data of a task are."""
        return self._paths[split][task]

    def reads_documents(self, task: str) -> bool:
        """Whether an instance of a task is a document."""
        return self.model.head(task).scope == "document"

    def instances(self, task: str, split: str) -> List[Instance]:
        """All of a split, `train` or `validation`, in the order of the data."""
        if (task, split) not in self._instances:
            with documents_shared():
                for name in self.tasks:
                    reader = self._readers[name].inner
                    self._instances[name, split] = list(reader.read(self.path(name, split)))
        return self._instances[task, split]

    def sample(self, task: str, split: str, number: int, seed: int) -> List[Instance]:
        """So many different instances, drawn at random, or all where there are not so many."""
        instances = self.instances(task, split)
        chosen = np.random.default_rng(seed).permutation(len(instances))[:number]
        return [instances[index] for index in sorted(chosen.tolist())]

    def batch(self, task: str, instances: Sequence[Instance]) -> Dict[str, Any]:
        """The tensors of some instances, with the name of the task."""
        return {**batch_of(list(instances), self.model.vocab), "task_name": task}

    def loss(self, batch: Dict[str, Any]) -> torch.Tensor:
        """The training loss of a batch; shape: ()"""
        return self.model(**batch)["loss"]

    def gradients(self, value: torch.Tensor) -> Tuple[torch.Tensor, ...]:
        """Of a number, by the shared parameters; 0 for those that it does not depend on."""
        parameters = list(self.parameters.values())
        if not value.requires_grad:
            return tuple(torch.zeros_like(parameter) for parameter in parameters)
        return torch.autograd.grad(value, parameters, materialize_grads=True)

    def linearized(self, task: str, instances: Sequence[Instance], projection: Projection) -> Linearized:
        """The margin of each instance's loss, and its gradient, projected."""
        margins, projected, waiting = [], [], []
        for number, instance in enumerate(instances, start=1):
            margin = margins_of(self.loss(self.batch(task, [instance])))
            margins.append(margin.item())
            waiting.append(flat(self.gradients(margin)))
            if len(waiting) == _CHUNK or number == len(instances):
                # Shape: (num_waiting, dim)
                projected.append(projection.project(torch.stack(waiting)).numpy())
                waiting = []
        return Linearized(np.array(margins), np.concatenate(projected).astype(float))

    @contextmanager
    def moved(self, change: torch.Tensor) -> Iterator[None]:
        """Within it the shared parameters, all in a row, are changed by `change`; shape: (num_parameters,)."""
        parameters = list(self.parameters.values())
        with torch.no_grad():
            saved = [parameter.clone() for parameter in parameters]
            parts = change.split([parameter.numel() for parameter in parameters])
            try:
                for parameter, part in zip(parameters, parts):
                    parameter.add_(part.view_as(parameter))
                yield
            finally:
                for parameter, start in zip(parameters, saved):
                    parameter.copy_(start)

    def num_parameters(self) -> int:
        """Of those that are shared."""
        return sum(parameter.numel() for parameter in self.parameters.values())


def flat(gradients: Sequence[torch.Tensor]) -> torch.Tensor:
    """All in a row, (num_parameters,)."""
    return torch.cat([gradient.reshape(-1) for gradient in gradients])


def text_key(instance: Instance, by_document: bool) -> Tuple[Any, ...]:
    """What tells the text of an instance from others of its file: its document, and its sentence in it.

    # Raises

    UserError
        Where the instance is of a whole document and sentences are asked for.
    """
    metadata = instance["metadata"].metadata  # type: ignore[attr-defined]
    if by_document:
        return (metadata["doc_key"],)
    if "sentence" not in metadata:
        raise UserError("tasks that read documents share documents with others, not sentences; choose by_document")
    return metadata["doc_key"], metadata["sentence"]

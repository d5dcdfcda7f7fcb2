"""The directory of a run: the one place where all that a run keeps has its name.

| file | what it is | written by |
|---|---|---|
| `config.jsonnet`, `data/` | of a run from documents, the configuration to edit, and these | `hmtl train DATA`, `hmtl init` |
| `config.json` | the configuration | `hmtl train`, before the first step |
| `command.json` | the command line, and the packages included | the same |
| `meta.json` | the release of AllenNLP | the same |
| `vocabulary/` | words, characters and labels | the same |
| `finetuning.json` | what a fine-tuned model took from its archive | the same |
| `out.log`, `out_worker{rank}.log` | the log of each process | training |
| `log/`, `wandb/` | for TensorBoard, for Weights & Biases | training |
| `checkpoint_e{epochs}_b{batches}.json` | the manifest of a checkpoint | training |
| `model_state_...th`, `training_state_...th` | the two files of that checkpoint | training |
| `best_{task}.safetensors`, `best.safetensors` | the best weights for a task, and by the sum of all scores | each epoch |
| `metrics_epoch_{epoch}.json` | the metrics of an epoch, counted from 0 | each epoch |
| `metrics.json`, `model.tar.gz` | the metrics of the run, and its archive | training, at its end |
| `curves.csv`, `curves.png` | the learning curves | training, at its end, and `hmtl runs --curves` |
| `evaluation.json`, and with `_validation`, `_gold_mentions` | the scores of all best weights | `hmtl evaluate` |
| `calibration.json` | thresholds and temperatures, chosen on validation data | `hmtl evaluate --calibrate` |
| `run.lock`, `.replaced` | the lock, and the run that `--force` replaces | `hmtl.runs.claiming`, for a while |

Of older releases weights end in `.th`. What a callback writes besides has its name there.
"""

import os
import re
from pathlib import Path
from typing import Iterator, List, NamedTuple, Optional, Set, Tuple, Union

from hmtl.common.file_names import (
    ARCHIVE_NAME,
    BEST,
    CALIBRATION_NAME,
    COMMAND_NAME,
    CONFIG_NAME,
    META_NAME,
    PARTIAL_SUFFIX,
    SUFFIX,
    SUFFIXES,
    VOCABULARY_NAME,
)

# The files of a checkpoint, and their suffixes; AllenNLP has the same names for the states.
MANIFEST, MODEL_STATE, TRAINING_STATE = "checkpoint", "model_state", "training_state"
_CHECKPOINT_SUFFIXES = {MANIFEST: ".json", MODEL_STATE: ".th", TRAINING_STATE: ".th"}
_CHECKPOINT_FILE = re.compile(rf"({'|'.join(_CHECKPOINT_SUFFIXES)})_e(\d+)_b(\d+)(?:_w(\d+))?(\.json|\.th)")

BEST_OVERALL = f"{BEST}{SUFFIX}"
LOG_NAME = "out.log"
_EPOCH_METRICS = "metrics_epoch_"
CURVES_TABLE, CURVES_IMAGE = "curves.csv", "curves.png"


def best_stem(task: str) -> str:
    """The name, without its suffix, of the weights that were best for a task."""
    return f"{BEST}_{task}"


def best_weights_name(task: str) -> str:
    """The file of the weights that were best for a task."""
    return f"{best_stem(task)}{SUFFIX}"


def is_best_for(weights: str, task: str) -> bool:
    """Whether weights of this name, without a suffix, are those that were best for the task in validation."""
    return weights == best_stem(task)


class Point(NamedTuple):
    """A moment of training."""

    epochs_completed: int
    batches_in_epoch_completed: int


class RunDirectory:
    """The paths of a run's files, and what it tells that one of them is there.

    # Parameters

    path : `Union[str, os.PathLike]`
        The directory, which need not be there.
    """

    def __init__(self, path: Union[str, os.PathLike]) -> None:
        self.path = path = Path(path)
        self.editable_config = path / "config.jsonnet"
        self.data = path / "data"
        self.config = path / CONFIG_NAME
        self.command = path / COMMAND_NAME
        self.meta = path / META_NAME
        self.vocabulary = path / VOCABULARY_NAME
        self.finetuning = path / "finetuning.json"
        self.log = path / LOG_NAME
        self.tensorboard = path / "log"
        self.wandb = path / "wandb"
        self.metrics = path / "metrics.json"
        self.archive = path / ARCHIVE_NAME
        self.calibration = path / CALIBRATION_NAME
        self.curves_table = path / CURVES_TABLE
        self.curves_image = path / CURVES_IMAGE
        self.lock = path / "run.lock"
        # The run that is replaced, and its states on the way: moved out, brought back, no longer needed.
        self.replaced = path / ".replaced"
        self.leaving, self.returning, self.forgotten = (
            path / f"{self.replaced.name}.{state}" for state in ("leaving", "returning", "forgotten")
        )

    def evaluation(self, split: str = "test", gold_mentions: bool = False) -> Path:
        """The scores of all best weights on a split; `gold_mentions` where coreference was given the gold mentions."""
        parts = ["evaluation", "" if split == "test" else split, "gold_mentions" if gold_mentions else ""]
        return self.path / f"{'_'.join(filter(None, parts))}.json"

    def epoch_metrics(self, epoch: int) -> Path:
        """The metrics of an epoch, counted from 0."""
        return self.path / f"{_EPOCH_METRICS}{epoch}.json"

    def epochs(self) -> List[int]:
        """The epochs that are done, in their order."""
        names = (path.stem.removeprefix(_EPOCH_METRICS) for path in self.path.glob(f"{_EPOCH_METRICS}*.json"))
        return sorted(int(name) for name in names if name.isdecimal())

    def checkpoint_file(self, kind: str, point: Point, worker: Optional[int] = None) -> Path:
        """The `MANIFEST`, `MODEL_STATE` or `TRAINING_STATE` of a checkpoint.

        `worker` is the rank of the worker that writes it, where each keeps a part of the state.
        """
        shard = "" if worker is None else f"_w{worker}"
        epochs, batches = point
        return self.path / f"{kind}_e{epochs}_b{batches}{shard}{_CHECKPOINT_SUFFIXES[kind]}"

    def points(self, *kinds: str, worker: Optional[int] = None) -> Set[Point]:
        """The moments that there is a checkpoint's file of, of one of these kinds, or of any."""
        return {point for kind, point, rank in self._checkpoint_files() if kind in (kinds or (kind,)) and rank == worker}

    def has_checkpoint(self) -> bool:
        """Whether the run can be gone on with: what has no manifest is no checkpoint."""
        return any(kind == MANIFEST for kind, _, _ in self._checkpoint_files())

    def epochs_in_checkpoint(self) -> int:
        """How many epochs `--recover` would find completed; 0 without a checkpoint."""
        return max((point.epochs_completed for point in self.points(MANIFEST)), default=0)

    def is_trained(self) -> bool:
        """Whether a run can be gone on with, or is finished: it has a checkpoint, or its archive."""
        return self.has_checkpoint() or self.archive.exists()

    def is_run(self) -> bool:
        """Whether this is the directory of a run, of one that has only begun perhaps."""
        return self.config.is_file() and any(path.exists() for path in (self.meta, self.vocabulary, self.log))

    def resume_options(self) -> List[str]:
        """The options of `hmtl train` that go on with what is there, or begin anew where there is no checkpoint."""
        if self.has_checkpoint():
            return ["--recover"]
        return ["--force"] if self.path.exists() else []

    def entries(self) -> List[Path]:
        """What is in the directory, without what `hmtl.runs.claiming` keeps there, and without what was written for
        the run before it was begun, which stays whatever becomes of it."""
        its = {self.editable_config, self.data, self.lock, self.replaced, self.leaving, self.returning, self.forgotten}
        return sorted(path for path in self.path.iterdir() if path not in its)

    def holds_training(self) -> bool:
        """Whether there is more than what is written before the first step."""
        before = {self.command, self.config, self.finetuning, self.meta, self.vocabulary}
        before |= {self.log, self.tensorboard, self.wandb, *self.path.glob("out_worker*.log")}
        return not before.issuperset(self.entries())

    def written_in_training(self) -> Iterator[Path]:
        """What training itself writes; an evaluation, or curves, may come later."""
        suffixes = (*SUFFIXES, PARTIAL_SUFFIX)
        for pattern in (CONFIG_NAME, "out*.log", "metrics*.json", *(f"*{suffix}" for suffix in suffixes)):
            yield from self.path.glob(pattern)

    def _checkpoint_files(self) -> Iterator[Tuple[str, Point, Optional[int]]]:
        """Of each file its kind, its moment and the worker that wrote it, where each keeps a part of the state."""
        for path in self.path.glob("*_e*_b*"):
            match = _CHECKPOINT_FILE.fullmatch(path.name)
            if match is not None and match[5] == _CHECKPOINT_SUFFIXES[match[1]]:
                yield match[1], Point(int(match[2]), int(match[3])), None if match[4] is None else int(match[4])

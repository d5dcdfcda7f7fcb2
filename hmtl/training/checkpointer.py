"""Checkpoints that survive a kill at any moment, a damaged file and a full disk."""

import json
import logging
import os
import time
from pathlib import Path
from typing import Any, Dict, List, Optional, Set, Tuple, Union

from allennlp.training.checkpointer import Checkpointer
from allennlp.training.trainer import Trainer, TrainerCheckpoint

from hmtl.common.files import fingerprint, load_state, save_state, write_json
from hmtl.errors import ConfigurationError, UserError
from hmtl.runs.claiming import forget
from hmtl.runs.run_directory import MANIFEST, MODEL_STATE, TRAINING_STATE, Point, RunDirectory

logger = logging.getLogger(__name__)

MIN_KEPT = 2


@Checkpointer.register("verified")
class VerifiedCheckpointer(Checkpointer):
    """AllenNLP's checkpointer, whose options and file names it keeps, made safe.

    Each file is written whole or not at all. After `model_state_e{epochs}_b{batches}.th` and
    `training_state_e{epochs}_b{batches}.th` comes the manifest `checkpoint_e{epochs}_b{batches}.json`, with the length
    and the SHA-256 of both: what has no manifest is no checkpoint. `load_checkpoint` verifies both files, and falls
    back to the checkpoint before where one is damaged.

    # Parameters

    serialization_dir : `Union[str, os.PathLike]`
    save_completed_epochs, save_every_num_seconds, save_every_num_batches : see `Checkpointer`
    keep_most_recent_by_count : `Optional[int]`, optional (default = `2`)
        At least 2: the one before is the way back from a damaged file.
    keep_most_recent_by_age : see `Checkpointer`; the two newest stay whatever their age.
    """

    default_implementation = "verified"

    def __init__(
        self,
        serialization_dir: Union[str, os.PathLike],
        save_completed_epochs: bool = True,
        save_every_num_seconds: Optional[float] = None,
        save_every_num_batches: Optional[int] = None,
        keep_most_recent_by_count: Optional[int] = MIN_KEPT,
        keep_most_recent_by_age: Optional[int] = None,
    ) -> None:
        super().__init__(
            serialization_dir,
            save_completed_epochs,
            None,
            save_every_num_batches,
            keep_most_recent_by_count,
            keep_most_recent_by_age,
        )
        # AllenNLP refuses it in distributed training, where ours has but one writer.
        self._save_every_num_seconds = save_every_num_seconds
        if keep_most_recent_by_count is not None and keep_most_recent_by_count < MIN_KEPT:
            raise ConfigurationError(
                f"checkpointer.keep_most_recent_by_count: expected at least {MIN_KEPT} (the one before is the way back "
                f"from a damaged file), got {keep_most_recent_by_count}"
            )
        self._run = RunDirectory(serialization_dir)

    def save_checkpoint(self, trainer: Trainer) -> None:
        """Writes a checkpoint, unless the last one is of the same moment, and removes what is no longer kept.

        # Raises

        UserError
            Where a file cannot be written; older checkpoints are as they were.
        """
        state = trainer.get_checkpoint_state()
        if state is None:
            return
        point = Point(state.trainer_state["epochs_completed"], state.trainer_state["batches_in_epoch_completed"])
        if point == self._last_saved:
            return
        manifest, (model_path, training_path) = self._manifest_path(point), self._state_paths(point)
        # A manifest of this moment from an earlier attempt would describe other files than those written now.
        manifest.unlink(missing_ok=True)
        files = {
            model_path.name: save_state(model_path, state.model_state),
            training_path.name: save_state(training_path, state.trainer_state),
        }
        write_json(manifest, files)
        self._last_saved = point
        self._last_save_time = time.time()
        forget(self._run.path)
        self._remove_old()

    def find_latest_checkpoint(self) -> Optional[Tuple[str, str]]:
        """The newest checkpoint whose files are as they were written: paths of the model and of the training state.

        Warns of each file that is not; changes nothing.

        # Raises

        UserError
            Where there are checkpoints and all of them are damaged.
        """
        point = self._newest_intact()
        if point is None:
            return None
        model_path, training_path = self._state_paths(point)
        return str(model_path), str(training_path)

    def load_checkpoint(self) -> Optional[TrainerCheckpoint]:
        """The states of the newest intact checkpoint, or `None` where there has been none; see above for errors.

        Removes the damaged ones after it, which must not count among those to keep.
        """
        point = self._newest_intact()
        if point is None:
            return None
        model_state, training_state = (load_state(path) for path in self._state_paths(point))
        self._last_saved = point
        for later in self._points(MANIFEST):
            if later > point:
                self._remove(later)
        return TrainerCheckpoint(model_state, training_state)

    @property
    def _last_saved(self) -> Point:
        return Point(self._last_save_num_epochs_completed, self._last_save_num_batches_in_epoch_completed)

    @_last_saved.setter
    def _last_saved(self, point: Point) -> None:
        self._last_save_num_epochs_completed, self._last_save_num_batches_in_epoch_completed = point

    def _newest_intact(self) -> Optional[Point]:
        points = self._points(MANIFEST)
        for point in sorted(self._points(MODEL_STATE, TRAINING_STATE) - points):
            paths = ", ".join(str(path) for path in self._state_paths(point) if path.exists())
            logger.warning("%s: not used, as its checkpoint was never completed", paths)
        damages: List[str] = []
        for point in sorted(points, reverse=True):
            damage = self._damage(point)
            if damage is None:
                return point
            logger.warning("%s; falling back to the checkpoint before", damage)
            damages.append(damage)
        if damages:
            raise UserError(
                f"no checkpoint in {self._run.path} is intact ({'; '.join(damages)}); bring a file back, "
                "or start over with --force"
            )
        return None

    def _damage(self, point: Point) -> Optional[str]:
        """What is wrong with a checkpoint; names the file."""
        manifest = self._manifest_path(point)
        try:
            files: Dict[str, Any] = json.loads(manifest.read_text(encoding="utf-8"))
            expected = [files[path.name] for path in self._state_paths(point)]
        except (OSError, ValueError, KeyError, TypeError):
            return f"{manifest} is damaged: it is no manifest"
        for path, written in zip(self._state_paths(point), expected):
            try:
                found = fingerprint(path)
            except FileNotFoundError:
                return f"{path} is missing"
            except OSError as error:
                return f"{path} cannot be read: {error.strerror}"
            if found["length"] != written["length"]:
                return f"{path} is damaged: {found['length']} bytes instead of {written['length']}"
            if found != written:
                return f"{path} is damaged: its checksum is not the one that was written"
        return None

    def _remove_old(self) -> None:
        """Removes all but the checkpoints to keep, those that were never completed too."""
        count, age = self._keep_most_recent_by_count, self._keep_most_recent_by_age
        if count is None and age is None:
            return
        points = sorted(self._points(MANIFEST), reverse=True)
        keep = set(points[: count or MIN_KEPT])
        if age is not None:
            keep |= {point for point in points if time.time() - self._manifest_path(point).stat().st_mtime <= age}
        for point in self._points() - keep:
            self._remove(point)

    def _remove(self, point: Point) -> None:
        # The manifest goes first: a checkpoint that is half removed is none.
        for path in (self._manifest_path(point), *self._state_paths(point)):
            path.unlink(missing_ok=True)

    @property
    def _worker(self) -> Optional[int]:
        """The rank of this worker where each keeps a part of the state, as AllenNLP's accelerators may have it."""
        return self._rank if self.state_is_sharded else None

    def _points(self, *kinds: str) -> Set[Point]:
        return self._run.points(*kinds, worker=self._worker)

    def _state_paths(self, point: Point) -> Tuple[Path, Path]:
        model_path, training_path = (
            self._run.checkpoint_file(kind, point, self._worker) for kind in (MODEL_STATE, TRAINING_STATE)
        )
        return model_path, training_path

    def _manifest_path(self, point: Point) -> Path:
        return self._run.checkpoint_file(MANIFEST, point, self._worker)


# A configuration names no type where it means this one, or one derived from it.
VerifiedCheckpointer.register("verified")(VerifiedCheckpointer)

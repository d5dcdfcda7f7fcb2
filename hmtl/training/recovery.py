"""What `--recover` needs besides a checkpoint: the same configuration, and the vocabulary of the run."""

import inspect
import json
import os
from pathlib import Path
from typing import Any, Dict, Union

from allennlp.common import Params
from allennlp.data import Vocabulary
from allennlp.training.learning_rate_schedulers import LearningRateScheduler

from hmtl.errors import UserError
from hmtl.runs.run_directory import RunDirectory

# What may change when a run goes on: when training ends and what it keeps, and so nothing that the updates so far
# depended on.
SAFE_KEYS = ("trainer.num_epochs", "trainer.patience", "trainer.min_learning_rate", "trainer.checkpointer")
_MISSING = object()


@Vocabulary.register("of_run", constructor="from_files")
class RunVocabulary(Vocabulary):
    """A vocabulary read back from the directory of its run, which it does not write again.

    If it were written again, a kill at that moment would leave half a vocabulary to the next recovery.
    """

    def save_to_files(self, directory: str) -> None:
        pass


def read_back_vocabulary(params: Params, serialization_dir: Union[str, os.PathLike]) -> None:
    """Makes a configuration take the vocabulary from its run rather than build it from the data.

    Does nothing where the run has no checkpoint: only the first one proves that the vocabulary was written to its end.
    """
    run = RunDirectory(serialization_dir)
    if not run.has_checkpoint():
        return
    built: Params = params.pop("vocabulary", {})
    tokens = {key: built.get(key) for key in ("padding_token", "oov_token") if built.get(key) is not None}
    params["vocabulary"] = {"type": "of_run", "directory": str(run.vocabulary), **tokens}


def check_recoverable(params: Params, serialization_dir: Union[str, os.PathLike]) -> None:
    """Makes sure that a configuration goes on with a run as it was begun, but for `SAFE_KEYS`.

    A run that trains longer ends as if it had been given the larger number from the start.

    # Raises

    UserError
        Where there is no run, or the configuration differs in another key, which is named with both values; where more
        epochs would have changed those so far, as of a schedule that is laid out over all of them; where the run has
        had more epochs already.
    """
    directory = Path(serialization_dir)
    path = RunDirectory(directory).config
    if not path.exists():
        found = f"no {path.name} there" if directory.exists() and any(directory.iterdir()) else "no run there"
        raise UserError(f"{directory}: nothing to recover, {found}; the same command without --recover begins one")
    try:
        old = Params(json.loads(path.read_text(encoding="utf-8"))).as_flat_dict()
    except ValueError as error:
        raise UserError(f"{path}: not valid JSON, so that the run cannot be recovered: {error}") from error
    new = params.as_flat_dict()
    changed = sorted(key for key in old.keys() | new.keys() if old.get(key, _MISSING) != new.get(key, _MISSING))
    refused = [key for key in changed if not any(f"{key}.".startswith(f"{safe}.") for safe in SAFE_KEYS)]
    if refused:
        differences = [f"{key} was {_shown(old, key)} and is {_shown(new, key)}" for key in refused[:3]]
        more = f", and {len(refused) - 3} more" if len(refused) > 3 else ""
        raise UserError(
            f"{directory}: --recover goes on with the configuration of the run, but {'; '.join(differences)}{more}; "
            f"only {', '.join(SAFE_KEYS)} may change, --force begins anew"
        )
    if "trainer.num_epochs" in changed:
        _check_epochs(params, directory, old, new)


def _check_epochs(params: Params, directory: Path, old: Dict[str, Any], new: Dict[str, Any]) -> None:
    key = "trainer.num_epochs"
    place = f"{directory}: {key} was {_shown(old, key)} and is {_shown(new, key)}"
    schedule = new.get("trainer.learning_rate_scheduler.type", new.get("trainer.learning_rate_scheduler"))
    if schedule in LearningRateScheduler.list_available():
        built, constructor = LearningRateScheduler.resolve_class_name(schedule)
        if "num_epochs" in inspect.signature(getattr(built, constructor or "__init__")).parameters:
            raise UserError(
                f"{place}, but the schedule '{schedule}' is laid out over all epochs, so that those so far would have "
                "had other learning rates; begin anew, or fine-tune from this run"
            )
    wanted = new.get(key)
    done = RunDirectory(directory).epochs_in_checkpoint()
    if isinstance(wanted, int) and wanted < done:
        raise UserError(f"{place}, but the run has had {done} epochs already; expected at least as many")


def _shown(flat: Dict[str, Any], key: str) -> str:
    return json.dumps(flat[key]) if key in flat else "not given"

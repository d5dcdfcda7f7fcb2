"""A run in Weights & Biases."""

import importlib.util
import secrets
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from allennlp.common.checks import ConfigurationError
from allennlp.training.callbacks import TrainerCallback

from hmtl.common.archives import read_json_object
from hmtl.common.file_names import CONFIG_NAME
from hmtl.errors import UserError
from hmtl.runs.run_directory import LOG_NAME, RunDirectory
from hmtl.training.callbacks.task_log_writer import TaskLogWriter, full_name


@TrainerCallback.register("hmtl_wandb")
class WeightsAndBiases(TaskLogWriter):
    """Sends a run to Weights & Biases, or with `WANDB_MODE=offline` writes it to `wandb/` in the directory of the run.

    See `TaskLogWriter` for what there is. Training and validation share their names there, so the validation's loss is
    called `{task}/validation_loss`. Everything stands at the number of updates; `epoch` says which epoch ended there. A
    recovered run goes on under the same id.

    # Parameters

    serialization_dir : `str`
        Given by the trainer.
    project : `str`, optional (default = `"hmtl"`)
    name : `str`, optional
        What the run is called. By default the name of its directory.
    entity, group, notes, tags : optional
        As in `wandb.init`.
    files_to_save : `Tuple[str, ...]`, optional (default = `("config.json", "out.log")`)
        Files in the directory of the run that are sent too.
    wandb_kwargs : `Dict[str, Any]`, optional
        Further arguments of `wandb.init`.
    **kwargs
        Those of `TaskLogWriter`.

    # Raises

    ConfigurationError
        Where wandb is not installed.
    UserError
        When training starts, where wandb refuses: without a key, for example.
    """

    def __init__(
        self,
        serialization_dir: str,
        project: str = "hmtl",
        name: Optional[str] = None,
        entity: Optional[str] = None,
        group: Optional[str] = None,
        notes: Optional[str] = None,
        tags: Optional[List[str]] = None,
        files_to_save: Tuple[str, ...] = (CONFIG_NAME, LOG_NAME),
        wandb_kwargs: Optional[Dict[str, Any]] = None,
        **kwargs: Any,
    ) -> None:
        if importlib.util.find_spec("wandb") is None:
            raise ConfigurationError("trainer.callbacks: hmtl_wandb needs wandb: pip install 'hmtl[wandb]'")
        super().__init__(serialization_dir, **kwargs)
        self._files_to_save = files_to_save
        # The generator of `random` is seeded: every run would get the same id, and later draws others.
        self._run_id = secrets.token_hex(4)
        self._arguments: Dict[str, Any] = {
            "project": project,
            "name": name or Path(serialization_dir).resolve().name,
            "entity": entity,
            "group": group,
            "notes": notes,
            "tags": tags,
            "dir": str(Path(serialization_dir).resolve()),
            **(wandb_kwargs or {}),
        }

    def on_start(self, trainer: Any, is_primary: bool = True, **kwargs: Any) -> None:
        super().on_start(trainer, is_primary=is_primary, **kwargs)
        if not is_primary:
            return
        import wandb

        directory = Path(self._arguments["dir"])
        config = RunDirectory(directory).config
        # There is no config.json where the trainer was built in Python.
        known = read_json_object(config) if config.exists() else None
        try:
            self._run = wandb.init(id=self._run_id, **{"config": known, **self._arguments})
        except wandb.errors.Error as error:
            reason = " ".join(str(error).split())
            raise UserError(
                f"Weights & Biases refuses: {reason}; run 'wandb login', or set WANDB_MODE=offline to keep the run here"
            ) from error
        for name in self._files_to_save:
            if (directory / name).exists():
                self._run.save(str(directory / name), base_path=str(directory))

    def log_scalars(self, scalars: Dict[str, Any], log_prefix: str = "", epoch: Optional[int] = None) -> None:
        values = {full_name(log_prefix, name): value for name, value in scalars.items()}
        if epoch is not None:
            values["epoch"] = epoch
        self._run.log(values, step=self.trainer.updates_completed)

    def log_epoch(self, train_metrics: Dict[str, float], val_metrics: Dict[str, float], epoch: int) -> None:
        renamed = {
            f"{name[: -len('loss')]}validation_loss" if name.endswith("/loss") else name: value
            for name, value in val_metrics.items()
        }
        super().log_epoch(train_metrics, renamed, epoch)

    def on_end(  # type: ignore[override]
        self, trainer: Any, metrics: Optional[Dict[str, Any]] = None, is_primary: bool = True, **kwargs: Any
    ) -> None:
        if is_primary:
            super().close()
            # Without metrics, training was interrupted or failed.
            self._run.finish(exit_code=int(metrics is None))

    def state_dict(self) -> Dict[str, Any]:
        return {**super().state_dict(), "run_id": self._run_id}

    def load_state_dict(self, state_dict: Dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self._run_id = state_dict["run_id"]
        self._arguments["resume"] = "allow"

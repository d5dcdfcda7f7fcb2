"""The learning curves of a run, at its end."""

from pathlib import Path
from typing import Any, Dict

from allennlp.training.callbacks import TrainerCallback

from hmtl.runs.curves import write_curves
from hmtl.training.callbacks.callback import MultiTaskCallback


@TrainerCallback.register("learning_curves")
class LearningCurves(MultiTaskCallback):
    """Writes `curves.csv` and `curves.png` (see `write_curves`) when training ends; not where it is interrupted."""

    def on_end(  # type: ignore[override]
        self, trainer: Any, metrics: Dict[str, Any] = None, is_primary: bool = True, **kwargs: Any
    ) -> None:
        if is_primary and metrics is not None:
            write_curves(Path(self.serialization_dir))

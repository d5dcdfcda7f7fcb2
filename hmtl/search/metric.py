"""What a search optimizes: a metric of the validation, read from the files that a run writes after each epoch."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterable, Optional

from hmtl.errors import UserError
from hmtl.runs.run_directory import RunDirectory


@dataclass(frozen=True)
class Metric:
    """A metric of `metrics_epoch_*.json`, and whether higher is better.

    A trial's score is that of its best epoch.
    """

    name: str
    maximize: bool

    @classmethod
    def named(cls, name: str, maximize: bool, tasks: Iterable[str]) -> "Metric":
        """`validation_score`, or `validation_{task}_{metric}`; a leading `best_` changes nothing.

        # Raises

        UserError
            Where it is neither, or names a task that the configuration does not have.
        """
        tasks = list(tasks)
        plain = name.removeprefix("best_")
        prefixes = [f"validation_{task}_" for task in tasks]
        if plain != "validation_score" and not any(plain.startswith(p) and plain != p for p in prefixes):
            raise UserError(
                f"--metric {name}: expected validation_score or validation_TASK_METRIC, such as "
                f"validation_{tasks[0] if tasks else 'ner'}_f1; the tasks are {', '.join(tasks)}"
            )
        return cls(plain, maximize)

    def of_epoch(self, run: Path, epoch: int) -> Optional[float]:
        """The score of an epoch, counted from 0; `None` where it is not done.

        # Raises

        UserError
            Where the epoch has no such metric; names those that it has.
        """
        path = RunDirectory(run).epoch_metrics(epoch)
        try:
            metrics: Dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        value = metrics.get(self.name)
        if isinstance(value, (int, float)):
            return float(value)
        there = [key for key, found in metrics.items() if key.startswith("validation_") and not isinstance(found, str)]
        raise UserError(f"{path}: no metric {self.name}; there are {', '.join(there) or 'none of a validation'}")

    def best(self, scores: Iterable[float]) -> Optional[float]:
        """The best of the scores that are numbers."""
        numbers = [score for score in scores if not math.isnan(score)]
        if not numbers:
            return None
        return max(numbers) if self.maximize else min(numbers)

"""What a search optimizes: a metric of the validation, read from the files that a run writes after each epoch."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterable, Optional

from hmtl.analysis.runs import metrics_by_epoch
from hmtl.errors import UserError


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

    def by_epoch(self, run: Path) -> Dict[int, float]:
        """The scores of the epochs that a run has done.

        # Raises

        UserError
            Where an epoch has no such metric; names those that it has.
        """
        return {metrics["epoch"]: self._of(metrics, run) for metrics in metrics_by_epoch(run)}

    def best(self, scores: Iterable[float]) -> Optional[float]:
        """The best of the scores that are numbers."""
        numbers = [score for score in scores if not math.isnan(score)]
        if not numbers:
            return None
        return max(numbers) if self.maximize else min(numbers)

    def _of(self, metrics: Dict[str, Any], run: Path) -> float:
        value = metrics.get(self.name)
        if isinstance(value, (int, float)):
            return float(value)
        there = [key for key, found in metrics.items() if key.startswith("validation_") and not isinstance(found, str)]
        raise UserError(f"{run}: no metric {self.name}; there are {', '.join(there) or 'none of a validation'}")

"""What is to be seen of a training run while it trains: a bar for the epoch, a line for each task."""

import sys
import time
from collections import Counter
from contextlib import contextmanager, nullcontext
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional

from allennlp.common import Tqdm
from allennlp.common.tqdm import logger
from tqdm import tqdm

from hmtl.common.terminal import LinesBelowBar, is_terminal

# To show losses they are read from the device, which then waits.
SECONDS_BETWEEN_READINGS = 1.0


class TrainingProgress:
    """Shows training on stderr; AllenNLP's logger `tqdm` copies it to the log of the run.

    In a terminal a bar and a line for each task are refreshed in place while an epoch trains. Elsewhere the bar alone
    is, with the tasks' losses. At the end of an epoch, after validation, the lines are written to stay.

    ```
    with progress.epoch(number, total_updates, first):
        for ...:
            progress.update({"ner": 32})
            if progress.is_due():
                progress.show(losses.summary())
    progress.end_epoch(metrics, patience_left)
    ```

    # Parameters

    tasks : `List[str]`
    metric_names : `Mapping[str, str]`
        The name, without its sign, of each task's validation metric.
    num_epochs : `int`
        How many there may be; the time left of the run is that of all of them.
    enabled : `bool`, optional (default = `True`)
        Whether anything is shown: only one process of several should.
    clock : `Callable[[], float]`, optional
        Tells the time in seconds.
    """

    def __init__(
        self,
        tasks: List[str],
        metric_names: Mapping[str, str],
        num_epochs: int,
        enabled: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tasks = tasks
        self._metric_names = metric_names
        self._num_epochs = num_epochs
        self._enabled = enabled
        self._clock = clock
        self._epoch = self._total = self._done = 0
        self._epoch_start = self._last_shown = clock()
        self._training_seconds = 0.0
        self._is_whole_epoch = False
        self._seconds_per_epoch: Optional[float] = None
        self._num_examples: Counter = Counter()
        self._metrics: Mapping[str, Any] = {}
        self._patience_left: Mapping[str, Optional[int]] = {}
        self._bar: Optional[tqdm] = None
        self._lines: Optional[LinesBelowBar] = None

    @contextmanager
    def epoch(self, epoch: int, total_updates: int, first: int = 0) -> Iterator[None]:
        """The updates `first` to `total_updates` of an epoch are made within; however it ends, the bar is closed."""
        now = self._clock()
        if self._is_whole_epoch:
            # Validation and checkpoints included. The last one, for the first may have filled caches.
            self._seconds_per_epoch = now - self._epoch_start
        self._epoch, self._total, self._done = epoch, total_updates, first
        self._epoch_start = self._last_shown = now
        self._is_whole_epoch = False
        self._num_examples.clear()
        self._lines = LinesBelowBar() if self._enabled and is_terminal() else None
        if self._enabled:
            self._open_bar()
        try:
            with nullcontext() if self._lines is None else self._lines.shown():
                yield
            self._is_whole_epoch = first == 0
        finally:
            self._training_seconds = self._clock() - now
            if self._bar is not None:
                self._bar.close()
                self._bar = None

    def update(self, num_examples: Mapping[str, int]) -> None:
        """An update was made, with so many examples of each of its tasks."""
        self._done += 1
        self._num_examples.update(num_examples)
        if self._bar is not None:
            self._bar.update()

    def is_due(self) -> bool:
        """Whether to `show` something: after a second, and after the last update of the epoch."""
        return self._done == self._total or self._clock() - self._last_shown > SECONDS_BETWEEN_READINGS

    def show(self, summary: Mapping[str, float]) -> None:
        """Shows `{task}_loss`, `{task}_updates` and `{task}_share` of the epoch so far (`EpochLosses.summary`)."""
        self._last_shown = self._clock()
        if self._bar is None:
            return
        if self._lines is None:
            self._bar.set_postfix_str(f"{self._overall()} | loss (share): {self._losses(summary)}", refresh=False)
            return
        self._training_seconds = self._clock() - self._epoch_start
        self._lines.set_lines(self.task_lines(summary))
        self._bar.ncols = self._lines.size()[0] - 1
        self._bar.set_postfix_str(self._overall())

    def note_scores(self, metrics: Mapping[str, Any], patience_left: Mapping[str, Optional[int]]) -> None:
        """Takes the scores to show from an epoch's metrics: `validation_{task}_{metric}` and the best ones."""
        self._metrics, self._patience_left = metrics, patience_left

    def end_epoch(self, metrics: Mapping[str, Any], patience_left: Mapping[str, Optional[int]]) -> None:
        """Notes the scores, and writes a line for each task, to stay."""
        self.note_scores(metrics, patience_left)
        if not self._enabled:
            return
        prefix = "training_"
        summary = {key[len(prefix) :]: value for key, value in metrics.items() if key.startswith(prefix)}
        for line in self.task_lines(summary):
            print(line, file=sys.stderr, flush=True)
            logger.info(line)

    def seconds_left(self) -> Optional[float]:
        """Of the whole run, if it trains for `num_epochs`; `None` before a whole epoch has told how long one takes."""
        if self._seconds_per_epoch is None:
            return None
        return self._seconds_per_epoch * (self._num_epochs - self._epoch - self._done / max(1, self._total))

    def task_lines(self, summary: Mapping[str, Any]) -> List[str]:
        """For each task its updates, share and loss, its last and its best score, its patience, and its speed."""
        rows = [self._cells(task, summary) for task in self._tasks]
        # What no task has takes no place.
        columns = [column for column in zip(*rows) if any(column)]
        widths = [max(map(len, column)) for column in columns]
        return ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in zip(*columns)]

    def _cells(self, task: str, summary: Mapping[str, Any]) -> List[str]:
        metric = self._metric_names[task]
        loss = summary.get(f"{task}_loss")
        score = self._metrics.get(f"validation_{task}_{metric}")
        best, best_epoch = (
            self._metrics.get(f"best_{key}") for key in (f"validation_{task}_{metric}", f"epoch_{task}")
        )
        patience = self._patience_left.get(task)
        speed = self._num_examples[task] / max(1e-9, self._training_seconds)
        return [
            task,
            f"{summary.get(f'{task}_updates', 0)} updates ({summary.get(f'{task}_share', 0.0):.0%})",
            "" if loss is None else f"loss {_short(loss)}",
            "" if score is None else f"{metric} {_short(score)}",
            "" if best is None else f"best {_short(best)} (epoch {best_epoch})",
            "" if patience is None else f"patience {patience}",
            f"{speed:.1f} examples/s",
        ]

    def _losses(self, summary: Mapping[str, float]) -> str:
        losses = {task: summary.get(f"{task}_loss") for task in self._tasks}
        return ", ".join(
            f"{task} {_short(loss)} ({summary[f'{task}_share']:.0%})"
            for task, loss in losses.items()
            if loss is not None
        )

    def _overall(self) -> str:
        left = self.seconds_left()
        done = f"{self._epoch}/{self._num_epochs} epochs done"
        return done if left is None else f"{done}, {tqdm.format_interval(left)} left"

    def _open_bar(self) -> None:
        arguments: Dict[str, Any] = {"desc": f"epoch {self._epoch}", "initial": self._done, "total": self._total}
        if self._lines is not None:
            if self._done == 0:
                # The scores so far; what an interrupted epoch has brought is not known here.
                self._lines.set_lines(self.task_lines({}))
            arguments.update(file=self._lines, ncols=self._lines.size()[0] - 1)
        self._bar = Tqdm.tqdm(**arguments, postfix=self._overall())


def _short(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 1 else f"{value:#.4g}".rstrip(".")

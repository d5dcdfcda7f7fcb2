"""What is to be seen of a training run while it trains: a bar for the epoch with a line for each task, then a row."""

import sys
import time
from collections import Counter
from contextlib import contextmanager, nullcontext
from typing import Any, Callable, Iterator, List, Mapping, Optional, Sequence

from allennlp.common.tqdm import logger
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text
from tqdm import tqdm

from hmtl.common.characters import visible_lines
from hmtl.common.tables import aligned
from hmtl.common.terminal import is_terminal, live_display
from hmtl.training.screen import EpochTable, short

# To show losses they are read from the device, which then waits.
SECONDS_BETWEEN_READINGS = 1.0
# To draw takes 0.3 milliseconds.
SECONDS_BETWEEN_DRAWINGS = 0.2
# In the log of the run.
SECONDS_BETWEEN_LINES = 30.0
# On a stderr that cannot be redrawn, of a long epoch.
SECONDS_BETWEEN_SIGNS_OF_LIFE = 120.0


class TrainingProgress:
    """Shows training; AllenNLP's logger `tqdm` writes more of it to the log of the run.

    While an epoch trains, a terminal has a bar on stderr, with a line for each task, that is redrawn in place and then
    removed; a stderr that is none gets a line every two minutes. After validation the epoch has a row of the
    `EpochTable` on stdout. The log has a line at the start of an epoch, at its end and twice a minute, with the tasks'
    losses, and the tasks' lines at the end.

    ```
    progress.begin(opening_lines(trainer))
    with progress.epoch(number, total_updates, first):
        for ...:
            progress.update({"ner": 32})
            if progress.is_due():
                progress.show(losses.summary())
    progress.end_epoch(metrics, patience_left, learning_rates)
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
        self._epoch = self._total = self._first = self._done = 0
        self._epoch_start = self._last_shown = clock()
        self._training_seconds = 0.0
        self._is_whole_epoch = False
        self._seconds_per_epoch: Optional[float] = None
        self._num_examples: Counter = Counter()
        self._metrics: Mapping[str, Any] = {}
        self._patience_left: Mapping[str, Optional[int]] = {}
        self._live: Optional[Live] = None
        self._shown_lines: List[str] = []
        self._table = EpochTable(tasks, metric_names)
        self._last_drawn = self._last_line = self._last_sign = self._epoch_start

    def begin(self, lines: Sequence[str]) -> None:
        """Writes what is trained to stdout."""
        if self._enabled:
            print(visible_lines("\n".join(lines)), "\n", sep="", flush=True)

    @contextmanager
    def epoch(self, epoch: int, total_updates: int, first: int = 0) -> Iterator[None]:
        """The updates `first` to `total_updates` of an epoch are made within; however it ends, the bar goes."""
        now = self._clock()
        if self._is_whole_epoch:
            # With validation and checkpoints. The last epoch is taken, since the first may have filled caches.
            self._seconds_per_epoch = now - self._epoch_start
        self._epoch, self._total, self._first, self._done = epoch, total_updates, first, first
        self._epoch_start = self._last_shown = self._last_sign = now
        self._is_whole_epoch = False
        self._num_examples.clear()
        # The scores so far; what an interrupted epoch has brought is not known here.
        self._shown_lines = self.task_lines({}) if first == 0 else []
        try:
            shows = self._enabled and is_terminal()
            with live_display(self._drawing(), transient=True) if shows else nullcontext() as self._live:
                self._write_line({})
                try:
                    yield
                finally:
                    self._training_seconds = self._clock() - now
                    self._shown_lines = []
                    self._draw()
            self._is_whole_epoch = first == 0
        finally:
            self._live = None

    def update(self, num_examples: Mapping[str, int]) -> None:
        """An update was made, with so many examples of each of its tasks."""
        self._done += 1
        self._num_examples.update(num_examples)
        if self._live is not None and self._clock() - self._last_drawn > SECONDS_BETWEEN_DRAWINGS:
            self._draw()

    def is_due(self) -> bool:
        """Whether to `show` something: after a second, and after the last update of the epoch."""
        return self._done == self._total or self._clock() - self._last_shown > SECONDS_BETWEEN_READINGS

    def show(self, summary: Mapping[str, float]) -> None:
        """Shows `{task}_loss`, `{task}_updates` and `{task}_share` of the epoch so far (`EpochLosses.summary`)."""
        self._last_shown = now = self._clock()
        self._training_seconds = now - self._epoch_start
        if self._live is not None:
            self._shown_lines = self.task_lines(summary)
            self._draw()
        if self._done == self._total or now - self._last_line > SECONDS_BETWEEN_LINES:
            self._write_line(summary)

    def note_scores(self, metrics: Mapping[str, Any], patience_left: Mapping[str, Optional[int]]) -> None:
        """Takes the scores to show from an epoch's metrics: `validation_{task}_{metric}` and the best ones."""
        self._metrics, self._patience_left = metrics, patience_left

    def end_epoch(
        self,
        metrics: Mapping[str, Any],
        patience_left: Mapping[str, Optional[int]],
        learning_rates: Sequence[float] = (),
    ) -> None:
        """Notes the scores, and writes the epoch's row, with the learning rates of its tasks, to stay."""
        self.note_scores(metrics, patience_left)
        if not self._enabled:
            return
        seconds = self._clock() - self._epoch_start
        print(*self._table.lines(self._epoch, metrics, learning_rates, seconds), sep="\n", flush=True)
        prefix = "training_"
        summary = {key[len(prefix) :]: value for key, value in metrics.items() if key.startswith(prefix)}
        for line in self.task_lines(summary):
            logger.info(line)

    def seconds_left(self) -> Optional[float]:
        """Of the whole run, if it trains for `num_epochs`; `None` before a whole epoch has told how long one takes."""
        if self._seconds_per_epoch is None:
            return None
        return self._seconds_per_epoch * (self._num_epochs - self._epoch - self._done / max(1, self._total))

    def task_lines(self, summary: Mapping[str, Any]) -> List[str]:
        """For each task its updates, share and loss, its last and its best score, its patience, and its speed."""
        rows = [self._cells(task, summary) for task in self._tasks]
        # A column that is empty for every task is left out.
        columns = [column for column in zip(*rows) if any(column)]
        return aligned(zip(*columns), indent="  ").splitlines()

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
            "" if loss is None else f"loss {short(loss)}",
            "" if score is None else f"{metric} {short(score)}",
            "" if best is None else f"best {short(best)} (epoch {best_epoch})",
            "" if patience is None else f"patience {patience}",
            f"{speed:.1f} examples/s",
        ]

    def _losses(self, summary: Mapping[str, float]) -> str:
        losses = {task: summary.get(f"{task}_loss") for task in self._tasks}
        return ", ".join(
            f"{task} {short(loss)} ({summary[f'{task}_share']:.0%})"
            for task, loss in losses.items()
            if loss is not None
        )

    def _bar_parts(self) -> List[str]:
        """What stands before the bar and behind it."""
        updates, seconds = self._done - self._first, self._clock() - self._epoch_start
        speed = updates / seconds if seconds > 0 else 0.0
        times = tqdm.format_interval(seconds)
        if speed:
            times += f"<{tqdm.format_interval((self._total - self._done) / speed)}, {speed:.4g} updates/s"
        done, left = f"{self._epoch}/{self._num_epochs} epochs done", self.seconds_left()
        overall = done if left is None else f"{done}, {tqdm.format_interval(left)} left"
        share = self._done / max(1, self._total)
        return [f"epoch {self._epoch}: {share:4.0%}", f"{self._done}/{self._total} [{times}], {overall}"]

    def _drawing(self) -> RenderableType:
        before, behind = self._bar_parts()
        bar = Table.grid(
            Column(no_wrap=True, min_width=len(before)),
            Column(ratio=1),
            Column(no_wrap=True, overflow="ellipsis"),
            padding=(0, 1),
            expand=True,
        )
        bar.add_row(Text(before), ProgressBar(max(1, self._total), self._done), Text(behind))
        return Group(bar, *(Text(line, no_wrap=True, overflow="ellipsis") for line in self._shown_lines))

    def _draw(self) -> None:
        if self._live is not None:
            self._last_drawn = self._clock()
            self._live.update(self._drawing(), refresh=True)

    def _write_line(self, summary: Mapping[str, float]) -> None:
        """A line of the epoch for the log, and now and then for a stderr where nothing is redrawn."""
        if not self._enabled:
            return
        self._last_line = self._clock()
        line, losses = " ".join(self._bar_parts()), self._losses(summary)
        line += f" | loss (share): {losses}" if losses else ""
        if self._live is None and self._last_line - self._last_sign > SECONDS_BETWEEN_SIGNS_OF_LIFE:
            self._last_sign = self._last_line
            print(line, file=sys.stderr, flush=True)
        logger.info(line)

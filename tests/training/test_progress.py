import logging
import re
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest
from allennlp.common import logging as allennlp_logging
from terminals import Terminal

from hmtl.training.progress import TrainingProgress

TASKS = ["ner", "relation"]
SUMMARY = {"ner_loss": 12.345, "ner_updates": 3, "ner_share": 0.75, "relation_updates": 1, "relation_share": 0.25}
METRICS = {
    "training_ner_loss": 0.5,
    "training_ner_updates": 4,
    "training_ner_share": 0.8,
    "training_relation_loss": 1234.5,
    "training_relation_updates": 1,
    "training_relation_share": 0.2,
    "validation_ner_f1": 0.25,
    "best_validation_ner_f1": 0.5,
    "best_epoch_ner": 0,
    "validation_relation_loss": 31.25,
    "best_validation_relation_loss": 30.0,
    "best_epoch_relation": 1,
}
LINES_OF_EPOCH = [
    "epoch 0:   0% 0/2 [00:00], 0/5 epochs done",
    "epoch 0: 100% 2/2 [00:10<00:00, 0.2 updates/s], 0/5 epochs done | loss (share): ner 12.35 (75%)",
]
LINES_OF_METRICS = [
    "  ner       4 updates (80%)  loss 0.5000  f1 0.2500   best 0.5000 (epoch 0)  patience 2",
    "  relation  1 updates (20%)  loss 1234    loss 31.25  best 30.00 (epoch 1)   patience 0",
]
ROWS = [
    "validation scores x 100, * the best so far",
    "epoch      ner  relation loss      time  learning rate",
    "    0    25.00*         31.25     00:10  0.0015 to 0.003",
]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal()
    yield terminal
    terminal.close()


def progress_of(clock: Clock, **arguments: Any) -> TrainingProgress:
    return TrainingProgress(TASKS, {"ner": "f1", "relation": "loss"}, num_epochs=5, clock=clock, **arguments)


def train_epoch(progress: TrainingProgress, clock: Clock, epoch: int, seconds: float = 10.0) -> None:
    """An epoch of two updates."""
    with progress.epoch(epoch, 2):
        for task in TASKS:
            clock.now += seconds / 2
            progress.update({task: 20})
            if progress.is_due():
                progress.show(SUMMARY)


@pytest.fixture
def copied() -> Any:
    """What is copied to the log of the run."""
    lines: List[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    logger, handler = logging.getLogger("tqdm"), Handler()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield lines
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_a_terminal_shows_the_bar_and_a_line_a_task(
    clock: Clock, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.attach(monkeypatch)
    progress = progress_of(clock)
    with progress.epoch(0, 8):
        for _ in range(4):
            progress.update({"ner": 5, "relation": 1})
        clock.now += 2
        progress.show(SUMMARY)
        bar, ner, relation = terminal.screen()
        assert re.match(r"epoch 0:  50% +━+╸?╺?━+ 4/8 \[00:02<00:02, 2 updates/s\], 0/5 epochs done$", bar)
        assert ner == "  ner       3 updates (75%)  loss 12.35  10.0 examples/s"
        assert relation == "  relation  1 updates (25%)              2.0 examples/s"
    # They give way to the bars of validation.
    assert not any(terminal.screen())


def test_lines_are_refreshed_in_place(clock: Clock, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal.attach(monkeypatch)
    progress = progress_of(clock)
    progress.note_scores(METRICS, {"ner": 2, "relation": None})
    with progress.epoch(1, 8):
        for number in range(1, 9):
            progress.update({"ner": 5})
            progress.show({"ner_updates": number, "ner_share": 1.0, "ner_loss": 10 ** (9 - number)})
            screen = terminal.screen()
            assert len(screen) == 3 and f"{number}/8" in screen[0]
            assert screen[1].startswith(f"  ner       {number} updates (100%)")
            assert "f1 0.2500   best 0.5000 (epoch 0)  patience 2  " in screen[1]
            assert "loss 31.25  best 30.00 (epoch 1)               0.0 examples/s" in screen[2]


def test_the_scores_so_far_are_there_from_the_start(
    clock: Clock, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.attach(monkeypatch)
    progress = progress_of(clock)
    progress.note_scores(METRICS, {"ner": 2, "relation": 0})
    with progress.epoch(1, 8):
        bar, ner, _ = terminal.screen()
        assert "0/8" in bar and bar.endswith("1/5 epochs done")
        assert ner == "  ner       0 updates (0%)  f1 0.2500   best 0.5000 (epoch 0)  patience 2  0.0 examples/s"
    with progress.epoch(2, 8, first=4):  # nobody knows what the first four were
        [bar, *below] = [line for line in terminal.screen() if line]
        assert bar.startswith("epoch 2:") and "4/8" in bar and not any(below)


def test_what_is_logged_and_printed_goes_above(
    clock: Clock, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.attach(monkeypatch)
    root = logging.getLogger()
    handler = logging.StreamHandler(sys.stdout)
    root.addHandler(handler)
    try:
        progress = progress_of(clock)
        with progress.epoch(0, 8):
            for number in range(3):
                progress.update({"ner": 5})
                progress.show(SUMMARY)
                root.warning("logged %d\nin two lines", number)
                print("printed", number)
                progress.update({"relation": 5})
                progress.show(SUMMARY)
                screen = terminal.screen()
                assert screen[-3].startswith("epoch 0:") and screen[-2].startswith("  ner")
                assert screen[-1].startswith("  relation")
        assert handler.stream is terminal.stream
    finally:
        root.removeHandler(handler)
    assert [line for line in terminal.screen() if line and not line.startswith("epoch 0:")] == [
        line for number in range(3) for line in (f"logged {number}", "in two lines", f"printed {number}")
    ]
    # No remains of the bar.
    assert not [line for line in terminal.screen() if line.startswith("epoch 0:")]


@pytest.mark.parametrize("columns, lines, shown", [(60, 40, 2), (110, 3, 2), (110, 2, 1), (110, 1, 0)])
def test_a_small_terminal_shows_what_it_holds(
    clock: Clock, terminal: Terminal, monkeypatch: pytest.MonkeyPatch, columns: int, lines: int, shown: int
) -> None:
    terminal.attach(monkeypatch)
    terminal.resize(columns, lines)
    progress = progress_of(clock)
    progress.note_scores(METRICS, {"ner": 2, "relation": 1})
    with progress.epoch(0, 2):
        progress.update({"ner": 5})
        progress.show(SUMMARY)
        screen = terminal.screen()
        assert len(screen) == 1 + shown and max(map(len, screen)) <= columns


def test_a_terminal_is_left_sane_by_an_exception(
    clock: Clock, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.attach(monkeypatch)
    stdout = sys.stdout
    progress = progress_of(clock)
    with pytest.raises(KeyError), progress.epoch(0, 8):
        progress.update({"ner": 5})
        progress.show(SUMMARY)
        raise KeyError
    assert sys.stdout is sys.stderr is stdout is terminal.stream
    print("prompt")
    assert [line for line in terminal.screen() if line] == ["prompt"]


def test_a_terminal_is_left_sane_by_ctrl_c(clock: Clock, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal.attach(monkeypatch)
    progress = progress_of(clock)
    with pytest.raises(KeyboardInterrupt), progress.epoch(0, 10**9):
        threading.Timer(0.3, signal.raise_signal, [signal.SIGINT]).start()
        end = time.monotonic() + 20
        while time.monotonic() < end:
            progress.update({"ner": 5})
            progress.show(SUMMARY)
    print("prompt")
    assert [line for line in terminal.screen() if line] == ["prompt"]


def test_the_end_of_an_epoch_leaves_a_row(
    clock: Clock, terminal: Terminal, monkeypatch: pytest.MonkeyPatch, copied: List[str]
) -> None:
    terminal.attach(monkeypatch)
    progress = progress_of(clock)
    train_epoch(progress, clock, 0)
    progress.end_epoch(METRICS, {"ner": 2, "relation": 0}, [0.003, 0.0015])
    assert [line for line in terminal.screen() if line] == ROWS
    # The log of the run has more, and no terminal's commands.
    assert copied[-2:] == [f"{line}  2.0 examples/s" for line in LINES_OF_METRICS]
    assert copied[:2] == LINES_OF_EPOCH and not [line for line in copied if "\x1b" in line]


def test_elsewhere_an_epoch_has_its_row_and_nothing_is_redrawn(
    clock: Clock, capsys: pytest.CaptureFixture, copied: List[str]
) -> None:
    progress = progress_of(clock)
    progress.begin(["2 tasks"])
    train_epoch(progress, clock, 0)
    progress.end_epoch(METRICS, {"ner": 2, "relation": 0}, [0.003, 0.0015])
    out, err = capsys.readouterr()
    assert out.splitlines() == ["2 tasks", "", *ROWS] and err == ""
    assert copied[:2] == LINES_OF_EPOCH


def test_a_long_epoch_shows_signs_of_life_and_the_log_more(
    clock: Clock, capsys: pytest.CaptureFixture, copied: List[str]
) -> None:
    progress = progress_of(clock)
    with progress.epoch(0, 300):
        for _ in range(260):
            clock.now += 1
            progress.update({"ner": 1})
            progress.show(SUMMARY)

    def shares(lines: List[str]) -> List[str]:
        return [line.split()[2] for line in lines]

    assert shares(copied) == ["0%", "10%", "21%", "31%", "41%", "52%", "62%", "72%", "83%"]
    assert shares(capsys.readouterr().err.splitlines()) == ["41%", "83%"]


def test_the_bar_follows_the_size_of_the_terminal(
    clock: Clock, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.attach(monkeypatch)
    progress = progress_of(clock)
    with progress.epoch(0, 8):
        for columns in (90, 64):
            terminal.resize(columns, 40)
            progress.show(SUMMARY)
            assert len(terminal.screen()[0]) == columns


def test_what_goes_to_a_file_stays_out_of_the_terminal(
    clock: Clock, terminal: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    terminal.attach(monkeypatch)
    with open(tmp_path / "out", "w") as file:
        monkeypatch.setattr(sys, "stdout", file)
        with progress_of(clock).epoch(0, 8):
            print("[bold]predictions[/bold]")
            print("[red]warning :smile:", file=sys.stderr, end="", flush=True)
    assert (tmp_path / "out").read_text() == "[bold]predictions[/bold]\n"
    # Brackets and the names of pictures are text, as they were written.
    assert terminal.screen()[0] == "[red]warning :smile:"


def test_colours_go_where_they_are_not_wanted(
    clock: Clock, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.attach(monkeypatch)
    monkeypatch.setenv("NO_COLOR", "1")
    with progress_of(clock).epoch(0, 8):
        assert not re.search(r"\x1b\[[\d;]*m", terminal.written())
        assert terminal.screen()[0].startswith("epoch 0:   0%")


def test_a_killed_process_leaves_the_cursor(clock: Clock, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal.attach(monkeypatch)
    with progress_of(clock).epoch(0, 8):
        assert "\x1b[?25l" not in terminal.written()


def test_file_friendly_logging_refreshes_nothing(
    clock: Clock, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.attach(monkeypatch)
    monkeypatch.setattr(allennlp_logging, "FILE_FRIENDLY_LOGGING", True)
    train_epoch(progress_of(clock), clock, 0)
    assert "\x1b" not in terminal.written() and not any(terminal.screen())


def test_a_disabled_one_shows_nothing(clock: Clock, capsys: pytest.CaptureFixture, copied: List[str]) -> None:
    progress = progress_of(clock, enabled=False)
    train_epoch(progress, clock, 0)
    progress.begin(["2 tasks"])
    progress.end_epoch(METRICS, {"ner": 2, "relation": 0})
    assert capsys.readouterr() == ("", "") and copied == []


@pytest.mark.parametrize("enabled", [True, False])
def test_it_is_due_after_a_second_and_after_the_last_update(clock: Clock, enabled: bool) -> None:
    progress = progress_of(clock, enabled=enabled)
    due = []
    with progress.epoch(0, 8):
        for _ in range(8):
            clock.now += 0.4
            progress.update({"ner": 1})
            due.append(progress.is_due())
            if due[-1]:
                progress.show(SUMMARY)
    assert due == [False, False, True, False, False, True, False, True]


def test_time_left(clock: Clock) -> None:
    progress = progress_of(clock, enabled=False)
    train_epoch(progress, clock, 0, seconds=60)
    assert progress.seconds_left() is None
    clock.now += 40  # validation: the first epoch took 100 seconds
    with progress.epoch(1, 4):
        assert progress.seconds_left() == 400
        progress.update({"ner": 1})
        assert progress.seconds_left() == 375
        clock.now += 50
    clock.now += 20  # and the second 70
    with progress.epoch(2, 4):
        assert progress.seconds_left() == 210
    with progress.epoch(4, 4):
        for _ in range(4):
            progress.update({"ner": 1})
        assert progress.seconds_left() == 0


def test_a_part_of_an_epoch_does_not_tell_how_long_one_takes(clock: Clock) -> None:
    progress = progress_of(clock, enabled=False)
    with progress.epoch(0, 4, first=3):  # a recovered run
        clock.now += 1
        progress.update({"ner": 1})
        assert progress.is_due()
    with progress.epoch(1, 4):
        assert progress.seconds_left() is None


def test_examples_are_counted_from_the_start_of_the_epoch(clock: Clock) -> None:
    progress = progress_of(clock, enabled=False)
    speeds: List[Dict[str, str]] = []
    for epoch, seconds in enumerate((10.0, 4.0)):
        train_epoch(progress, clock, epoch, seconds)
        clock.now += 1000  # of validation
        speeds.append({line.split()[0]: line.split()[-2] for line in progress.task_lines(SUMMARY)})
    assert speeds == [{"ner": "2.0", "relation": "2.0"}, {"ner": "5.0", "relation": "5.0"}]


def test_an_update_costs_microseconds(clock: Clock, capsys: pytest.CaptureFixture) -> None:
    progress = progress_of(clock)
    num_updates = 20_000
    with progress.epoch(0, num_updates + 1):
        start = time.process_time()
        for _ in range(num_updates):
            progress.update({"ner": 32})
            progress.is_due()
        assert time.process_time() - start < num_updates * 50e-6

"""A training run as it looks in a terminal, and in a file."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, List

import pytest
from terminals import Terminal

TASKS = ["ner", "emd", "coref", "relation"]


def start(fixtures: Path, directory: Path, stream: Any, *arguments: str, **trainer: Any) -> subprocess.Popen:
    overrides = json.dumps(
        {f"trainer.{key}": value for key, value in {"enable_default_callbacks": False, **trainer}.items()}
    )
    command = [sys.executable, "-m", "hmtl", "train", str(fixtures / "tiny.jsonnet"), "-s", str(directory)]
    to_file = stream == subprocess.PIPE
    environment = {**os.environ, "TERM": "xterm"}
    return subprocess.Popen(
        [*command, "-o", overrides, *arguments],
        stdout=stream,
        stderr=subprocess.STDOUT if to_file else stream,
        env=environment,
        text=True,
    )


def metrics_of(directory: Path, epoch: int) -> Dict[str, Any]:
    return json.loads((directory / f"metrics_epoch_{epoch}.json").read_text())


def assert_rows_tell(rows: List[str], directory: Path) -> None:
    """A row for each epoch with what it brought."""
    for epoch, row in enumerate(rows):
        metrics = metrics_of(directory, epoch)
        number, *scores = row.split()[: 1 + len(TASKS)]
        assert number == str(epoch)
        for task, score in zip(TASKS, scores):
            is_best = metrics[f"best_epoch_{task}"] == epoch
            assert score == f"{100 * metrics[f'validation_{task}_f1']:.2f}{'*' * is_best}"


@pytest.mark.slow
def test_a_run_in_a_terminal(fixtures: Path, tmp_path: Path) -> None:
    terminal = Terminal()
    try:
        process = start(fixtures, tmp_path / "run", terminal.stream)
        assert process.wait(120) == 0
        screen, written = [line for line in terminal.screen() if line], terminal.written()
    finally:
        terminal.close()
    # Each task's line was there while it trained, at the start of an epoch and at its end; so was the bar of an epoch.
    assert len(re.findall(r"  relation +(?:0|\d+) updates .*examples/s", written)) >= 2 * 2
    assert re.search(r"epoch 1: 100% .*1/2 epochs done, 00:00 left", written)
    # No bar stays, of training or validation.
    assert not [line for line in screen if "━" in line or line.startswith(("epoch 0:", "evaluating", "reading"))]
    [titles] = [number for number, line in enumerate(screen) if line.split()[:2] == ["epoch", "ner"]]
    assert titles < 12
    assert_rows_tell(screen[titles + 1 : titles + 3], tmp_path / "run")
    assert screen[-1] == f"next: hmtl evaluate {tmp_path / 'run'}"


@pytest.mark.slow
def test_a_run_in_a_terminal_that_is_stopped_by_ctrl_c(fixtures: Path, tmp_path: Path) -> None:
    terminal = Terminal()
    try:
        process = start(fixtures, tmp_path / "run", terminal.stream, num_epochs=1000, patience=None)
        end = time.monotonic() + 120
        while not re.search(r"epoch 2:", terminal.written()) and time.monotonic() < end:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        screen = terminal.screen()
    finally:
        terminal.close()
    # The message has a line of its own, below the rows.
    [message] = [number for number, line in enumerate(screen) if line.startswith("hmtl: interrupted; a checkpoint is")]
    assert screen[message - 1].split()[0].isdecimal() or not screen[message - 1]
    assert not [line for line in screen if re.match(r"  (ner|relation) ", line)]


@pytest.mark.slow
def test_a_run_whose_output_goes_to_a_file(fixtures: Path, tmp_path: Path) -> None:
    process = start(fixtures, tmp_path / "run", subprocess.PIPE)
    written = process.communicate(timeout=120)[0]
    assert process.returncode == 0 and "\x1b" not in written and "\r" not in written
    lines = written.splitlines()
    [titles] = [number for number, line in enumerate(lines) if line.split()[:2] == ["epoch", "ner"]]
    assert titles < 12
    assert_rows_tell(lines[titles + 1 : titles + 3], tmp_path / "run")
    assert not [line for line in lines if "INFO" in line]
    # The log of the run has what is not shown.
    log = (tmp_path / "run" / "out.log").read_text()
    assert re.search(r"epoch 1: 100%", log) and re.search(r"evaluating \w+:", log) and "examples/s" in log
    assert "allennlp.common.params" in log
    # And -v shows it.
    process = start(fixtures, tmp_path / "other", subprocess.PIPE, "-v")
    assert "INFO - allennlp.common.params" in process.communicate(timeout=120)[0]

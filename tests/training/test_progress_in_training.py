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
    environment = {**os.environ, "TERM": "xterm", "ALLENNLP_LOG_LEVEL": "INFO" if to_file else "WARNING"}
    return subprocess.Popen(
        [*command, "-o", overrides, *arguments],
        stdout=subprocess.DEVNULL if to_file else stream,
        stderr=stream,
        env=environment,
        text=True,
    )


def metrics_of(directory: Path, epoch: int) -> Dict[str, Any]:
    return json.loads((directory / f"metrics_epoch_{epoch}.json").read_text())


def assert_lines_tell(lines: List[str], metrics: Dict[str, Any]) -> None:
    """A line for each task with what its epoch brought."""
    assert [line.split()[0] for line in lines] == TASKS
    for task, line in zip(TASKS, lines):
        assert f" {metrics[f'training_{task}_updates']} updates ({metrics[f'training_{task}_share']:.0%})" in line
        assert f" f1 {metrics[f'validation_{task}_f1']:.4f} " in line
        assert f" best {metrics[f'best_validation_{task}_f1']:.4f} (epoch {metrics[f'best_epoch_{task}']})" in line


@pytest.mark.slow
def test_a_run_in_a_terminal(fixtures: Path, tmp_path: Path) -> None:
    terminal = Terminal()
    try:
        process = start(fixtures, tmp_path / "run", terminal.stream)
        assert process.wait(120) == 0
        screen = [line for line in terminal.screen() if line]
        # Each task's line was there while it trained, too: at the start of an epoch and at its end.
        assert len(re.findall(r"  relation +(?:0|\d+) updates .*examples/s", terminal.written())) >= 2 * 2
    finally:
        terminal.close()
    for epoch in range(2):
        [bar] = [index for index, line in enumerate(screen) if re.match(f"epoch {epoch}: 100% +━", line)]
        assert [line.split(":")[0] for line in screen[bar + 1 : bar + 5]] == [f"evaluating {task}" for task in TASKS]
        assert_lines_tell(screen[bar + 5 : bar + 9], metrics_of(tmp_path / "run", epoch))
    assert "1/2 epochs done, 00:00 left" in screen[bar]


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
    # The bar stays, no line of a task does, and the message has lines of its own.
    [message] = [number for number, line in enumerate(screen) if line.startswith("hmtl: interrupted; a checkpoint is")]
    bar = max(number for number, line in enumerate(screen) if line.startswith(("epoch ", "evaluating ")))
    assert bar < message and not [line for line in screen[bar + 1 : message] if line]


@pytest.mark.slow
def test_a_run_whose_output_goes_to_a_file(fixtures: Path, tmp_path: Path) -> None:
    process = start(fixtures, tmp_path / "run", subprocess.PIPE)
    written = process.communicate(timeout=120)[1]
    assert process.returncode == 0 and "\x1b" not in written
    lines = [line for line in written.splitlines() if line]
    assert re.search(r"epoch \d+:", written) and re.search(r"evaluating \w+:", written)
    for epoch in range(2):
        last = max(index for index, line in enumerate(lines) if line.startswith(f"epoch {epoch}: 100%"))
        after = [line for line in lines[last + 1 :] if not line.startswith("evaluating")]
        assert_lines_tell(after[: len(TASKS)], metrics_of(tmp_path / "run", epoch))
    # All of it is in the log of the run, too.
    log = (tmp_path / "run" / "out.log").read_text()
    assert all(line.strip() in log for line in lines if line.startswith("  "))

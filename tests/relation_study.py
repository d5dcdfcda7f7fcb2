"""Studies of task relations for tests: the published one, and small ones with a rule that can be learned."""

from pathlib import Path
from typing import Callable, Dict, Sequence

import numpy as np
import pytest

PUBLISHED = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "eacl2017_mtl"
needs_published = pytest.mark.skipif(not PUBLISHED.is_dir(), reason="no published figures here")

TASKS = ("chunks", "links", "mwe", "names", "pos")


def write_study(
    directory: Path, gain: Callable[[str, str], float], tasks: Sequence[str] = TASKS, records: int = 100
) -> Path:
    """Writes a study: F1 of each task alone is 0.5, and `gain(main, auxiliary)` percent more in a pair.

    The loss of the task number i is `3 - (i + 1) / 4 * ln(0.1 x + 1)` at x = 10, 20, ..., with noise.
    """
    directory.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(5)
    with open(directory / "single_task_training_loss.csv", "w", encoding="utf-8") as file:
        file.write("task,iteration,loss\n")
        for number, task in enumerate(tasks):
            for x in 10 * np.arange(1, records + 1):
                loss = 3 - (number + 1) / 4 * np.log(0.1 * x + 1) + generator.normal(0, 0.01)
                file.write(f"{task},{x},{loss}\n")
    with open(directory / "f1.csv", "w", encoding="utf-8") as file:
        file.write("run,task,iteration,f1\n")
        for task in tasks:
            file.write(f"{task},{task},500,0.4\n{task},{task},1000,0.5\n")
        for number, first in enumerate(tasks):
            for second in tasks[number + 1 :]:
                for main, auxiliary in ((first, second), (second, first)):
                    f1 = 0.5 * (1 + gain(main, auxiliary) / 100)
                    file.write(f"{first}_{second},{main},1000,0.3\n{first}_{second},{main},2000,{f1}\n")
    return directory


def steeper_helps(tasks: Sequence[str] = TASKS) -> Callable[[str, str], float]:
    """Gains of a rule: a later task helps an earlier one, by ten percent a place; the other way round it harms."""
    place: Dict[str, int] = {task: number for number, task in enumerate(tasks)}
    return lambda main, auxiliary: 10.0 * (place[auxiliary] - place[main])

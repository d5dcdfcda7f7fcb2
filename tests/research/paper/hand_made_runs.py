"""Runs as `research.paper.run` leaves them, of which tests say what is right."""

import json
from pathlib import Path
from typing import Any, Dict, Optional, Sequence, Tuple

import numpy as np

from research.paper.counts import LABELLED, Counts


def write_run(
    runs: Path,
    corpora: str,
    setup: str,
    seed: int,
    right: Dict[str, int],
    updates: Dict[str, Tuple[int, int]],
    curves: Dict[str, Sequence[float]] = {},  # noqa: B006  it is only read
    embedding: Optional[str] = None,
    preset: str = "fast",
    offset: int = 0,
    spread: bool = False,
) -> Path:
    """A finished run; returns its directory.

    # Parameters

    right : `Dict[str, int]`
        By task: of 40 sentences in four documents, with one gold and one predicted item each, so many are right, so
        that F1 is their share.
    updates : `Dict[str, Tuple[int, int]]`
        By task: its updates an epoch, and its best epoch.
    curves : `Dict[str, Sequence[float]]`
        By task: its validation after each epoch; 0, 0.1, 0.2 and 0.3 where it is not named.
    embedding : `Optional[str]`
        A type of embedder: setups with others are not compared with the tasks alone.
    spread : `bool`
        Whether each document has as many right sentences as the others; else the first documents have all of them.
    """
    directory = runs / corpora / setup / f"seed_{seed}"
    directory.mkdir(parents=True)
    scores: Dict[str, Any] = {}
    for task, count in right.items():
        counts = Counts(LABELLED, *sentences(count, offset, spread))
        counts.write(directory / f"counts_{task}.json")
        scores[f"best_{task}"] = {task: {"metrics": {"f1": counts.f1()}}}
    baselines = {task: {"metrics": {"f1": 0.125}} for task in right}
    write(directory / "evaluation.json", tasks=list(right), gold_mentions=[], scores=scores, baselines=baselines)
    model = {"text_field_embedder": {"type": embedding}} if embedding else {}
    write(directory / "config.json", random_seed=seed, trainer={"seed": seed, "num_epochs": 4}, model=model)
    for epoch in range(4):
        metrics: Dict[str, Any] = {}
        for task in right:
            an_epoch, best = updates[task]
            metrics[f"training_{task}_updates"] = an_epoch
            metrics[f"validation_{task}_f1"] = curves[task][epoch] if task in curves else epoch / 10
            metrics[f"best_epoch_{task}"] = min(best, epoch)
        write(directory / f"metrics_epoch_{epoch}.json", **metrics)
    write(
        directory / "experiment.json",
        setup=setup,
        seed=seed,
        preset=preset,
        finished=True,
        command=["python", "-m", "research.paper", "reproduce", "--setups", "A,B", "--output", "/home/user/runs"],
        parts=[{"seconds": None, "cpu_seconds": None}, {"seconds": 3700.4, "cpu_seconds": 60}],
        versions={"torch": "2.13"},
        machine={"cores": 2, "threads": 1, "gpu": None},
    )
    return directory


def sentences(num_right: int, offset: int = 0, spread: bool = False) -> "tuple[list, np.ndarray]":
    units = [(f"document {number // 10 + offset}", number % 10) for number in range(40)]
    places = [number % 10 * 4 + number // 10 if spread else number for number in range(40)]
    return units, np.array([[int(place < num_right), 1, 1] for place in places])


def write(path: Path, **content: Any) -> None:
    path.write_text(json.dumps(content))

"""The figures of all finished runs, in the layout of those that Bingel and Søgaard published."""

import json
from pathlib import Path

from research.task_relations.run.plan import RUNS
from research.task_relations.study import write_study


def write_tables(directory: Path) -> int:
    """Writes the losses of single runs and the scores of all runs of a study; returns how many runs there are."""
    results = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((directory / RUNS).glob("*.json"))]
    losses = [row for result in results if len(result["tasks"]) == 1 for row in result["losses"]]
    scores = [{"run": result["run"], **row} for result in results for row in result["f1"]]
    write_study(directory, losses, scores)
    return len(results)

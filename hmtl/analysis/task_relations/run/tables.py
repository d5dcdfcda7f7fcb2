"""The figures of all finished runs, in the layout of those that Bingel and Søgaard published."""

import csv
import json
from pathlib import Path
from typing import Any, Dict, Iterable, List

from hmtl.analysis.task_relations.run.plan import RUNS
from hmtl.analysis.task_relations.study import LOSSES, SCORES
from hmtl.files import atomic_write


def write_tables(directory: Path) -> int:
    """Writes the losses of single runs and the scores of all runs of a study; returns how many runs there are."""
    results = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((directory / RUNS).glob("*.json"))]
    losses = [row for result in results if len(result["tasks"]) == 1 for row in result["losses"]]
    scores = [{"run": result["run"], **row} for result in results for row in result["f1"]]
    _write(directory / LOSSES, ["task", "iteration", "loss"], losses)
    _write(directory / SCORES, ["run", "task", "iteration", "f1"], scores)
    return len(results)


def _write(path: Path, columns: List[str], rows: Iterable[Dict[str, Any]]) -> None:
    with atomic_write(path) as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)

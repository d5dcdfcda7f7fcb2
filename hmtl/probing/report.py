"""The files that a probing leaves: table.md, table.csv, results.json and heat_map.png; those of tokens."""

from dataclasses import asdict
from pathlib import Path
from typing import Any, Dict, List, Sequence

from hmtl.common.files import atomic_write, write_json
from hmtl.common.tables import Table
from hmtl.probing import heat_map, tokens
from hmtl.probing.results import Result
from hmtl.probing.run import Plan
from hmtl.probing.table import markdown, probing_table

TABLE, RESULTS = "table.md", "results.json"
# The same of single tokens; with .csv, too.
TOKENS = "tokens"


def write_report(results: Sequence[Result], plan: Plan, model: str, output: Path) -> List[str]:
    """Writes the files below `output`; returns the lines of the table and notes for the user."""
    table = probing_table(results, plan.tasks)
    table.write(output)
    lines = list(markdown(table, plan.tasks))
    with atomic_write(output / TABLE) as file:
        file.write("\n".join(lines) + "\n")
    write_json(output / RESULTS, _described(results, plan, model))
    try:
        heat_map.draw(table, [task.name for task in plan.tasks], output)
    except ImportError:
        lines += ["", heat_map.WITHOUT_MATPLOTLIB]
    return lines


def write_token_report(results: Sequence[tokens.TokenProbeResult], output: Path) -> str:
    """Writes `tokens.md`, `tokens.csv` and `tokens.json` below `output`; returns the table."""
    table = tokens.table(results)
    with atomic_write(output / f"{TOKENS}.md") as file:
        file.write(table)
    rows = tokens.rows(results)
    Table(TOKENS, rows).write(output)
    write_json(output / f"{TOKENS}.json", rows)
    return table


def _described(results: Sequence[Result], plan: Plan, model: str) -> Dict[str, Any]:
    tasks = {
        task.name: {
            "sha256": task.sha256,
            "classes": len(task.labels),
            "majority": task.majority_accuracy(),
            **{split: len(examples) for split, examples in task.splits.items()},
        }
        for task in plan.tasks
    }
    return {
        "model": model,
        "probe": plan.settings.describe(),
        "tasks": tasks,
        "results": [asdict(result) for result in results],
    }

"""`python -m research.paper check` on real runs, which it evaluates again."""

import csv
import shutil
from pathlib import Path
from typing import Any, Dict, List

import pytest

from hmtl.common.files import write_csv
from research.paper.__main__ import main
from research.paper.run import Job, run


@pytest.fixture
def runs(tiny_run: Path, tmp_path: Path) -> Path:
    """Two finished runs of a setup of four tasks, and their report."""
    for seed in (1, 2):
        directory = tmp_path / "runs" / "free" / "A" / f"seed_{seed}"
        shutil.copytree(tiny_run, directory)
        # What is trained is only evaluated.
        run(Job("free", "A", seed, "fast", "configs/setups/free/A.jsonnet", str(directory), {}, command=["python"]))
    main(["report", str(tmp_path / "runs"), "--samples", "10"])
    return tmp_path / "runs"


def change(path: Path, values: Dict[str, str], by: float) -> List[Any]:
    """Adds to the F1 of the rows with these values."""
    with open(path, encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    changed = [row for row in rows if values.items() <= row.items()]
    for row in changed:
        row["f1"] = str(float(row["f1"]) + by)
    write_csv(path, list(rows[0]), rows)
    return changed


def test_all_cells_are_what_the_runs_score_and_a_changed_one_is_found(runs, capsys):
    before = {path: path.read_bytes() for path in runs.rglob("*") if path.is_file()}
    capsys.readouterr()
    # NER, EMD, CR with and without gold mentions, relations by three figures.
    main(["check", str(runs), "--cells", "3", "--seed", "4"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 9 and all(line.endswith(": equal") for line in lines)
    assert {path: path.read_bytes() for path in runs.rglob("*") if path.is_file()} == before

    first, second, mean, *_ = lines
    title = first.split(", seed 1: ")[0]
    assert second.startswith(f"{title}, seed 2: table ") and mean.startswith(f"{title}, mean of 2: table ")
    main(["check", str(runs), "--cells", "1", "--seed", "4"])
    assert capsys.readouterr().out.splitlines() == [first, second, mean]

    table = runs / "report" / "scores.csv"
    with open(table, encoding="utf-8") as file:
        cells = [row for row in csv.DictReader(file) if row["seed"] == "2"]
    drawn = next(row for row in cells if title == f"free/A, {titled(row)}")
    [changed] = change(table, {key: drawn[key] for key in ("task", "gold_mentions", "figure", "seed")}, by=0.02)
    with pytest.raises(SystemExit) as ended:
        main(["check", str(runs), "--cells", "1", "--seed", "4"])
    assert ended.value.code == 1
    first_again, second_again, mean_again = capsys.readouterr().out.splitlines()
    assert first_again == first and second_again.endswith(": NOT EQUAL") and mean_again.endswith(": NOT EQUAL")
    assert f"table {float(changed['f1']):.2f}, evaluated again {float(drawn['f1']):.2f}" in second_again


def titled(row: Dict[str, str]) -> str:
    from research.paper.paper import Column

    return Column(row["task"], row["gold_mentions"] == "True", row["figure"]).title


def test_weights_that_are_gone_and_too_many_cells(runs, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["check", str(runs), "--cells", "100"])
    assert ended.value.code == 2 and "--cells 100: the table has " in capsys.readouterr().err
    for path in runs.glob("free/A/seed_1/best_*.safetensors"):
        path.unlink()
    with pytest.raises(SystemExit) as ended:
        main(["check", str(runs)])
    assert ended.value.code == 2 and "seed_1: no run with best_" in capsys.readouterr().err

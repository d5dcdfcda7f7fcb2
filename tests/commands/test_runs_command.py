"""`hmtl runs`, as users call it."""

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from hmtl.cli import main


@pytest.fixture
def runs(tiny_run: Path, tmp_path: Path) -> Path:
    """A directory of two runs."""
    for name in ("one", "two"):
        shutil.copytree(
            tiny_run,
            tmp_path / "runs" / name,
            ignore=shutil.ignore_patterns("*.th", "*.safetensors", "*.gz", "curves.*"),
        )
    return tmp_path / "runs"


def test_help_lists_the_command(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    assert "Compare runs, a row for each." in capsys.readouterr().out


def test_a_row_for_each_run(runs, capsys):
    main(["runs", str(runs), "--sort", "name", "--reverse"])
    out, err = capsys.readouterr()
    lines = [line.split() for line in out.splitlines()]
    assert lines[0][:8] == ["run", "status", "epochs", "time", "ner", "emd", "coref", "relation"]
    assert [line[:3] for line in lines[1:3]] == [["two", "finished", "2/2"], ["one", "finished", "2/2"]]
    assert err == ""


def test_comma_separated_values(runs, capsys):
    main(["runs", str(runs), "--csv"])
    first, second = csv.DictReader(io.StringIO(capsys.readouterr().out))
    metrics = json.loads((runs / "two" / "metrics.json").read_text())
    assert (first["run"], second["run"]) == (str(runs / "one"), str(runs / "two"))
    assert float(second["ner.best_score"]) == metrics["best_validation_ner_f1"]


def test_a_misspelt_sort_key_is_one_line(runs, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["runs", str(runs), "--sort", "relatoin"])
    assert stopped.value.code == 2
    assert capsys.readouterr().err == "hmtl: error: --sort relatoin: did you mean 'relation'?\n"


def test_the_wide_form_has_runs_side_by_side(runs, capsys):
    main(["runs", str(runs), "--wide"])
    out, err = capsys.readouterr()
    lines = [line.split() for line in out.splitlines()]
    assert ["one", "two"] in lines and ["status", "finished", "finished"] in lines
    assert err == ""
    assert not list(runs.glob("*/curves.*"))


def test_options_that_differ(runs, capsys, monkeypatch):
    # However long the names of the runs are.
    monkeypatch.setenv("COLUMNS", "400")
    config = json.loads((runs / "two" / "config.json").read_text())
    config["trainer"]["optimizer"]["lr"] = 0.5
    config["train_data_path"]["ner"] = "elsewhere.jsonl"
    (runs / "two" / "config.json").write_text(json.dumps(config))
    main(["runs", str(runs)])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[-1] for line in lines[:3]] == ["trainer.optimizer.lr", "0.001", "0.5"]
    main(["runs", str(runs), "--wide"])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["trainer.optimizer.lr", "0.001", "0.5"] in lines
    assert not [line for line in lines if line and line[0].startswith("train_data_path")]
    main(["runs", str(runs), "--all"])
    assert "train_data_path.ner" in capsys.readouterr().out
    main(["runs", str(runs), "--json"])
    assert [run["options"]["trainer.optimizer.lr"] for run in json.loads(capsys.readouterr().out)] == [0.001, 0.5]


def test_json(runs, capsys):
    main(["runs", str(runs / "two"), "--json"])
    [run] = json.loads(capsys.readouterr().out)
    metrics = json.loads((runs / "two" / "metrics.json").read_text())
    assert (run["run"], run["status"], run["epochs"]) == (str(runs / "two"), "finished", 2)
    assert run["tasks"]["ner"]["best_score"] == metrics["best_validation_ner_f1"]


def test_curves_leave_stdout_to_the_runs(runs, capsys):
    pytest.importorskip("matplotlib")
    main(["runs", str(runs), "--json", "--curves"])
    out, err = capsys.readouterr()
    assert len(json.loads(out)) == 2
    for name in ("one", "two"):
        assert f"{runs / name}: curves.csv and curves.png" in err
        assert (runs / name / "curves.csv").is_file() and (runs / name / "curves.png").is_file()


def test_a_directory_that_is_no_run_is_one_line_and_exit_2(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["runs", str(tmp_path)])
    assert stopped.value.code == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert err.startswith(f"hmtl: error: {tmp_path}: no run in this directory")

"""`hmtl print-results`: a line a run, of all metrics or of some."""

import json

import pytest

from hmtl.cli import main


@pytest.fixture
def runs(tmp_path):
    for name, metrics in {"a": {"epoch": 1, "ner_f1": 0.5}, "b": {"epoch": 2, "emd_f1": 0.25}}.items():
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "metrics.json").write_text(json.dumps(metrics))
    return tmp_path / "runs"


def test_without_keys_it_prints_all(runs, capsys):
    main(["print-results", str(runs)])
    assert capsys.readouterr().out.splitlines() == [
        "model_run, epoch, ner_f1, emd_f1",
        f"{runs}/a/metrics.json, 1, 0.5, N/A",
        f"{runs}/b/metrics.json, 2, N/A, 0.25",
    ]


def test_some_keys(runs, capsys):
    main(["print-results", str(runs), "--keys", "emd_f1"])
    assert capsys.readouterr().out.splitlines()[1:] == [f"{runs}/a/metrics.json, N/A", f"{runs}/b/metrics.json, 0.25"]


def test_no_run_is_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["print-results", str(tmp_path)])
    assert capsys.readouterr().err == (
        f"hmtl: error: {tmp_path}: no metrics.json below it; expected a directory of finished runs\n"
    )

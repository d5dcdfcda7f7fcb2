"""A row for each run."""

from pathlib import Path
from typing import Any, List, Optional

import pytest
from test_runs import epoch, write_json, write_run

from hmtl.errors import UserError
from hmtl.runs.rows import rows_for_programs, sorted_runs, table_of_rows
from hmtl.runs.summaries import RunSummary, summarize


def run_with(folder: Path, name: str, ner: Optional[float], test: Optional[float] = None, **options: Any) -> RunSummary:
    scores = {} if ner is None else {"best_epoch_ner": 0, "best_validation_ner_f1": ner}
    path = write_run(folder / name, epoch(**scores), trainer={"num_epochs": 20, **options})
    if test is not None:
        scored = {"split": "test", "scores": {"best_ner": {"ner": {"metrics": {"f1": test}}}}}
        write_json(path / "evaluation.json", scored)
    run = summarize(path)
    run.last_change = f"2020-01-01 00:00:0{len(name)}"
    return run


@pytest.fixture
def runs(tmp_path: Path) -> List[RunSummary]:
    """Their names are sorted otherwise than their scores, dates and test scores."""
    return [
        run_with(tmp_path, "b", 0.4, 0.7, lr=0.1),
        run_with(tmp_path, "cc", 0.5, 0.6, lr=0.2),
        run_with(tmp_path, "aaa", None, lr=0.2),
    ]


def names(runs: List[RunSummary]) -> List[str]:
    return [Path(run.run).name for run in runs]


def test_the_table(runs: List[RunSummary]) -> None:
    assert table_of_rows(runs).splitlines() == [
        "run  status   epochs  time     ner      ner test  trainer.lr",
        "b    running  1/20    0:00:01  40.00    70.00 *   0.1",
        "cc   running  1/20    0:00:01  50.00 *  60.00     0.2",
        "aaa  running  1/20    0:00:01  -        -         0.2",
        "",
        "scores: the best in validation (x 100, F1 unless named); * the best of all runs",
    ]


@pytest.mark.parametrize(
    "key, expected",
    [
        (None, "b cc aaa"),
        ("name", "aaa b cc"),
        ("date", "aaa cc b"),
        ("score", "cc b aaa"),
        ("ner", "cc b aaa"),
        ("ner.test", "b cc aaa"),
    ],
)
def test_runs_are_sorted(runs: List[RunSummary], key: Optional[str], expected: str) -> None:
    assert names(sorted_runs(runs, key)) == expected.split()
    assert names(sorted_runs(runs, key, reverse=True)) == expected.split()[::-1]


def test_a_misspelt_key_is_refused(runs: List[RunSummary]) -> None:
    with pytest.raises(UserError, match="--sort nre: did you mean 'ner'?"):
        sorted_runs(runs, "nre")
    with pytest.raises(UserError, match="--sort xyzzy: expected one of name, status, .*, score, ner, ner.test"):
        sorted_runs(runs, "xyzzy")


def test_of_losses_the_smallest_is_the_best(tmp_path: Path) -> None:
    trainer = {"validation_metric": "-loss"}
    paths = [
        write_run(tmp_path / str(loss), epoch(best_epoch_ner=0, best_validation_ner_loss=loss), trainer=trainer)
        for loss in (31.25, 4.5)
    ]
    header, first, second = table_of_rows([summarize(path) for path in paths]).splitlines()[:3]
    assert "ner loss" in header and first.split()[-1] == "31.25" and second.split()[-2:] == ["4.5", "*"]
    assert names(sorted_runs([summarize(path) for path in paths], "ner")) == ["4.5", "31.25"]


def test_equal_scores_are_not_marked(tmp_path: Path) -> None:
    runs = [run_with(tmp_path, name, 0.5) for name in ("one", "two")]
    assert "*" not in "".join(table_of_rows(runs).splitlines()[:3])


def test_options_that_do_not_fit_are_left_out(tmp_path: Path) -> None:
    runs = [run_with(tmp_path, name, 0.5, **{f"option_{n}": name * 20 for n in range(5)}) for name in ("a", "b")]
    narrow = table_of_rows(runs, width=100)
    assert max(map(len, narrow.splitlines())) <= 100
    assert "option_1" in narrow and "option_4" not in narrow and "more options differ: see --all" in narrow
    assert "option_4" in table_of_rows(runs, width=100, all_options=True)


def test_rows_for_programs(runs: List[RunSummary]) -> None:
    first, _, last = rows_for_programs(runs)
    assert (Path(first["run"]).name, first["epochs"], first["num_epochs"]) == ("b", 1, 20)
    assert (first["ner.best_score"], first["ner.test_f1"], first["trainer.lr"]) == (0.4, 0.7, 0.1)
    assert last["ner.best_score"] is None

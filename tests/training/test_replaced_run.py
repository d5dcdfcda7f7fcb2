"""What `--force` replaces is not lost before something stands in its place."""

from pathlib import Path

from hmtl.training.replaced_run import bring_back, forget, set_aside


def make(run: Path, text: str) -> Path:
    run.mkdir()
    (run / "weights").write_text(text)
    return run


def test_a_run_comes_back(tmp_path: Path) -> None:
    run = make(tmp_path / "run", "old")

    set_aside(run)
    assert not run.exists()
    run.mkdir()
    bring_back(run)

    assert (run / "weights").read_text() == "old"
    assert list(tmp_path.iterdir()) == [run]


def test_a_run_is_forgotten(tmp_path: Path) -> None:
    run = make(tmp_path / "run", "old")

    set_aside(run)
    make(run, "new")
    forget(run)
    bring_back(run)

    assert (run / "weights").read_text() == "new"
    assert list(tmp_path.iterdir()) == [run]


def test_the_last_run_that_was_set_aside_comes_back(tmp_path: Path) -> None:
    run = make(tmp_path / "run", "older")

    set_aside(run)
    make(run, "old")
    set_aside(run)
    bring_back(run)

    assert (run / "weights").read_text() == "old"


def test_nothing_to_set_aside(tmp_path: Path) -> None:
    run = tmp_path / "run"

    set_aside(run)
    bring_back(run)
    assert not run.exists()

    run.mkdir()
    set_aside(run)
    assert list(run.iterdir()) == []

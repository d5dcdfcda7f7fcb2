"""A run's directory has one writer, and what `--force` replaces is not lost before something stands in its place."""

import errno
import os
import signal
import time
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Callable, Dict

import pytest

from hmtl.common import locks
from hmtl.errors import UserError
from hmtl.training import run_directory
from hmtl.training.run_directory import REPLACED, RunLock, bring_back, claimed, entries, forget, set_aside

OLD = {"checkpoint_e1_b0.json": "old", "vocabulary/labels.txt": "A\n", ".hidden": "too"}


def write(run: Path, files: Dict[str, str]) -> None:
    for name, text in files.items():
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text(text)


def read(run: Path) -> Dict[str, str]:
    return {str(path.relative_to(run)): path.read_text() for path in run.rglob("*") if path.is_file()}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    write(tmp_path / "run", OLD)
    return tmp_path / "run"


def test_a_run_is_set_aside_and_comes_back(run: Path) -> None:
    set_aside(run)
    assert entries(run) == []
    write(run, {"config.json": "new", "vocabulary/labels.txt": "new"})
    bring_back(run)
    assert read(run) == OLD


def test_a_run_is_forgotten(run: Path) -> None:
    set_aside(run)
    write(run, {"config.json": "new"})
    forget(run)
    bring_back(run)
    assert read(run) == {"config.json": "new"}


def test_nothing_to_set_aside(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    set_aside(tmp_path / "run")
    bring_back(tmp_path / "run")
    assert read(tmp_path / "run") == {}


def test_what_cannot_be_moved_leaves_all_in_its_place(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Path.rename

    def fail_at_last(path: Path, target: Any) -> Path:
        if path == run / "vocabulary":
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(path))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail_at_last)
    with pytest.raises(OSError, match="busy"):
        set_aside(run)
    assert read(run) == OLD


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, MemoryError, SystemExit])
def test_whatever_goes_wrong_before_the_first_checkpoint_the_old_run_comes_back(run: Path, error: Any, capsys) -> None:
    with pytest.raises(error), claimed(run):
        set_aside(run)
        write(run, {"config.json": "new", "best_ner.th": "new", "log/events": "new"})
        raise error
    assert read(run) == OLD
    assert capsys.readouterr().err == f"{run}: the run that was to be replaced is back\n"


def test_a_checkpoint_is_in_its_place(run: Path) -> None:
    with pytest.raises(RuntimeError), claimed(run):
        set_aside(run)
        write(run, {"checkpoint_e0_b2.json": "new"})
        raise RuntimeError
    assert read(run) == {"checkpoint_e0_b2.json": "new"}


def killed(action: Callable[[], None]) -> None:
    """Does it in a process that then kills itself."""

    def live() -> None:
        action()
        os.kill(os.getpid(), signal.SIGKILL)

    process = get_context("fork").Process(target=live)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


@pytest.mark.parametrize("moves", range(8))
def test_a_kill_at_any_moment_of_a_replacement_loses_nothing(run: Path, moves: int, capsys) -> None:
    """The process is killed after so many of the renames that set a run aside, and that bring it back."""

    def replace() -> None:
        done = 0
        rename = Path.rename

        def rename_or_die(path: Path, target: Any) -> Path:
            nonlocal done
            if done == moves:
                os.kill(os.getpid(), signal.SIGKILL)
            done += 1
            return rename(path, target)

        Path.rename = rename_or_die  # type: ignore[method-assign]
        with claimed(run):
            set_aside(run)
            write(run, {"config.json": "new"})
            raise RuntimeError

    killed(replace)
    with claimed(run):
        assert {name: text for name, text in read(run).items() if name != run_directory.LOCK} == OLD
    assert read(run) == OLD


def test_the_next_process_brings_back_what_a_killed_one_replaced_and_says_so(run: Path, capsys) -> None:
    def replace() -> None:
        with claimed(run):
            set_aside(run)
            write(run, {"config.json": "new", "best.th": "without a checkpoint"})
            os.kill(os.getpid(), signal.SIGKILL)

    killed(replace)
    assert (run / REPLACED).is_dir()
    with claimed(run):
        pass
    assert read(run) == OLD
    assert capsys.readouterr().err == f"{run}: the run that was to be replaced is back\n"


def test_what_killed_processes_left_half_written_is_removed(run: Path) -> None:
    (run / "model_state_e1_b0.th.partial").write_text("half")
    with claimed(run):
        pass
    assert read(run) == OLD


def test_a_mistake_leaves_no_directory_and_a_fault_its_log(tmp_path: Path) -> None:
    with pytest.raises(UserError), claimed(tmp_path / "run"):
        write(tmp_path / "run", {"config.json": "new", "vocabulary/labels.txt": "A"})
        raise UserError("wrong")
    assert not (tmp_path / "run").exists()
    with pytest.raises(RuntimeError), claimed(tmp_path / "run"):
        write(tmp_path / "run", {"out.log": "new"})
        raise RuntimeError
    assert read(tmp_path / "run") == {"out.log": "new"}


def test_a_second_process_is_refused_at_once(run: Path) -> None:
    context = get_context("fork")
    ready, done = context.Event(), context.Event()

    def hold() -> None:
        with claimed(run):
            ready.set()
            done.wait()

    process = context.Process(target=hold)
    process.start()
    ready.wait()
    start = time.monotonic()
    message = f"run: another process, {process.pid} on .*, is training in it; wait"
    with pytest.raises(UserError, match=message), claimed(run):
        pass
    assert time.monotonic() - start < 5
    done.set()
    process.join()
    with claimed(run):
        pass
    assert read(run) == OLD


def test_a_kill_gives_the_lock_back(run: Path) -> None:
    def hold() -> None:
        with claimed(run):
            os.kill(os.getpid(), signal.SIGKILL)

    killed(hold)
    assert (run / run_directory.LOCK).read_text()
    with claimed(run):
        pass
    assert read(run) == OLD


def _hold(lock: RunLock, ready: Any, done: Any) -> None:
    ready.set()
    done.wait()


def test_a_worker_holds_the_lock_of_the_process_that_started_it(run: Path, monkeypatch, capsys) -> None:
    """Spawned, as the workers of distributed training are: they still write when that process is killed."""
    monkeypatch.setattr(run_directory, "SECONDS_FOR_THE_OTHERS", 1)
    context = get_context("spawn")
    ready, done = context.Event(), context.Event()

    def start() -> None:
        with claimed(run) as lock:
            worker = context.Process(target=_hold, args=(lock, ready, done))
            worker.start()
            (run.parent / "pid").write_text(str(worker.pid))
            ready.wait()
            os.kill(os.getpid(), signal.SIGKILL)

    killed(start)
    with pytest.raises(UserError, match="is training in it"), claimed(run):
        pass
    assert capsys.readouterr().err == f"{run}: waiting for what trains in it\n"
    done.set()
    worker = int((run.parent / "pid").read_text())
    deadline = time.monotonic() + 60
    while locks.is_running(worker) and time.monotonic() < deadline:
        time.sleep(0.1)
    monkeypatch.setattr(run_directory, "SECONDS_FOR_THE_OTHERS", 30)
    with claimed(run):
        pass


@pytest.mark.parametrize("why", ["no module", "no service"])
def test_where_no_lock_can_be_had_a_line_says_so(run: Path, why: str, monkeypatch, capsys) -> None:
    if why == "no module":
        monkeypatch.setattr(locks, "fcntl", None)
        reason = "this system has none"
    else:

        def flock(descriptor: int, operation: int) -> None:
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

        monkeypatch.setattr(locks.fcntl, "flock", flock)
        reason = "No locks available"
    with claimed(run):
        pass
    expected = f"{run}: no lock can be had ({reason}); see to it that no other process writes there\n"
    assert capsys.readouterr().err == expected


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(UserError, match="run: expected a directory, found a file"), claimed(tmp_path / "run"):
        pass

"""Jobs that are small programs, in real processes."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Callable, Dict, List, Optional

import pytest

from hmtl.common.locks import is_running
from hmtl.jobs import job_pool
from hmtl.jobs.executor import LocalExecutor, num_cores
from hmtl.jobs.job_pool import JobPool, JobsStopped

# The program of a job; `text` is what the job was started with.
PREAMBLE = "import os, pathlib, signal, sys, time; text = sys.argv[2]; "
FOREVER = "time.sleep(60)"


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_pool, "SECONDS_BETWEEN_LOOKS", 0.02)


def pool_of(program: str, size: int = 1) -> JobPool[str]:
    return JobPool(LocalExecutor(size, program=(sys.executable, "-c", PREAMBLE + program)), size)


def starting(pool: JobPool[str], jobs: List[str], folder: Path) -> Callable[[], bool]:
    left = list(jobs)

    def start_next() -> bool:
        if not left:
            return False
        job = left.pop(0)
        pool.start(job, [job], folder / "logs" / f"{job}.log")
        return True

    return start_next


def wait_for(path: Path) -> str:
    while not path.exists() or not path.read_text():
        time.sleep(0.01)
    return path.read_text()


def test_all_jobs_run_so_many_at_once(tmp_path: Path) -> None:
    pool = pool_of("time.sleep(0.2); print(text); sys.exit(int(text))", size=2)
    codes: Dict[str, Optional[int]] = {}
    most = 0
    with pool:
        for running, code in pool.run(starting(pool, ["0", "1", "2", "3", "4"], tmp_path)):
            most = max(most, len(pool.running) + (code is not None))
            assert codes.get(running.job) is None, "a job that has ended is looked at no more"
            codes[running.job] = code
    assert codes == {str(code): code for code in range(5)}
    assert most == 2
    assert {path.name: path.read_text() for path in (tmp_path / "logs").iterdir()} == {
        f"{code}.log": f"{code}\n" for code in range(5)
    }


def test_a_job_that_comes_late_is_run_while_others_are(tmp_path: Path) -> None:
    """As where a process has died, and what it leaves undone is started again."""
    pool = pool_of("sys.exit(int(text))")
    jobs, ended = ["3"], []

    def start_next() -> bool:
        return bool(jobs) and starting(pool, [jobs.pop()], tmp_path)()

    with pool:
        for _, code in pool.run(start_next):
            if code is not None:
                ended.append(code)
                jobs += ["0"] * (code == 3)
    assert ended == [3, 0]


def test_why_a_job_failed_is_what_it_said_last_itself(tmp_path: Path) -> None:
    programs = {
        "print('hmtl: error: no such sampler'); print('bye'); sys.exit(2)": "no such sampler",
        "print('one'); print('  two  '); print(); sys.exit(1)": "two",
        "sys.exit(5)": "exit code 5",
        "os.kill(os.getpid(), signal.SIGKILL)": "killed by SIGKILL (out of memory?)",
        "os.kill(os.getpid(), signal.SIGSEGV)": "killed by SIGSEGV",
    }
    log = tmp_path / "logs" / "job.log"
    log.parent.mkdir()
    log.write_text("hmtl: error: of the process before\n")
    reasons = []
    for program in programs:
        pool = pool_of(program)
        with pool:
            for running, code in pool.run(starting(pool, ["job"], tmp_path)):
                reasons += [running.failure_reason(code)] if code is not None else []
    assert reasons == list(programs.values())
    assert log.read_text().startswith("hmtl: error: of the process before\n")


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_whatever_ends_the_block_no_job_outlives_it(error: type, tmp_path: Path) -> None:
    file = tmp_path / "pid"
    pool = pool_of(f"pathlib.Path({str(file)!r}).write_text(str(os.getpid())); {FOREVER}")
    with pytest.raises(error), pool:
        for _ in pool.run(starting(pool, ["job"], tmp_path)):
            pid = int(wait_for(file))
            raise error
    assert not is_running(pid)
    assert pool.running == []


@pytest.mark.parametrize("signum, word", [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")])
def test_a_signal_has_the_jobs_save_what_they_have(signum: int, word: str, tmp_path: Path) -> None:
    ready, saved = tmp_path / "ready", tmp_path / "saved"
    program = (
        f"signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path({str(saved)!r}).write_text('saved'), sys.exit(143))); "
        f"pathlib.Path({str(ready)!r}).write_text('ready'); {FOREVER}"
    )
    pool = pool_of(program)
    with pytest.raises(JobsStopped) as stopped, pool:
        for _ in pool.run(starting(pool, ["a", "b"], tmp_path)):
            wait_for(ready)
            os.kill(os.getpid(), signum)
        assert pool.received == signum and saved.read_text() == "saved"
        raise JobsStopped(signum, 1, 2, "trials", tmp_path)
    assert stopped.value.exit_code == 128 + signum
    assert str(stopped.value) == f"{word}; 1 of 2 trials are finished, and the same command goes on with {tmp_path}"
    assert not (tmp_path / "logs" / "b.log").exists()


def test_a_job_that_does_not_stop_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_pool, "SECONDS_TO_STOP", 0.3)
    ready = tmp_path / "ready"
    deaf = f"signal.signal(signal.SIGTERM, signal.SIG_IGN); pathlib.Path({str(ready)!r}).write_text('ready'); {FOREVER}"
    pool = pool_of(deaf)
    codes, begun = [], time.monotonic()
    with pool:
        for running, code in pool.run(starting(pool, ["job"], tmp_path)):
            wait_for(ready)
            running.stop()
            codes += [code] if code is not None else []
    assert codes == [-signal.SIGKILL]
    assert 0.3 <= time.monotonic() - begun < 30


def test_without_a_mask_of_cores_all_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS, which has none."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3, 5, 7}, raising=False)
    assert num_cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert num_cores() == 6

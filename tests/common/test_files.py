import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import torch

from hmtl.common.files import atomic_write, fingerprint, record_file, remove_left_partials, save_state, write_json
from hmtl.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


def names(directory: Path) -> Any:
    return sorted(path.name for path in directory.iterdir())


def test_a_file_appears_once_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with atomic_write(path) as file:
        file.write("grün")
        assert not path.exists()
    assert path.read_bytes() == "grün".encode()
    assert names(tmp_path) == ["a.txt"]


def test_writers_of_one_path_never_mix(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with atomic_write(path) as first:
        first.write("first, and the longer one")
        with atomic_write(path) as second:
            second.write("second")
        assert path.read_text() == "second"
    assert path.read_text() == "first, and the longer one"
    assert names(tmp_path) == ["a.txt"]


def test_only_what_ended_processes_left_is_removed(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = [f"a.th.{ended.pid}-00ff00ff.partial", "of_an_older_release.th.partial"]
    for name in left:
        (tmp_path / name).write_text("half")
    with atomic_write(tmp_path / "a.txt") as file:
        remove_left_partials(tmp_path)
        file.write("whole")
    assert names(tmp_path) == ["a.txt"]


def test_a_name_may_be_as_long_as_names_can_be(tmp_path: Path) -> None:
    write_json(tmp_path / ("a" * 255), {})
    assert names(tmp_path) == ["a" * 255]


def test_an_error_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_write(path) as file:
        file.write("new")
        file.write(str(1 / 0))
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_an_error_about_another_file_keeps_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="elsewhere"), atomic_write(tmp_path / "a.txt") as file:
        file.write((tmp_path / "elsewhere").read_text())


def test_a_missing_directory_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "a.json"
    with pytest.raises(UserError) as caught:
        write_json(path, {})
    assert str(caught.value) == f"{path}: cannot be written: no such file or directory"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_without_permission_is_one_clear_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="a.json: cannot be written: permission denied"):
        write_json(tmp_path / "a.json", {})
    tmp_path.chmod(0o700)


@pytest.mark.parametrize("write", [write_json, save_state])
def test_a_full_disk_leaves_the_old_content(write: Any, tmp_path: Path, small_disk: None) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    with pytest.raises(UserError, match="a: cannot be written: file too large"):
        write(path, {"weights": torch.ones(10000) if write is save_state else "x" * 10000})
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a"]


def test_a_disk_that_is_full_only_when_the_file_is_synchronised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(UserError, match="a.json: cannot be written: no space left on device"):
        write_json(tmp_path / "a.json", {})
    assert names(tmp_path) == []


def test_a_process_that_is_killed_while_it_writes_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    program = f"""
        import os, signal
        from hmtl.common.files import atomic_write
        with atomic_write({str(path)!r}) as file:
            file.write("x" * 100000)
            os.kill(os.getpid(), signal.SIGKILL)
        """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], env=environment)
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == "old"


def test_the_fingerprint_of_a_state_is_that_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "state.th"
    written = save_state(path, {"weights": torch.arange(5000.0), "steps": 3})
    content = path.read_bytes()
    assert written == {"length": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    assert fingerprint(path) == written
    assert torch.equal(torch.load(path)["weights"], torch.arange(5000.0))


def test_json_reads_back(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": [1, None, "ü"]})
    assert json.loads((tmp_path / "a.json").read_text()) == {"b": [1, None, "ü"]}


def test_records_appear_once_they_are_complete(tmp_path: Path) -> None:
    path = tmp_path / "a"
    (tmp_path / "a.incomplete").write_text("of an earlier run")
    with record_file(path) as file:
        file.write("grün\n")
        file.write("")
        assert not path.exists()
    assert path.read_bytes() == "grün\n".encode()
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("error", [UserError("bad"), KeyboardInterrupt(), ZeroDivisionError("ours")])
def test_records_before_an_error_stay(error: BaseException, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, incomplete = tmp_path / "a", tmp_path / "a.incomplete"
    path.write_text("old")
    with pytest.raises(type(error)) as caught, record_file(path) as file:
        file.write("one\n")
        raise error
    message = f"what was written before is in {incomplete}"
    assert message in (str(caught.value) if isinstance(error, UserError) else caplog.text)
    assert (path.read_text(), incomplete.read_text(), names(tmp_path)) == ("old", "one\n", ["a", "a.incomplete"])
    with pytest.raises(UserError, match="^early$"), record_file(tmp_path / "b"):
        raise UserError("early")
    assert names(tmp_path) == ["a", "a.incomplete"]


def test_of_a_full_disk_the_whole_records_stay(tmp_path: Path, small_disk: None) -> None:
    path, incomplete = tmp_path / "a", tmp_path / "a.incomplete"
    with pytest.raises(UserError) as caught, record_file(path) as file:
        for number in range(10):
            file.write(f"{number}{'x' * 1000}\n")
    assert str(caught.value) == (
        f"{path}: cannot be written: file too large; what was written before is in {incomplete}"
    )
    assert incomplete.read_text() == "".join(f"{number}{'x' * 1000}\n" for number in range(8))
    assert names(tmp_path) == ["a.incomplete"]


def test_records_to_what_is_no_file_and_through_links(tmp_path: Path) -> None:
    fifo, link, target = tmp_path / "fifo", tmp_path / "link", tmp_path / "below" / "target"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    with record_file(fifo) as file:
        file.write("one\n")
    assert os.read(reader, 100) == b"one\n" and not fifo.is_file()
    os.close(reader)
    target.parent.mkdir()
    target.write_text("old")
    link.symlink_to(target)
    with record_file(link) as file:
        file.write("new")
    assert link.is_symlink() and target.read_text() == "new" and names(target.parent) == ["target"]

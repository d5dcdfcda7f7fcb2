import os
import stat
from pathlib import Path

import pytest

from hmtl.corpora.preparation.output import whole_directory
from hmtl.errors import UserError


def write(output: Path, text: str, force: bool = False) -> None:
    with whole_directory(output, force) as directory:
        (directory / "train.jsonl").write_text(text)
        (directory / "report.json").write_text("{}")


def left_overs(folder: Path) -> list:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_it_appears_at_the_end(tmp_path):
    output = tmp_path / "a" / "out"
    with whole_directory(output) as directory:
        (directory / "x.jsonl").write_text("x")
        assert not output.exists() and directory.parent == output.parent
    assert [path.name for path in output.iterdir()] == ["x.jsonl"]
    assert left_overs(output.parent) == []
    (tmp_path / "usual").mkdir()
    assert stat.S_IMODE(output.stat().st_mode) == stat.S_IMODE((tmp_path / "usual").stat().st_mode)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_nothing_stays_behind(tmp_path, error):
    write(tmp_path / "out", "old")
    with pytest.raises(error), whole_directory(tmp_path / "out", force=True) as directory:
        (directory / "train.jsonl").write_text("new")
        raise error
    assert (tmp_path / "out" / "train.jsonl").read_text() == "old"
    assert left_overs(tmp_path) == []


def test_it_is_replaced_with_force_alone(tmp_path):
    write(tmp_path / "out", "old")
    with pytest.raises(UserError, match="out: exists already"):
        write(tmp_path / "out", "new")
    write(tmp_path / "out", "new", force=True)
    assert (tmp_path / "out" / "train.jsonl").read_text() == "new"
    assert left_overs(tmp_path) == []


def test_force_spares_what_was_not_prepared(tmp_path):
    thesis = tmp_path / "documents"
    write(thesis, "old")
    (thesis / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="holds thesis.tex"):
        write(thesis, "new", force=True)
    by_hand = tmp_path / "by_hand"
    by_hand.mkdir()
    (by_hand / "train.jsonl").write_text("by hand")
    with pytest.raises(UserError, match="holds no report.json"):
        write(by_hand, "new", force=True)
    (tmp_path / "file").write_text("a file")
    with pytest.raises(UserError, match="expected a directory, found a file"):
        write(tmp_path / "file", "new", force=True)
    assert (thesis / "thesis.tex").exists() and (by_hand / "train.jsonl").read_text() == "by hand"
    assert left_overs(tmp_path) == []


def test_a_link_stays_a_link(tmp_path):
    write(tmp_path / "disk" / "real", "old")
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "real")
    write(tmp_path / "link", "new", force=True)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "disk" / "real" / "train.jsonl").read_text() == "new"


def test_two_at_once(tmp_path):
    with whole_directory(tmp_path / "out"), pytest.raises(UserError, match="another process is writing it"):
        write(tmp_path / "out", "other")
    assert (tmp_path / "out").is_dir()


def test_what_a_killed_process_left_is_cleared(tmp_path):
    partial = tmp_path / ".out.partial"
    partial.mkdir()
    (partial / "dev.jsonl").write_text("half")
    write(tmp_path / "out", "new")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["report.json", "train.jsonl"]
    assert left_overs(tmp_path) == []


def test_a_process_killed_between_the_renames(tmp_path):
    write(tmp_path / "out", "old")
    os.rename(tmp_path / "out", tmp_path / ".out.replaced")
    with pytest.raises(UserError, match="exists already"):  # it does again
        write(tmp_path / "out", "new")
    assert (tmp_path / "out" / "train.jsonl").read_text() == "old"
    # Killed right after the renames, it left the replaced directory.
    write(tmp_path / ".out.replaced", "older")
    write(tmp_path / "out", "new", force=True)
    assert (tmp_path / "out" / "train.jsonl").read_text() == "new"
    assert left_overs(tmp_path) == []

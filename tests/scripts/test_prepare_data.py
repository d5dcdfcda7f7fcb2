import runpy
from pathlib import Path

import pytest

from hmtl.cli import main as hmtl

ROOT = Path(__file__).resolve().parents[2]
main = runpy.run_path(str(ROOT / "scripts" / "prepare_data.py"))["main"]


def test_it_does_what_the_command_does(fixtures, tmp_path, capsys):
    main(["gum", "--dir", str(fixtures / "gum"), "--output", str(tmp_path / "script"), "--jobs", "0"])
    table = capsys.readouterr().out
    hmtl(["prepare", "gum", "--dir", str(fixtures / "gum"), "--output", str(tmp_path / "command"), "--jobs", "0"])
    assert capsys.readouterr().out == table
    for name in ("train.jsonl", "dev.jsonl", "test.jsonl", "report.json"):
        assert (tmp_path / "script" / name).read_bytes() == (tmp_path / "command" / name).read_bytes()


def test_mistakes_end_in_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["gum", "--dir", str(tmp_path), "--output", str(tmp_path / "out")])
    assert stopped.value.code == 2
    assert capsys.readouterr().err == (
        f"prepare_data.py: error: {tmp_path}: expected GUM's repository, with a directory 'dep'\n"
    )

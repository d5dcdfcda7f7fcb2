"""`hmtl configs`, as in a checkout; tests/packaging runs it from an installed wheel."""

from pathlib import Path

import pytest

from hmtl.cli import main

ROOT = Path(__file__).resolve().parents[2]


def test_it_lists_every_configuration_with_what_it_is(capsys):
    main(["configs"])
    lines = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    assert set(lines) == {path.relative_to(ROOT / "configs").as_posix() for path in ROOT.glob("configs/**/*.jsonnet")}
    assert lines["hard_sharing.jsonnet"] == "The quickstart's tasks without a hierarchy: one encoder for all of them"
    # A sentence of two lines is whole.
    described = lines["task_relations.jsonnet"]
    assert described.endswith("; name any others of lib/task_relations.libsonnet, one or several")


def test_the_copies_are_those_of_the_checkout(tmp_path, capsys):
    main(["configs", str(tmp_path / "work")])
    copied = {path.relative_to(tmp_path / "work") for path in tmp_path.rglob("*") if path.is_file()}
    assert {Path("data/sample/train.jsonl"), Path("scripts/evaluate.py"), Path("configs/lib/levels.libsonnet")} < copied
    assert Path(".allennlp_plugins") in copied
    for path in copied:
        assert (tmp_path / "work" / path).read_bytes() == (ROOT / path).read_bytes()
    assert "hmtl train configs/quickstart.jsonnet" in capsys.readouterr().out


def test_nothing_is_overwritten_nor_half_copied(tmp_path, capsys):
    (tmp_path / "scripts").mkdir()
    with pytest.raises(SystemExit) as exit_:
        main(["configs", str(tmp_path)])
    assert exit_.value.code == 2
    assert f"{tmp_path / 'scripts'} exists" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["scripts"]

import argparse
from pathlib import Path
from typing import List

import pytest
import torch

from hmtl.common.arguments import (
    add_archive,
    add_command,
    add_device,
    add_include_package,
    add_run,
    add_weights_file,
    at_least,
    device_named,
    gpu_named,
    require_folders_of,
    run_named,
)
from hmtl.errors import UserError


@pytest.mark.parametrize("text", ["2", "7"])
def test_numbers_from_the_minimum_on_are_taken(text: str) -> None:
    assert at_least(2)(text) == int(text)


@pytest.mark.parametrize("text", ["1", "-3", "many", "2.5"])
def test_all_else_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=f"expected a number from 2, got {text}"):
        at_least(2)(text)


def test_a_command_has_its_help_line_by_line(capsys: pytest.CaptureFixture) -> None:
    parser = argparse.ArgumentParser(prog="hmtl")
    command = add_command(parser.add_subparsers(), "show", "First line.\n\n  hmtl show MODEL")
    add_archive(command)
    add_weights_file(command)
    add_device(command, "cpu")
    with pytest.raises(SystemExit):
        parser.parse_args(["show", "--help"])
    assert "First line.\n\n  hmtl show MODEL\n" in capsys.readouterr().out
    arguments = parser.parse_args(["show", "runs/a", "--cuda-device", "1"])
    assert vars(arguments) == {"archive": Path("runs/a"), "weights_file": None, "device": "1"}
    assert parser.parse_args(["show", "runs/a"]).device == "cpu"


def test_a_model_may_be_left_out_where_there_is_a_default(capsys: pytest.CaptureFixture) -> None:
    parser = argparse.ArgumentParser()
    add_archive(parser, default="en_one")
    assert [parser.parse_args(words).archive for words in ([], ["runs/a"])] == [Path("en_one"), Path("runs/a")]
    with pytest.raises(SystemExit):
        parser.parse_args(["--help"])
    assert "(default: en_one)" in capsys.readouterr().out


def test_packages_are_named_one_by_one() -> None:
    parser = argparse.ArgumentParser()
    add_include_package(parser)
    parser.add_argument("file")
    arguments = parser.parse_args(["--include-package", "first", "--include-package", "second", "file"])
    assert (arguments.include_package, arguments.file) == (["first", "second"], "file")
    assert parser.parse_args(["file"]).include_package == []


def test_devices_by_name() -> None:
    assert device_named("cpu") == torch.device("cpu")
    assert device_named("-1") == torch.device("cpu")
    assert device_named(None).type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert gpu_named("cpu") == gpu_named("-1") == gpu_named("cpu:0") == -1


def test_numbers_are_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert device_named("1") == device_named("cuda:1") == torch.device("cuda:1")
    assert (gpu_named("1"), gpu_named("cuda"), gpu_named("cuda:1")) == (1, 0, 1)


@pytest.mark.parametrize("words", [["runs/a"], ["-s", "runs/a"], ["--serialization-dir", "runs/a"]])
def test_a_run_is_named_in_either_way(words: List[str]) -> None:
    parser = argparse.ArgumentParser()
    add_run(parser)
    assert run_named(parser.parse_args(words)) == "runs/a"


@pytest.mark.parametrize("words, found", [([], "none"), (["-s", "a", "b"], "'b' and 'a'")])
def test_one_run_is_named(words: List[str], found: str) -> None:
    parser = argparse.ArgumentParser()
    add_run(parser)
    with pytest.raises(UserError, match=f"expected one run, .*; found {found}$"):
        run_named(parser.parse_args(words))


@pytest.mark.parametrize("name", ["tpu", "meta", "cuda:99", "99", "-2", "", "cuda:x"])
def test_what_is_no_device_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=f"--device {name}: (expected cpu, cuda or cuda:N|PyTorch finds)"):
        device_named(name)


def test_a_file_needs_a_folder_to_be_written_to(tmp_path: Path) -> None:
    require_folders_of([None, tmp_path / "new.json"])
    with pytest.raises(UserError, match="there is no directory .*absent to write it to"):
        require_folders_of([tmp_path / "new.json", tmp_path / "absent" / "new.json"])

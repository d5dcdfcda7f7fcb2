"""The command `hmtl`, most of it within this process, on a three-word tagging task of AllenNLP's own."""

import json
import logging
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, Dict, List

import pytest
import torch
from allennlp.common import plugins
from allennlp.models.archival import load_archive

import hmtl
from hmtl import cli
from hmtl.cli import main
from hmtl.commands import ALLENNLP, GROUPS

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: `tags.tsv`, `config.json` that trains on it, and the package `faulty_readers`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HMTL_DEBUG", raising=False)
    (tmp_path / "tags.tsv").write_text("The###DET dog###N barks###V\nA###DET cat###N sleeps###V\n")
    embedder = {"token_embedders": {"tokens": {"type": "embedding", "embedding_dim": 2}}}
    config = {
        "dataset_reader": {"type": "sequence_tagging"},
        "train_data_path": "tags.tsv",
        "model": {
            "type": "simple_tagger",
            "text_field_embedder": embedder,
            "encoder": {"type": "lstm", "input_size": 2, "hidden_size": 2},
        },
        "data_loader": {"batch_size": 2},
        "trainer": {"num_epochs": 1, "optimizer": "adam", "cuda_device": -1},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    package = """
        import os, signal
        from allennlp.data import DatasetReader
        from allennlp.data.dataset_readers import SequenceTaggingDatasetReader

        @DatasetReader.register("faulty", exist_ok=True)
        class Faulty(SequenceTaggingDatasetReader):
            def __init__(self, fault: str) -> None:
                super().__init__()
                self.fault = fault

            def _read(self, file_path):
                if self.fault == "bug":
                    raise RuntimeError("a fault of the program")
                os.kill(os.getpid(), getattr(signal, self.fault))
                yield from super()._read(file_path)
        """
    (tmp_path / "faulty_readers.py").write_text(textwrap.dedent(package))
    return tmp_path


def train(*arguments: str, **overrides: Any) -> None:
    main(["train", "config.json", "-s", "run", "-o", json.dumps(overrides), *arguments])


def fail(capsys: pytest.CaptureFixture, *arguments: str, code: int = 2, **overrides: Any) -> str:
    """What a failing `hmtl train` wrote to stderr."""
    with pytest.raises(SystemExit) as caught:
        train(*arguments, **overrides)
    assert caught.value.code == code
    return capsys.readouterr().err


def read(directory: Path) -> Dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


MISTAKES = [
    (
        {"model.type": "simple_taggr"},
        "model.type: no class is registered as 'simple_taggr'; did you mean 'simple_tagger'?",
    ),
    ({"model.type": "xyzzy"}, "expected one of "),
    ({"model.colour": "blue"}, "model.colour: SimpleTagger has no such key; it has "),
    ({"model.encoder.hidden_size": "wide"}, 'model.encoder.hidden_size: expected a whole number, found "wide"'),
    ({"model.encoder.input_size": 5}, "text field embedding dim must match encoder input dim, but got 2 and 5 instead"),
    ({"no.such.key": 1}, "-o no.such.key: 'no' is not there"),
    (
        {"trainer.optimizer": {"type": "adam", "speed": 1}},
        "trainer.optimizer.speed: AdamOptimizer has no such key; it has ",
    ),
    ({"train_data_path": "missing.tsv"}, "file missing.tsv not found"),
    ({"trainer.cuda_device": torch.cuda.device_count()}, "GPU"),
    ({"model": {"type": "subprocess.Popen", "args": ["touch", "pwned"]}}, "'subprocess.Popen' is refused as a Model"),
]


@pytest.mark.parametrize("overrides, message", MISTAKES, ids=[next(iter(mistake[0])) for mistake in MISTAKES])
def test_a_mistake_is_one_line_and_leaves_nothing(
    overrides: Dict[str, Any], message: str, workplace: Path, capsys: pytest.CaptureFixture
) -> None:
    before = read(workplace)

    errors = fail(capsys, **overrides)

    assert errors.splitlines()[-1].startswith("hmtl: error: ")
    assert message in errors.splitlines()[-1]
    assert errors.count("error: ") == 1
    assert "Traceback" not in errors
    assert read(workplace) == before


def test_the_mended_command_runs_as_it_stands(workplace: Path, capsys: pytest.CaptureFixture) -> None:
    fail(capsys, **{"model.type": "simple_taggr"})

    train()
    capsys.readouterr()
    main(["evaluate", "run/model.tar.gz", "tags.tsv", "--output-file", "metrics.json"])

    assert load_archive("run/model.tar.gz").model.vocab.get_vocab_size("labels") == 3
    assert 0 <= json.loads(Path("metrics.json").read_text())["accuracy"] <= 1


CONFIGURATIONS = {
    "missing": (None, "wrong.jsonnet: no such configuration file; 'hmtl configs' lists "),
    "syntax": ("{ a: 1, ", "wrong.jsonnet:1:9: unexpected: end of file"),
    "error": ("{\n  data: error 'Set HMTL_DATA to a folder'\n}", "wrong.jsonnet:2: Set HMTL_DATA to a folder"),
    "variable": (
        "{ a: std.extVar('HMTL_TEST_UNSET') }",
        "wrong.jsonnet:1: the environment variable HMTL_TEST_UNSET is not set",
    ),
    "import": ("{ a: import 'nowhere.libsonnet' }", 'wrong.jsonnet:1: couldn\'t open import "nowhere.libsonnet"'),
    "empty": ("{}", "configuration: lacks dataset_reader, train_data_path, model, data_loader, trainer; 'hmtl con"),
}


@pytest.mark.parametrize("case", CONFIGURATIONS)
def test_a_wrong_configuration_file_names_file_and_line(
    case: str, workplace: Path, capsys: pytest.CaptureFixture
) -> None:
    text, message = CONFIGURATIONS[case]
    if text is not None:
        Path("wrong.jsonnet").write_text(text)

    with pytest.raises(SystemExit) as caught:
        main(["train", "wrong.jsonnet", "-s", "run"])

    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith(f"hmtl: error: {message}")
    assert not Path("run").exists()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["train", ".", "-s", "run"], "hmtl: error: .: this looks like a folder of files"),
        (["train", "config.json"], "hmtl train: error: the following arguments are required: -s/--serialization-dir"),
        (["trian"], "hmtl: error: there is no command 'trian'; did you mean 'train'?"),
        (["trian", "config.json", "-s", "run"], "hmtl: error: there is no command 'trian'; did you mean 'train'?"),
        (["allennlp", "fnd-lr"], "hmtl allennlp: error: there is no command 'fnd-lr'; did you mean 'find-lr'?"),
        (["train", "config.json", "-s", "run", "--forse"], "unrecognized arguments: --forse; did you mean '--force'?"),
        (["train", "config.json", "-s", "run", "-o", "{"], "hmtl: error: "),
        (["train", "config.json", "-s", "tags.tsv"], "hmtl: error: tags.tsv: "),
        (["evaluate", "tags.tsv", "tags.tsv"], "hmtl: error: tags.tsv: the archive cannot be unpacked: "),
        (["evaluate", "nowhere.tar.gz", "tags.tsv"], "hmtl: error: file nowhere.tar.gz not found"),
        (["predict", "a", "b", "--cuda-device", "99"], "hmtl: error: --device 99: PyTorch finds "),
        (["allennlp", "predict", "a", "b", "--cuda-device", "99"], "hmtl: error: --cuda-device 99: PyTorch finds "),
        (
            ["train", "config.json", "-s", "run", "--include-package", "no_such_package"],
            "hmtl: error: --include-package no_such_package: there is no module 'no_such_package'",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_arguments(arguments: List[str], message: str, workplace: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)

    assert caught.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_older_results_are_never_removed(workplace: Path, capsys: pytest.CaptureFixture) -> None:
    train()
    trained = read(workplace / "run")

    assert "already exists and is not empty" in fail(capsys)
    assert read(workplace / "run") == trained
    fail(capsys, "--force", **{"no.such.key": 1})
    assert read(workplace / "run") == trained
    # Here the new run has a directory of its own already.
    fail(capsys, "--force", **{"model.type": "simple_taggr"})
    assert read(workplace / "run") == trained
    # A checkpoint is worth more than tidiness.
    fail(capsys, "--recover", **{"model.type": "simple_taggr"})
    assert trained.keys() <= read(workplace / "run").keys()


def test_files_of_unknown_origin_stay(workplace: Path, capsys: pytest.CaptureFixture) -> None:
    Path("run").mkdir()
    Path("run", "config.json").write_text("{}")

    fail(capsys, **{"model.type": "simple_taggr"})

    assert read(workplace / "run") == {"config.json": b"{}"}


def test_an_empty_directory_of_the_users_stays(workplace: Path, capsys: pytest.CaptureFixture) -> None:
    Path("run").mkdir()

    fail(capsys, **{"model.type": "simple_taggr"})

    assert list(Path("run").iterdir()) == []


@pytest.mark.parametrize("how", ["--debug", "HMTL_DEBUG"])
def test_debug_shows_the_traceback(
    how: str, workplace: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    if how == "HMTL_DEBUG":
        monkeypatch.setenv(how, "1")

    errors = fail(capsys, *(["--debug"] if how == "--debug" else []), **{"model.type": "simple_taggr"})

    assert "Traceback (most recent call last)" in errors
    assert errors.splitlines()[-1].startswith("hmtl: error: -o model.type: ")


def test_a_fault_of_the_program_keeps_its_traceback_and_its_log(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])

    with pytest.raises(RuntimeError, match="a fault of the program"):
        train("--include-package", "faulty_readers", dataset_reader={"type": "faulty", "fault": "bug"})

    assert Path("run", "out.log").exists()


@pytest.mark.parametrize("name, code, word", [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "terminated")])
def test_signals(name: str, code: int, word: str, workplace: Path, capsys: pytest.CaptureFixture) -> None:
    reader = {"type": "faulty", "fault": name}

    errors = fail(capsys, "--include-package", "faulty_readers", code=code, dataset_reader=reader)

    assert errors.splitlines()[-1] == f"hmtl: {word}"


def test_the_process_is_left_as_found(workplace: Path, capsys: pytest.CaptureFixture) -> None:
    def state() -> Any:
        root = logging.getLogger()
        handlers = list(root.handlers), list(logging.getLogger("tqdm").handlers)
        return sys.argv, handlers, root.level, sys.excepthook, signal.getsignal(signal.SIGTERM)

    before = state()
    train()
    assert state() == before
    fail(capsys)
    assert state() == before


def test_windows_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(SystemExit) as stopped:
        main(["runs", "."])
    assert stopped.value.code == 2
    expected = "hmtl: error: Windows is not supported: hmtl runs on Linux and macOS, and on Windows within WSL\n"
    assert capsys.readouterr().err == expected


def test_version_and_help(capsys: pytest.CaptureFixture) -> None:
    for option in ("--version", "--help"):
        with pytest.raises(SystemExit) as caught:
            main([option])
        assert caught.value.code == 0

    version, text = capsys.readouterr().out.split("\n", 1)
    assert version == f"hmtl {hmtl.__version__}"
    places = [text.index(f"\n{title}:\n") for title in GROUPS]
    assert places == sorted(places)
    assert "--debug" in text
    main([])
    assert capsys.readouterr().out == text


def test_only_hmtl_and_named_packages_are_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: List[Any] = []
    monkeypatch.setattr(cli, "_start_logging", lambda: seen.append(plugins.DEFAULT_PLUGINS))
    before = plugins.DEFAULT_PLUGINS
    main([])
    assert seen == [()]
    assert before == plugins.DEFAULT_PLUGINS != ()


def test_a_command_of_a_plugins_is_listed_and_runs(workplace: Path, capsys: pytest.CaptureFixture) -> None:
    Path("shouting.py").write_text(
        textwrap.dedent(
            """
            from allennlp.commands.subcommand import Subcommand

            @Subcommand.register("shout", exist_ok=True)
            class Shout(Subcommand):
                def add_subparser(self, parser):
                    subparser = parser.add_parser(self.name, help="Say it loudly.")
                    subparser.add_argument("word")
                    subparser.set_defaults(func=lambda arguments: print(arguments.word.upper()))
                    return subparser
            """
        )
    )
    Path(".allennlp_plugins").write_text("shouting\n")
    main([])
    assert "Say it loudly." in capsys.readouterr().out
    main(["shout", "hmtl"])
    assert capsys.readouterr().out == "HMTL\n"


def test_allennlps_commands_stand_behind_a_word_and_under_their_own_names(capsys: pytest.CaptureFixture) -> None:
    main(["allennlp"])
    listed = capsys.readouterr().out
    for name in ALLENNLP:
        assert f"\n  {name} " in listed
        with pytest.raises(SystemExit):
            main(["allennlp", name, "--help"])
        helped = capsys.readouterr().out
        assert helped.startswith(f"usage: hmtl allennlp {name} ")
        if name not in ("evaluate", "predict"):  # which hmtl has, too
            with pytest.raises(SystemExit):
                main([name, "--help"])
            assert capsys.readouterr().out == helped


@pytest.mark.parametrize(
    "line, is_allennlps",
    [
        ("evaluate model.tar.gz data.jsonl", True),
        ("evaluate --output-file x model.tar.gz data.jsonl", True),
        ("evaluate --output-file=x model.tar.gz data.jsonl", True),
        ("evaluate runs/a", False),
        ("evaluate runs/a --split validation", False),
        ("evaluate -s runs/a", False),
        ("predict model.tar.gz texts.jsonl", False),
        ("predict model.tar.gz texts.jsonl --silent", True),
        ("find-lr config.json", True),
        ("train config.json -s runs/a -o a=1", False),
        ("", False),
    ],
)
def test_older_command_lines_go_where_they_did(line: str, is_allennlps: bool) -> None:
    words = line.split()
    assert cli._as_spelt_now(words) == (["allennlp", *words] if is_allennlps else words)


def test_each_command_is_where_the_list_has_it() -> None:
    code = """
        import argparse
        from hmtl.cli import _class_of
        from hmtl.commands import ALLENNLP, COMMANDS
        for name, command in [*COMMANDS.items(), *ALLENNLP.items()]:
            if name == "allennlp":
                continue
            parser = argparse.ArgumentParser().add_subparsers()
            _class_of(command)().add_subparser(parser)
            assert list(parser.choices) == [name]
            # AllenNLP's own have their line in the file, too.
            for line in parser._choices_actions:
                assert line.help == command.help, (name, line.help)
        """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)


def run(program: List[str], cwd: Path) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(program, cwd=cwd, env=environment, capture_output=True, text=True)


@pytest.mark.slow
def test_the_start_is_quiet(workplace: Path) -> None:
    done = run([sys.executable, "-m", "hmtl", "--version"], workplace)

    assert (done.returncode, done.stdout, done.stderr) == (0, f"hmtl {hmtl.__version__}\n", "")


@pytest.mark.slow
def test_plain_allennlp_finds_the_plugin_file() -> None:
    script = "import sys; sys.argv = ['allennlp', '--help']; from allennlp.__main__ import run; run()"

    done = run([sys.executable, "-c", script], ROOT)

    assert done.returncode == 0
    assert "Plugin hmtl available" in done.stderr


@pytest.mark.slow
def test_workers_of_distributed_training_know_hmtl(workplace: Path) -> None:
    """No `.allennlp_plugins` here: what tells a worker, a fresh Python, is the function that it is started with."""
    overrides = {"distributed": {"cuda_devices": [-1, -1]}, "data_loader.batch_size": 1, "model.type": "xyzzy"}
    command = [sys.executable, "-m", "hmtl", "train", "config.json", "-s", "run", "-o", json.dumps(overrides)]

    done = run(command, workplace)

    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith("hmtl: error: -o model.type: no class is registered as 'xyzzy'; expected one of ")
    assert " hmtl" in last
    assert not (workplace / "run").exists()

"""What starts without torch: the import of hmtl, and commands that need none."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import List

import pytest

from hmtl.commands import COMMANDS, WITHOUT_TORCH

ROOT = Path(__file__).resolve().parents[1]

# Importing any of them is an error.
WITHOUT = """
    import sys
    for name in ("torch", "transformers", "scipy", "sklearn", "spacy", "safetensors"):
        sys.modules[name] = None
"""


def run(code: str, cwd: Path = ROOT) -> str:
    """What a Python prints in which torch cannot be imported."""
    program = [sys.executable, "-c", textwrap.dedent(WITHOUT) + textwrap.dedent(code)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    done = subprocess.run(program, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def command(arguments: List[str], cwd: Path = ROOT) -> str:
    return run(
        f"from hmtl.cli import main\ntry:\n    main({arguments})\nexcept SystemExit as end:\n    assert not end.code",
        cwd,
    )


@pytest.mark.parametrize(
    "module",
    [
        "hmtl",
        "hmtl.cli",
        "hmtl.corpora",
        "hmtl.corpora.ace05",
        "hmtl.corpora.preparation.prepare",
        "hmtl.corpora.preparation.sources",
        "hmtl.corpora.training_data",
        "hmtl.document",
        "hmtl.experiments.train",
        "hmtl.inspection.page",
        "hmtl.jobs.executor",
        "hmtl.runs.summaries",
        "hmtl.text",
        "allennlp.common",
        "allennlp.commands",
    ],
)
def test_a_module_needs_no_torch(module: str) -> None:
    run(f"import {module}")


def test_all_sources_and_corpora_are_found_without_torch() -> None:
    code = """
        from hmtl.corpora import Corpus
        from hmtl.corpora.preparation import Source
        print(len(Corpus.list_available()), len(Source.list_available()))
        """
    assert run(code).split() == ["27", "8"]


def test_help_and_version_need_no_torch() -> None:
    assert set(COMMANDS) <= set(command(["--help"]).split())
    assert command(["--version"]).startswith("hmtl ")


@pytest.mark.parametrize("name", sorted(WITHOUT_TORCH))
def test_the_help_of_such_a_command_needs_none(name: str) -> None:
    assert command([name, "--help"]).startswith(f"usage: hmtl {name} ")


def test_corpora_are_inspected_and_prepared_without_torch(tmp_path: Path) -> None:
    assert "documents" in command(["inspect", "data/sample"])
    assert "0 errors" in command(["validate", "data/sample"])
    command(["inspect", "data/sample", "--json", "--limit", "1"])
    (tmp_path / "wnut17train.conll").write_text("Ada\tB-person\nsat\tO\n\n")
    for name in ("emerging.dev.conll", "emerging.test.annotated"):
        (tmp_path / name).write_text("Bob\tB-person\nran\tO\n\n")
    command(["prepare", "wnut17", "--dir", str(tmp_path), "--output", str(tmp_path / "prepared"), "--jobs", "1"])
    assert (tmp_path / "prepared" / "train.jsonl").read_text().count("\n") == 1


def test_annotation_of_tokens_is_converted_without_torch_and_spacy(tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_text("Oslo B-LOC\nwins O\n")
    assert "read as columns" in command(["convert", "a.conll", "a.jsonl"], tmp_path)
    assert json.loads((tmp_path / "a.jsonl").read_text())["ner"] == [[[0, 0, "LOC"]]]


def test_configurations_are_listed_and_copied_without_torch(tmp_path: Path) -> None:
    assert "quickstart.jsonnet" in command(["configs"])
    command(["configs", str(tmp_path / "work")])
    assert (tmp_path / "work" / "configs" / "quickstart.jsonnet").is_file()


def test_runs_are_listed_without_torch(tmp_path: Path) -> None:
    (tmp_path / "run" / "vocabulary").mkdir(parents=True)
    (tmp_path / "run" / "config.json").write_text(json.dumps({"model": {"type": "hmtl"}, "trainer": {"num_epochs": 1}}))
    (tmp_path / "run" / "metrics_epoch_0.json").write_text('{"epoch": 0, "validation_ner_f1": 0.5}')
    assert "run" in command(["runs", str(tmp_path / "run")])


def test_a_model_without_an_encoder_reads_a_text_by_torch_and_little_else(tiny_run: Path) -> None:
    asked = ["transformers", "huggingface_hub", "scipy", "sklearn", "tensorboardX", "torchvision", "torch._dynamo"]
    code = f"""
        import sys
        from hmtl.cli import main
        main(["predict", {str(tiny_run)!r}, "Mara sat."])
        print([name for name in {asked} if name in sys.modules])
        """
    program = [sys.executable, "-c", textwrap.dedent(code)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    done = subprocess.run(program, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def test_attributes_of_the_package_are_its_modules() -> None:
    code = """
        import hmtl
        print(hmtl.document.Document.__name__, hmtl.__version__.count("."), hasattr(hmtl, "nothing"))
        """
    assert run(code).split() == ["Document", "2", "False"]

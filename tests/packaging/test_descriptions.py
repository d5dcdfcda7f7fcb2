"""What the files beside the code say of it."""

import argparse
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Dict, List

import pytest
import yaml

from hmtl.commands.package import PackageRun
from hmtl.common.requirements import EXTRAS
from hmtl.common.shipped import PARTS
from hmtl.packaging.card import Card
from hmtl.version import VERSION

ROOT = Path(__file__).resolve().parents[2]


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == VERSION
    assert citation["cff-version"] == "1.2.0"
    assert [author["family-names"] for author in citation["references"][0]["authors"]] == ["Sanh", "Wolf", "Ruder"]


def test_the_extras_that_are_advised_are_those_of_the_package():
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    extras = re.search(r"^EXTRAS = {\n(.*?)^}", setup, re.MULTILINE | re.DOTALL)
    assert set(EXTRAS.values()) == set(re.findall(r'^    "(\w+)":', extras[1], re.MULTILINE))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert set(re.search(r"^EXTRAS \?= (.*)$", makefile, re.MULTILINE)[1].split(",")) <= set(EXTRAS.values())


def test_the_workflow_calls_targets_that_make_has():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    commands = [step["run"].split() for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    called = [words[1] for words in commands if words[0] == "make"]
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(called) <= targets
    assert {"test", "lint", "docs"} <= set(called)
    # The oldest of all, which the package allows, and the newest of all.
    oldest, *_, newest = workflow["jobs"]["test"]["strategy"]["matrix"]["include"]
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    assert f'python_requires=">={oldest["python"]}"' in setup
    assert f'"torch>={oldest["torch"].partition("==")[2].removesuffix(".0")}"' in setup
    assert newest["torch"] == "torch" and newest["constraints"] == ""
    pins = dict(line.split("==") for line in (ROOT / oldest["constraints"]).read_text(encoding="utf-8").splitlines())
    assert pins and all(f'"{name}>={version}' in setup for name, version in pins.items())


def test_nothing_that_is_shipped_needs_the_studies():
    """`research/` is in no wheel; what `hmtl configs DIR` copies and the package itself must work without it."""
    paths = [path for part in ("hmtl", *PARTS) for path in (ROOT / part).rglob("*.py")]
    assert ROOT / "scripts" / "evaluate.py" in paths
    need = [path for path in paths if re.search(r"^\s*(?:from|import) research\b", path.read_text(), re.MULTILINE)]
    assert not need


@pytest.fixture
def program(tmp_path):
    """A program that prints what it is called with, in the place of hmtl."""
    program = tmp_path / "bin" / "hmtl"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nfor word in "$@"; do printf "<%s>" "$word"; done\necho\n')
    program.chmod(0o755)
    return program


@pytest.fixture
def make(program):
    """Calls a target with that program."""

    def called(target: str, box: Path, **variables: str) -> List[str]:
        given: Dict[str, str] = {"BIN": str(program.parent), "BOX": str(box), **variables}
        words = [f"{name}={value}" for name, value in given.items()]
        command = ["make", "--silent", "--old-file=install", target, *words]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return called


def test_the_quickstart_has_the_model_in_the_box_read_the_text_where_there_is_one(make, tmp_path):
    text = 'It costs $5, "he" said.'
    (tmp_path / "box").mkdir()
    without = make("quickstart", tmp_path / "box", TEXT=text)
    trained = ["<evaluate><runs/quickstart>", "<predict><runs/quickstart><" + text + ">"]
    assert [line for line in without if line.startswith("<")][1:] == trained
    assert without[-1].startswith(f"{tmp_path}/box is not here: a checkout has this larger model")
    (tmp_path / "box" / "weights.safetensors").touch()
    beside = make("quickstart", tmp_path / "box", TEXT=text)
    assert [line for line in beside if line.startswith("<")][1:] == [*trained, f"<predict><en_hmtl_mini><{text}>"]
    assert f"The model in the box, {tmp_path}/box" in "\n".join(beside)


def test_make_predict_reads_with_the_model_in_the_box_or_the_one_that_was_trained(make, tmp_path):
    (tmp_path / "box").mkdir()
    assert make("predict", tmp_path / "box", TEXT="Ada.") == ["<predict><runs/quickstart><Ada.>"]
    (tmp_path / "box" / "weights.safetensors").touch()
    assert make("predict", tmp_path / "box", TEXT="Ada.") == ["<predict><en_hmtl_mini><Ada.>"]
    assert make("predict", tmp_path / "box", TEXT="Ada.", MODEL="runs/mine") == ["<predict><runs/mine><Ada.>"]


def test_the_model_in_the_box_is_made_from_where_it_was_interrupted(program, tmp_path):
    run = tmp_path / "run"

    def commands() -> List[str]:
        environment = {
            "HMTL": str(program),
            "RUN": str(run),
            "DATA": "corpora",
            "ENCODER": "",
            "PATH": os.environ["PATH"],
        }
        done = subprocess.run(["models/make.sh"], cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    whole = commands()
    assert [re.match("<([a-z]+)>", line)[1] for line in whole] == ["train", "evaluate", "package"]
    options = re.findall("<([^>]*)>", whole[0])
    assert options[2:5] == ["-s", str(run), "-o"] and set(json.loads(options[5]).values()) == {2}
    run.mkdir()
    assert commands() == [whole[0] + "<--recover>", *whole[1:]]
    (run / "metrics.json").touch()
    assert commands() == whole[1:]
    (run / "calibration.json").touch()
    assert commands() == whole[2:]
    # What it is given is what the command takes, and the notes are sections.
    options = re.findall("<([^>]*)>", whole[2])
    parsed = PackageRun().add_subparser(argparse.ArgumentParser().add_subparsers()).parse_args(options[1:])
    assert (parsed.run, parsed.precision, parsed.license) == (str(run), 8, "cc-by-sa-4.0")
    notes = (ROOT / parsed.notes).read_text(encoding="utf-8")
    assert {"Data and licences", "Limits", "Licence of the weights"} <= set(Card(notes=notes).sections)

"""What the files beside the code say of it."""

import re
from pathlib import Path

import yaml

from hmtl.requirements import INSTALL
from hmtl.version import VERSION

ROOT = Path(__file__).resolve().parents[2]


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == VERSION
    assert citation["cff-version"] == "1.2.0"
    assert [author["family-names"] for author in citation["references"][0]["authors"]] == ["Sanh", "Wolf", "Ruder"]


def test_the_advice_of_how_to_install_allennlp_is_that_of_the_requirements():
    lines = (ROOT / "requirements-allennlp.txt").read_text(encoding="utf-8").splitlines()
    assert INSTALL.split()[3:] == [line for line in lines if line and not line.startswith("#")]


def test_the_workflow_calls_targets_that_make_has():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    called = [step["run"].split()[1] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(called) <= targets
    assert {"test", "lint", "docs"} <= set(called)
    # Every Python that the package allows.
    tested = workflow["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert tested == ["3.10", "3.11", "3.12"]
    assert 'python_requires=">=3.10,<3.13"' in (ROOT / "setup.py").read_text(encoding="utf-8")

"""What the files beside the code say of it."""

import re
from pathlib import Path

import yaml

from hmtl.common.requirements import EXTRAS
from hmtl.common.shipped import PARTS
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
    called = [step["run"].split()[1] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
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

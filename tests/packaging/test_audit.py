"""The audit of known vulnerabilities: what was not looked up is no success."""

import importlib.util
from pathlib import Path

spec = importlib.util.spec_from_file_location("audit", Path(__file__).resolve().parents[2] / ".ci" / "audit.py")
audit = importlib.util.module_from_spec(spec)
spec.loader.exec_module(audit)


def test_vulnerable_skipped_and_forgotten_packages_are_problems():
    report = {
        "dependencies": [
            {"name": "Sound_One", "version": "1", "vulns": []},
            {"name": "bad", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"], "aliases": ["GHSA-1"]}]},
            {"name": "skipped", "skip_reason": "Dependency not found on PyPI"},
        ]
    }
    packages = {"sound-one": "1", "bad": "2", "skipped": "3", "forgotten": "4"}
    assert audit.problems(report, packages) == [
        "bad 2: CVE-1 (GHSA-1), fixed in 3",
        "forgotten 4: not looked up: not in the report",
        "skipped 3: not looked up: Dependency not found on PyPI",
    ]


def test_what_is_installed_is_looked_up_and_the_carried_allennlp_too():
    packages = audit.installed()
    assert "hmtl" not in packages and packages["allennlp"] == "2.10.1"
    assert "+" not in packages["torch"] and {"numpy", "pytest"} <= set(packages)

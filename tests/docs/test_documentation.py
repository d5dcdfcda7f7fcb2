"""The documentation is built without a warning, and says what there is."""

import re
import subprocess
import sys

import pytest
from allennlp.common import Registrable
from documentation import ROOT

import hmtl  # noqa: F401  (registers the classes)
from hmtl.common.environment import VARIABLES

DOCS = ROOT / "docs"
# Named on the command line, or by the code alone.
NOT_IN_CONFIGURATIONS = ("Metric", "OutputFormat", "Predictor", "Source", "Subcommand")


def test_it_is_built_without_a_warning(tmp_path):
    pytest.importorskip("sphinx")
    pytest.importorskip("furo")
    pytest.importorskip("myst_parser")
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "--keep-going",
        "-q",
        "-b",
        "html",
        "-d",
        str(tmp_path / "doctrees"),
    ]
    done = subprocess.run([*command, str(DOCS), str(tmp_path / "html")], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    classes = (tmp_path / "html" / "configurations" / "classes.html").read_text(encoding="utf-8")
    # What a recovered run puts into its own configuration.
    for name in set(registered_names()) - {"of_run"}:
        assert f">{name}</span>" in classes, f"docs/configurations/classes.md does not say what '{name}' is"
    # The pages are whole by themselves.
    for path in (tmp_path / "html").rglob("*.html"):
        assert not re.findall(
            r'<(?:script|link|img)[^>]+(?:src|href)="(?:https?:)?//', path.read_text(encoding="utf-8")
        )


def registered_names():
    """What configurations can name of hmtl's."""
    for base, names in Registrable._registry.items():
        if base.__name__ not in NOT_IN_CONFIGURATIONS:
            yield from (name for name, (cls, _) in names.items() if cls.__module__.startswith("hmtl."))


def test_the_environment_variables_are_explained():
    page = (DOCS / "configurations" / "index.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(HMTL_\w+)` \|", page, re.MULTILINE) == list(VARIABLES)


def test_the_extras_are_explained():
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    extras = re.search(r"^EXTRAS = {\n(.*?)^}", setup, re.MULTILINE | re.DOTALL)
    page = (DOCS / "install.md").read_text(encoding="utf-8").partition("## Extras")[2]
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == set(
        re.findall(r'^    "(\w+)":', extras[1], re.MULTILINE)
    )


def test_the_map_names_configurations_that_there_are():
    page = (DOCS / "field_map.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(?:configs/)?(\w+\.jsonnet)`|`configs/(setups[\w/]*)`", page))
    assert len(named) > 12
    assert [name for name in sorted(map("".join, named)) if not (ROOT / "configs" / name).exists()] == []
    # Each system of the table has a section.
    systems = re.findall(r"^\| \[[^\]]+\]\(#([^)]+)\)", page, re.MULTILINE)
    titles = re.findall(r"^## (.+)$", page, re.MULTILINE)
    assert systems == [title.lower().replace(",", "").replace(" ", "-") for title in titles]


def test_the_keys_of_a_configuration_are_explained(monkeypatch):
    from allennlp.common import Params

    monkeypatch.chdir(ROOT)
    config = Params.from_file("configs/quickstart.jsonnet").as_dict(quiet=True)
    page = (DOCS / "configurations" / "index.md").read_text(encoding="utf-8")
    assert set(config) <= set(re.findall(r"`(\w+)`", page))

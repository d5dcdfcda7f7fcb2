"""The wheel and the source distribution: what they hold, and that an installed hmtl works away from its checkout."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import Dict, Iterator, List, Set

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Of the checkout, what no distribution holds: wherever it lies, and at the top alone.
LEFT_OUT = shutil.ignore_patterns("*.egg-info", "__pycache__", "*.pyc", ".*_cache", "_build", "api")
LEFT_OUT_AT_THE_TOP = shutil.ignore_patterns(".git", ".venv", "runs", "build", "dist")
SHIPPED = ("configs", "data/sample", "data/pairs", "data/README.md", "scripts", ".allennlp_plugins")

pytestmark = pytest.mark.slow


def files_below(folder: Path, *parts: str) -> Set[str]:
    """The files of some parts of a folder, by their paths in it, compiled ones left out."""
    return {
        path.relative_to(folder).as_posix()
        for part in parts
        for path in ([folder / part] if (folder / part).is_file() else (folder / part).rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
    }


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """A copy, since a build writes into the folder that it builds from."""
    folder = tmp_path_factory.mktemp("checkout") / "hmtl"

    def left_out(directory: str, names: List[str]) -> Set[str]:
        at_the_top = LEFT_OUT_AT_THE_TOP(directory, names) if Path(directory) == ROOT else set()
        return LEFT_OUT(directory, names) | at_the_top

    shutil.copytree(ROOT, folder, ignore=left_out, symlinks=True)
    return folder


@pytest.fixture(scope="module")
def distributions(checkout, tmp_path_factory) -> Path:
    """The folder of a source distribution, and of the wheel that is built from it."""
    pytest.importorskip("build", reason="needs the package build")
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(checkout)]
    done = subprocess.run(build, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def installed(distributions, tmp_path_factory) -> Path:
    """The folder that the wheel is installed into, without its dependencies."""
    folder = tmp_path_factory.mktemp("installed")
    (wheel,) = distributions.glob("*.whl")
    options = ["--quiet", "--no-deps", "--no-index", "--disable-pip-version-check", "--target", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(wheel)], check=True)
    return folder


@pytest.fixture
def elsewhere(installed, tmp_path, monkeypatch) -> Iterator[Dict[str, str]]:
    """An empty working directory, and the environment in which the installed package comes first."""
    monkeypatch.chdir(tmp_path)
    yield {**os.environ, "PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"}


def run(command: List[str], environment: Dict[str, str]) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_holds_the_package_and_what_it_ships(distributions, checkout):
    (wheel,) = distributions.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        shipped = {f"hmtl/shipped/{path}": checkout / path for path in files_below(checkout, *SHIPPED)}
        # The repaired AllenNLP, and the one module that spaCy imports; see there.
        carried = files_below(checkout / "carried", "allennlp")
        assert {"allennlp/LICENSE", "allennlp/NOTICE", "allennlp/commands/train.py"} <= carried
        # Nor the model in the box, which is larger than all the rest.
        assert not any(name.startswith(("research/", "models/")) for name in names)
        # Those of the checkout itself: a folder that the copy lacked would be missed by nobody.
        assert names == files_below(ROOT, "hmtl", "hmtl_spacy.py") | carried | set(shipped)
        assert all(archive.read(name) == original.read_bytes() for name, original in shipped.items())


def test_the_source_distribution_holds_what_a_checkout_holds(distributions, checkout):
    (sdist,) = distributions.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive.getmembers() if not member.isdir()}
    folders = (
        "hmtl",
        "carried/allennlp",
        "configs",
        "data/sample",
        "data/pairs",
        "scripts",
        "benchmarks",
        "docs",
        "notebooks",
    )
    folders += ("research", "tests", ".ci", "deploy")
    files = (
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "Makefile",
        "pyproject.toml",
        "carried/carry.py",
        "carried/made_from.txt",
        "constraints.txt",
        "CITATION.cff",
        "Dockerfile",
        ".dockerignore",
        "compose.yaml",
    )
    assert names >= files_below(checkout, *folders, *files)
    assert not any(name.endswith(".whl") for name in names)


def test_an_installed_hmtl_trains_the_quickstart_away_from_the_checkout(installed, elsewhere):
    hmtl = str(installed / "bin" / "hmtl")
    where = run([sys.executable, "-c", "import hmtl; print(hmtl.__file__)"], elsewhere)
    assert Path(where.strip()) == installed / "hmtl" / "__init__.py"
    assert "configs" in run([hmtl, "--help"], elsewhere)

    run([hmtl, "configs", "."], elsewhere)
    few = {f"dataset_reader.readers.{task}.max_instances": 8 for task in ("ner", "emd", "relation", "coref")}
    # So few sentences do not show every label.
    lenient = {f"dataset_reader.readers.{task}.allow_unknown_labels": True for task in ("ner", "emd", "relation")}
    overrides = json.dumps({"trainer.num_epochs": 1, **few, **lenient})
    run([hmtl, "train", "configs/quickstart.jsonnet", "-s", "runs/quickstart", "-o", overrides], elsewhere)
    text = "Ada Lovelace lived in London."
    output = json.loads(run([sys.executable, "scripts/predict.py", "runs/quickstart", text, "--json"], elsewhere))
    assert output["text"] == text
    assert set(output) >= {"ner", "emd", "relation", "coref"}


@pytest.fixture(scope="module")
def fresh(distributions, tmp_path_factory) -> Path:
    """The programs of a new environment that holds the wheel, with the torch of this one and what pip adds to them."""
    folder = tmp_path_factory.mktemp("fresh") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    (wheel,) = distributions.glob("*.whl")
    wanted = [f"torch=={version('torch').partition('+')[0]}", str(wheel)]
    constraints = ["--constraint", str(ROOT / "constraints.txt")]
    done = subprocess.run([*pip, "install", "-qq", *constraints, *wanted], capture_output=True, text=True)
    if "No matching distribution found for torch" in done.stderr:
        pytest.skip("needs a package index")
    assert done.returncode == 0, done.stderr
    return folder / "bin"


@pytest.mark.timeout(1800)
def test_the_wheel_alone_makes_a_clean_environment_that_trains(fresh, tmp_path):
    environment = {**{key: value for key, value in os.environ.items() if key != "PYTHONPATH"}, "OMP_NUM_THREADS": "1"}
    assert run([str(fresh / "python"), "-m", "pip", "check"], environment) == "No broken requirements found.\n"
    tiny = str(ROOT / "tests" / "fixtures" / "tiny.jsonnet")
    commands = {
        "hmtl": [str(fresh / "hmtl"), "train", tiny],
        "included": [str(fresh / "allennlp"), "train", tiny, "--include-package", "hmtl"],
        "plugin": [str(fresh / "allennlp"), "train", tiny],
    }
    losses = []
    for name, command in commands.items():
        if name == "plugin":  # which the copied folder names
            subprocess.run([str(fresh / "hmtl"), "configs", str(tmp_path / name)], check=True, capture_output=True)
        else:
            (tmp_path / name).mkdir()
        subprocess.run([*command, "-s", "run"], cwd=tmp_path / name, env=environment, check=True, capture_output=True)
        metrics = json.loads((tmp_path / name / "run" / "metrics.json").read_text())
        losses.append({key: value for key, value in metrics.items() if key.endswith("_loss")})
    assert losses[0] and losses[0] == losses[1] == losses[2]

    program = [str(fresh / "hmtl"), "predict", str(tmp_path / "hmtl" / "run")]
    predict = {"capture_output": True, "text": True, "env": environment, "cwd": tmp_path}
    tokens = tmp_path / "tokens.jsonl"
    tokens.write_text('{"sentences": [["Ada", "lived", "in", "London", "."]]}\n')
    raw = tmp_path / "raw.jsonl"
    raw.write_text('{"text": "Ada lived in London."}\n')
    done = subprocess.run([*program, str(tokens)], **predict)
    assert done.returncode == 0, done.stderr
    done = subprocess.run([*program, str(raw)], **predict)
    assert done.returncode != 0 and "pip install 'hmtl[text]'" in done.stderr


@pytest.mark.timeout(1800)
def test_a_model_that_pip_installs_beside_the_wheel_is_found_by_its_name(fresh, tmp_path):
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "HMTL_TRANSFORMER")}
    environment["OMP_NUM_THREADS"] = "1"
    hmtl, tiny = str(fresh / "hmtl"), str(ROOT / "tests" / "fixtures" / "tiny.jsonnet")
    subprocess.run([hmtl, "train", tiny, "-s", str(tmp_path / "run")], env=environment, check=True, capture_output=True)
    package = ["package", str(tmp_path / "run"), "--name", "xx_fresh", "--output", str(tmp_path / "packages")]
    assert "xx_fresh-0.1.0-py3-none-any.whl: " in run([hmtl, *package], environment)
    (wheel,) = (tmp_path / "packages").glob("*.whl")
    install = ["-m", "pip", "install", "--quiet", "--no-index", "--disable-pip-version-check", str(wheel)]
    run([str(fresh / "python"), *install], environment)
    assert run([str(fresh / "python"), "-m", "pip", "check"], environment) == "No broken requirements found.\n"
    tokens = tmp_path / "tokens.jsonl"
    tokens.write_text('{"sentences": [["Ada", "lived", "in", "London", "."]]}\n')
    predicted = [
        run([hmtl, "predict", model, str(tokens), "--json", "--scores"], environment)
        for model in ("xx_fresh", str(tmp_path / "run"))
    ]
    assert predicted[0] == predicted[1] and json.loads(predicted[0])["sentences"]

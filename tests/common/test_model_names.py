"""What a model may be called by, and what is said where there is none."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_hub import SHA, small_hub

import hmtl.common.model_names as model_names
from hmtl.common.model_names import find_model, package_name
from hmtl.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


def write_model(folder: Path) -> Path:
    """What there has to be of a package to be found."""
    folder.mkdir(parents=True)
    (folder / "package.json").write_text(json.dumps({"name": folder.name}))
    (folder / "weights.safetensors").write_bytes(b"")
    return folder


def install(site: Path, name: str) -> Path:
    """A package as pip installs it, whose code fails where it is imported."""
    folder = write_model(site / name)
    (folder / "__init__.py").write_text("raise AssertionError('imported')")
    about = site / f"{name}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[hmtl_models]\n{name} = {name}\n")
    return folder


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory, packages that are installed, and the models of a checkout."""
    monkeypatch.setattr(model_names, "shipped_folder", lambda: tmp_path / "checkout")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    install(tmp_path / "site", "xx_installed")
    install(tmp_path / "site", "xx_both")
    write_model(tmp_path / "checkout" / "models" / "xx_kept")
    write_model(tmp_path / "checkout" / "models" / "xx_both")
    # One that is still to be made.
    (tmp_path / "checkout" / "models" / "xx_card").mkdir()
    (tmp_path / "here" / "runs" / "first").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


def test_a_path_comes_first_then_what_is_installed_then_the_checkout(places: Path) -> None:
    assert find_model("runs/first") == Path("runs/first")
    assert find_model(Path("xx_installed")) == places / "site" / "xx_installed"
    assert find_model("xx_kept") == places / "checkout" / "models" / "xx_kept"
    assert find_model("xx_both") == places / "site" / "xx_both"
    Path("xx_both").mkdir()
    assert find_model("xx_both") == Path("xx_both")


@pytest.mark.parametrize(
    "name, message",
    [
        ("xx_instaled", "; expected .*, or the name of a model; installed: .*xx_kept.*; did you mean 'xx_installed'?"),
        ("xx_card", "; expected .*, or the name of a model; installed: "),
        ("runs/frist", "; expected a model.tar.gz or the directory of a run; did you mean 'runs/first'?"),
        ("gone/model.tar.gz", ".*of a run, or a model of the Hugging Face hub "),
        ("./runs/none", "; expected a model.tar.gz or the directory of a run$"),
        ("A text. It is none.", "; expected a model.tar.gz or the directory of a run$"),
    ],
)
def test_an_unknown_name_says_what_was_looked_for(
    name: str, message: str, places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match=f"^{name}: no such archive{message}"):
        find_model(name)


def test_a_package_that_lost_its_folder(places: Path) -> None:
    for path in (places / "site" / "xx_installed").iterdir():
        path.unlink()
    (places / "site" / "xx_installed").rmdir()
    with pytest.raises(UserError, match="xx_installed: .*install it again"):
        find_model("xx_installed")


def test_the_name_of_a_package_is_the_one_that_it_says(tmp_path: Path) -> None:
    assert package_name(write_model(tmp_path / "xx_mine")) == "xx_mine"
    assert package_name(tmp_path) is None
    (tmp_path / "package.json").write_text("[]")
    with pytest.raises(UserError, match='package.json: expected {"name": '):
        package_name(tmp_path)


# Neither needs torch. `sys.argv` has the folder of a package.
ON_THE_HUB = """
import sys
from pathlib import Path
from hmtl.common.model_names import find_model
from hmtl.packaging.hub import push
print(push(Path(sys.argv[1]), "me/tiny"))
print(find_model("me/tiny"))
try:
    find_model("me/none")
except Exception as error:
    print(error)
assert "torch" not in sys.modules
"""


def on_the_hub(folder: Path, home: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    paths = os.pathsep.join([str(ROOT), *sys.path])
    return subprocess.run(
        [sys.executable, "-c", ON_THE_HUB, str(folder)],
        env={**os.environ, "PYTHONPATH": paths, "HF_HOME": str(home), **environment},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_a_model_goes_to_the_hub_and_comes_back(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "xx_tiny")
    (folder / "README.md").write_text("---\nlanguage: en\n---\n# A card\n")
    (folder / "encoder").mkdir()
    (folder / "encoder" / "config.json").write_text("{}")
    (folder / "__init__.py").write_text("raise AssertionError")
    with small_hub() as hub:
        done = on_the_hub(folder, tmp_path, HF_ENDPOINT=hub.url, HF_TOKEN=hub.token)
        assert done.returncode == 0, done.stderr
        address, found, error = done.stdout.splitlines()
        refused = on_the_hub(folder, tmp_path, HF_ENDPOINT=hub.url, HF_TOKEN="hf_other")
    assert address == f"{hub.url}/me/tiny" and Path(found).name == SHA
    assert hub.cards == ["---\nlanguage: en\n---\n# A card\n"] and "__init__.py" in hub.models["me/tiny"]
    # Code is not fetched.
    files = {path.relative_to(found).as_posix() for path in Path(found).rglob("*") if path.is_file()}
    assert files == {"README.md", "encoder/config.json", "package.json", "weights.safetensors"}
    assert error.startswith("me/none: no such archive") and "404" in error
    assert refused.returncode == 1 and "UserError: --push me/tiny: " in refused.stderr

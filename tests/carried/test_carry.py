"""How the repaired AllenNLP is made: from the released wheel alone, by repairs that all fit."""

import importlib.util
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "carried"


@pytest.fixture
def carry(tmp_path, monkeypatch) -> ModuleType:
    """The module, for which the folder is another, that holds a small wheel and a repair of it."""
    spec = importlib.util.spec_from_file_location("carry", FOLDER / "carry.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setattr(sys, "path", list(sys.path))
    spec.loader.exec_module(module)
    repairs = sys.modules["repairs"]
    for name in ("carry.py", "repairs.py", "optional.py", "NOTICE"):
        (tmp_path / name).write_bytes((FOLDER / name).read_bytes())
    with zipfile.ZipFile(tmp_path / module.WHEEL, "w") as wheel:
        wheel.writestr("allennlp/__init__.py", "one = 1\ntwo = 2\n")
        wheel.writestr("allennlp/common/__init__.py", "")
        wheel.writestr("allennlp/vision/images.py", "import torchvision\n")
        wheel.writestr(module.LICENSE, "the licence\n")
    change = repairs.Repair("__init__.py", "one is wrong", (("one = 1\n", "one = 11\n"),))
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    monkeypatch.setattr(module, "CARRIED", tmp_path / "allennlp")
    monkeypatch.setattr(module, "STAMP", tmp_path / "made_from.txt")
    monkeypatch.setattr(module, "REPAIRS", (change,))
    monkeypatch.setattr(module, "LEFT_OUT", {"vision": "images"})
    monkeypatch.setattr(module, "SHA256", module.hashlib.sha256((tmp_path / module.WHEEL).read_bytes()).hexdigest())
    return module


def test_the_wheel_is_repaired_and_the_changes_are_stated(carry) -> None:
    folder = carry.carry()
    assert (folder / "__init__.py").read_text() == "# Changed by hmtl: see allennlp/NOTICE.\none = 11\ntwo = 2\n"
    assert (folder / "common" / "optional.py").read_text() == (FOLDER / "optional.py").read_text()
    assert (folder / "LICENSE").read_text() == "the licence\n"
    notice = (folder / "NOTICE").read_text()
    assert "allennlp/__init__.py: one is wrong.\n" in notice and "allennlp/vision: images.\n" in notice
    assert not (folder / "vision").exists()


def test_it_is_made_once_and_anew_when_a_repair_changes(carry, tmp_path) -> None:
    folder = carry.carry()
    (folder / "mark").touch()
    (tmp_path / carry.WHEEL).unlink()
    assert (carry.carry() / "mark").exists()  # without the wheel, as in a source distribution

    (tmp_path / "NOTICE").write_text("other\n")
    with pytest.raises(carry.CarryError):
        offline(carry)
    assert (folder / "mark").exists()


def offline(carry: ModuleType) -> None:
    carry.RELEASE = "hmtl-no-such-release==0"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_CONFIG_FILE", "/dev/null")
        carry.carry()


def test_without_a_network_one_line_says_what_to_do(carry, tmp_path) -> None:
    (tmp_path / carry.WHEEL).unlink()
    with pytest.raises(carry.CarryError, match=rf"^hmtl-no-such-release==0 cannot be fetched .* {carry.WHEEL} into"):
        offline(carry)
    assert not (tmp_path / "allennlp").exists()


def test_another_wheel_is_refused(carry, tmp_path) -> None:
    with zipfile.ZipFile(tmp_path / carry.WHEEL, "a") as wheel:
        wheel.writestr("allennlp/more.py", "")
    with pytest.raises(carry.CarryError, match="SHA-256"):
        carry.carry()


@pytest.mark.parametrize("old,count", [("three", 0), (" = ", 2)])
def test_a_repair_that_does_not_fit_once_is_a_failure(carry, monkeypatch, old, count) -> None:
    monkeypatch.setattr(carry, "REPAIRS", (sys.modules["repairs"].Repair("__init__.py", "no reason", ((old, "new"),)),))
    with pytest.raises(carry.CarryError, match=rf"__init__\.py: expected .* once, found it {count} times: '{old}'"):
        carry.carry()
    assert not carry.CARRIED.exists()


def test_functions_are_dropped_with_their_decorators(carry) -> None:
    text = "import a\n\n\n@a.decorator\n@other(\n    1\n)\ndef gone(x):\n    return x\n\n\ndef stays():\n    pass\n"
    assert carry.without_function("m.py", text, "gone") == "import a\n\n\n\n\ndef stays():\n    pass\n"
    with pytest.raises(carry.CarryError, match=r"^m\.py: has no function stay to leave out"):
        carry.without_function("m.py", text, "stay")


def test_what_is_left_out_has_to_be_there(carry, monkeypatch) -> None:
    monkeypatch.setattr(carry, "LEFT_OUT", {"vision": "images", "sound": "noise"})
    with pytest.raises(carry.CarryError, match="has no sound to leave out"):
        carry.carry()

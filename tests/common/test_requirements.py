"""One line says what to do where hmtl's AllenNLP is missing or another is installed over it, or an extra is missing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hmtl.common import explain, requirements

ROOT = Path(__file__).resolve().parents[2]


def install(folder: Path, name: str, version: str, top_level: str) -> None:
    """What pip leaves of a distribution."""
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "top_level.txt").write_text(top_level)


def test_another_allennlp_over_the_carried_one_is_named(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    install(tmp_path, "hmtl", "9", "allennlp\nhmtl\nhmtl_spacy\n")
    install(tmp_path, "allennlp", "2.10.1", "allennlp\n")
    message = "the distribution allennlp 2.10.1 is installed over the repaired AllenNLP that hmtl carries"
    with pytest.raises(ImportError, match=f"^{message}: pip uninstall allennlp"):
        requirements.check()
    for called in ("/somewhere/bin/hmtl", "-m"):  # and `python -m hmtl`, as Python has it until the package is imported
        monkeypatch.setattr(sys, "argv", [called, "train"])
        with pytest.raises(SystemExit) as end:
            requirements.check()
        assert end.value.code == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"hmtl: error: {message}")


def test_an_hmtl_that_carries_none_goes_with_another(tmp_path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    install(tmp_path, "hmtl", "9", "hmtl\nhmtl_spacy\n")
    install(tmp_path, "allennlp", "2.10.1", "allennlp\n")
    assert requirements.fault() is None


def test_another_allennlp_before_the_carried_one_is_named(tmp_path) -> None:
    # As a checkout of AllenNLP on PYTHONPATH, of which there is no distribution.
    (tmp_path / "allennlp").mkdir()
    (tmp_path / "allennlp" / "__init__.py").write_text("raise SystemExit('imported')\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    done = subprocess.run([sys.executable, "-c", "import hmtl"], env=environment, capture_output=True, text=True)
    last = done.stderr.splitlines()[-1]
    assert last == f"ImportError: {tmp_path / 'allennlp'} is imported in place of the repaired AllenNLP that hmtl " + (
        "carries: remove it"
    )


def test_what_a_removed_allennlp_leaves_is_not_taken_for_one(tmp_path) -> None:
    (tmp_path / "allennlp" / "common").mkdir(parents=True)
    (tmp_path / "allennlp" / "common" / "optional.py").touch()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    # -S: no site-packages.
    done = subprocess.run([sys.executable, "-S", "-c", "import hmtl"], env=environment, capture_output=True, text=True)
    assert done.stderr.splitlines()[-1].startswith("ImportError: hmtl's AllenNLP is missing: install hmtl again")


def test_a_checkout_that_was_not_installed_says_so() -> None:
    # -S: no site-packages, so that only hmtl is found.
    done = subprocess.run([sys.executable, "-S", "-c", "import hmtl"], cwd=ROOT, capture_output=True, text=True)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: hmtl's AllenNLP is missing") and "pip install -e ." in last


@pytest.mark.parametrize(
    "module,advice", [("sklearn.linear_model", "hmtl[analysis]"), ("lmdb", "hmtl[cache]"), ("os.nowhere", None)]
)
def test_a_missing_extra_is_named(module, advice) -> None:
    message = explain.explain(ModuleNotFoundError(f"No module named '{module}'", name=module))
    assert (message is None) if advice is None else message.endswith(f"pip install '{advice}'")

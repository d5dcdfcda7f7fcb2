"""Packages of the user's: named once, in training, and remembered by the run."""

import importlib.util
import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from allennlp.common import Registrable

from hmtl.cli import main
from hmtl.common.packages import packages_of_run
from hmtl.models import HMTL

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = """
    from allennlp.models.heads import Head
    from hmtl.tasks.spans.crf import CrfHead

    @Head.register("head_of_the_package")
    class HeadOfThePackage(CrfHead):
        pass
    """


def forget_package() -> None:
    """As in a fresh process: the package is neither imported nor registered."""
    sys.modules.pop("package_of_a_run", None)
    for registry in Registrable._registry.values():
        registry.pop("head_of_the_package", None)


@pytest.fixture
def package(tmp_path, monkeypatch):
    (tmp_path / "package_of_a_run.py").write_text(textwrap.dedent(PACKAGE))
    monkeypatch.syspath_prepend(str(tmp_path))
    forget_package()
    yield
    forget_package()


@pytest.fixture
def run(package, fixtures, tmp_path):
    head = ["-o", "model.levels.ner.head.type=head_of_the_package"]
    # The other type replaces the whole head; the sizes are those of the class.
    options = [*head, "-o", "trainer.num_epochs=1", "--include-package", "package_of_a_run"]
    main(["train", str(fixtures / "tiny.jsonnet"), "-s", str(tmp_path / "run"), *options])
    forget_package()
    return tmp_path / "run"


def test_a_run_is_loaded_with_the_packages_that_it_was_trained_with(run, fixtures, tmp_path, capsys):
    assert packages_of_run(run) == packages_of_run(run / "model.tar.gz") == ["package_of_a_run"]
    text = tmp_path / "text.txt"
    text.write_text("Ada Lovelace lived in London.")
    data = json.dumps({"ner": str(fixtures / "jsonl" / "test.jsonl")})
    (tmp_path / "texts.jsonl").write_text('{"text": "Ada slept."}\n')
    script = importlib.util.spec_from_file_location("predict_script", ROOT / "scripts" / "predict.py")
    predict = importlib.util.module_from_spec(script)
    script.loader.exec_module(predict)
    actions = {
        "annotate": lambda: main(["annotate", str(run), str(text)]),
        "evaluate": lambda: main(["evaluate", str(run), data]),
        "predict": lambda: main(["predict", str(run / "model.tar.gz"), str(tmp_path / "texts.jsonl")]),
        "predict.py": lambda: predict.main([str(run), "Ada slept."]),
        "from_archive": lambda: HMTL.from_archive(run),
        "recover": lambda: main(
            ["train", str(fixtures / "tiny.jsonnet"), "-s", str(run), "--recover"]
            + ["-o", "model.levels.ner.head.type=head_of_the_package", "-o", "trainer.num_epochs=2"]
        ),
    }
    for action in actions.values():
        forget_package()
        action()
    assert packages_of_run(run) == ["package_of_a_run"]


def test_an_archive_from_elsewhere_imports_nothing_that_is_not_named(run, tmp_path, capsys):
    shutil.copy(run / "model.tar.gz", tmp_path / "downloaded.tar.gz")
    text = tmp_path / "text.txt"
    text.write_text("Ada slept.")
    with pytest.raises(SystemExit):
        main(["annotate", str(tmp_path / "downloaded.tar.gz"), str(text)])
    assert "no class is registered as 'head_of_the_package'" in capsys.readouterr().err
    assert "package_of_a_run" not in sys.modules
    # Whoever trusts it names it, to the script, too.
    command = [sys.executable, str(ROOT / "scripts" / "predict.py"), str(tmp_path / "downloaded.tar.gz"), "Ada slept."]
    done = subprocess.run(
        [*command, "--include-package", "package_of_a_run"],
        env={"PYTHONPATH": f"{ROOT}:{tmp_path}", "OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_a_package_that_is_gone_is_one_line(run, tmp_path, monkeypatch, capsys):
    (tmp_path / "package_of_a_run.py").unlink()
    shutil.rmtree(tmp_path / "__pycache__", ignore_errors=True)
    with pytest.raises(SystemExit):
        main(["annotate", str(run), "-"])
    error = capsys.readouterr().err
    assert error.startswith(
        f"hmtl: error: {run}: was trained with --include-package package_of_a_run: there is no module"
    )


@pytest.mark.parametrize("content", [None, "{}", "[]", "{", '{"packages": 3}', '{"packages": [3]}'])
def test_a_run_that_tells_nothing_names_no_package(content, tmp_path):
    if content is not None:
        (tmp_path / "command.json").write_text(content)
    assert packages_of_run(tmp_path) == []

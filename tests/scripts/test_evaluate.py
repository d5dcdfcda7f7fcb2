import json
import runpy
import shutil
from pathlib import Path
from typing import Any, Callable, List

import pytest
import torch
from allennlp.common import Params
from allennlp.data import Vocabulary
from allennlp.models import Model
from allennlp.models.archival import archive_model

from hmtl.errors import UserError
from hmtl.models.hmtl import HMTL

ROOT = Path(__file__).resolve().parents[2]
main: Callable[[List[str]], None] = runpy.run_path(str(ROOT / "scripts" / "evaluate.py"))["main"]


@pytest.fixture
def run(tiny_run: Path, tmp_path: Path) -> Path:
    """A copy of the tiny run, to write to."""
    shutil.copytree(tiny_run, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def other_run(tmp_path: Path) -> Path:
    """A directory as a run of AllenNLP's `simple_tagger` leaves it, with `model.tar.gz`."""
    directory = tmp_path / "other"
    vocab = Vocabulary(tokens_to_add={"tokens": ["the"], "labels": ["DET"]})
    embedder = {"token_embedders": {"tokens": {"type": "embedding", "embedding_dim": 2}}}
    encoder = {"type": "lstm", "input_size": 2, "hidden_size": 2}
    config = {
        "dataset_reader": {"type": "sequence_tagging"},
        "model": {"type": "simple_tagger", "text_field_embedder": embedder, "encoder": encoder},
        "test_data_path": "tags.tsv",
        "data_loader": {"batch_size": 2},
    }
    vocab.save_to_files(str(directory / "vocabulary"))
    (directory / "config.json").write_text(json.dumps(config))
    torch.save(Model.from_params(Params(config["model"]), vocab=vocab).state_dict(), directory / "best.th")
    archive_model(str(directory), weights="best.th")
    return directory


def change_config(run: Path, **changes: Any) -> None:
    config = json.loads((run / "config.json").read_text())
    config.update(changes)
    (run / "config.json").write_text(json.dumps({key: value for key, value in config.items() if value is not None}))


def error_of(capsys: pytest.CaptureFixture, *arguments: str) -> str:
    """The last line on stderr of a command that ends with exit code 2."""
    with pytest.raises(SystemExit) as stopped:
        main([*arguments, "--device", "cpu"])
    assert stopped.value.code == 2
    out, err = capsys.readouterr()
    assert out == "" and "Traceback" not in err
    last = err.splitlines()[-1]
    assert last.startswith("evaluate.py: error: ")
    return last


def test_the_table_goes_to_stdout_and_no_bar_to_what_is_no_terminal(run, capsys):
    main(["-s", str(run), "--device", "cpu"])
    out, err = capsys.readouterr()
    assert out.startswith(f"{run}: test F1 x 100\n")
    assert [line.split()[0] for line in out.splitlines()[3:10]] == [
        "best_ner", "best_emd", "best_coref", "best_relation", "best", "baseline", "seconds"
    ]  # fmt: skip
    assert out.splitlines()[-1] == f"all metrics: {run / 'evaluation.json'}"
    assert err == "" and "%|" not in out
    assert set(json.loads((run / "evaluation.json").read_text())["scores"]["best"]) == {
        "ner", "emd", "coref", "relation"
    }  # fmt: skip


def test_options(run, capsys, tmp_path):
    main(["-s", str(run), "--gold-mentions", "--no-baselines", "--weights", "best.safetensors", "--batch-size", "1"])
    out = capsys.readouterr().out
    assert out.startswith(f"{run}: test F1 x 100, gold mentions given to coref\n")
    assert "baseline" not in out and "best_ner" not in out
    assert json.loads((run / "evaluation_gold_mentions.json").read_text())["gold_mentions"] == ["coref"]
    assert not (run / "evaluation.json").exists()

    target = tmp_path / "mine.json"
    main(["-s", str(run), "--split", "validation", "--output", str(target), "--weights", "best.safetensors"])
    assert "validation F1 x 100" in capsys.readouterr().out
    assert json.loads(target.read_text())["data_path"]["ner"].endswith("dev.jsonl")

    main(["-s", str(run), "--split", "validation", "--weights", "best.safetensors"])
    assert (run / "evaluation_validation.json").exists()


def test_a_directory_that_is_no_run(tmp_path, capsys):
    assert "no: no such archive; expected a model.tar.gz or the directory of a run" in error_of(
        capsys, "-s", str(tmp_path / "no")
    )
    (tmp_path / "empty").mkdir()
    assert "no config.json" in error_of(capsys, "-s", str(tmp_path / "empty"))
    (tmp_path / "file").touch()
    assert "found a file" in error_of(capsys, "-s", str(tmp_path / "file"))


def test_an_unfinished_training(run, capsys):
    for path in run.glob("best*.safetensors"):
        path.unlink()
    assert "no best weights (best_*.safetensors, best.safetensors)" in error_of(capsys, "-s", str(run))


def test_no_test_data(run, capsys):
    change_config(run, test_data_path=None)
    assert "no 'test_data_path'" in error_of(capsys, "-s", str(run))


def test_test_data_that_are_gone(run, capsys):
    change_config(run, test_data_path="gone.jsonl")
    assert "gone.jsonl: no such file" in error_of(capsys, "-s", str(run))


def test_another_model(other_run, capsys):
    assert "holds a SimpleTagger, not an hmtl model" in error_of(capsys, "-s", str(other_run))
    assert "expected the serialization directory" in error_of(capsys, "-s", str(other_run / "model.tar.gz"))
    for path in (other_run, other_run / "model.tar.gz"):
        with pytest.raises(UserError, match="holds a SimpleTagger, not an hmtl model"):
            HMTL.from_archive(path)


def test_a_configuration_that_is_no_json(run, capsys):
    (run / "config.json").write_text("{")
    error_of(capsys, "-s", str(run))


@pytest.mark.parametrize(
    "arguments, message",
    [
        (
            ["--weights", "best_nre.safetensors"],
            "no such weights file; the directory has: best.safetensors, best_coref.s",
        ),
        (["--output", "no/such/folder/x.json"], "there is no directory"),
        (["--batch-size", "0"], "argument --batch-size: expected a number from 1, got 0"),
        (["--include-package", "no_such_package"], "no_such_package"),
    ],
)
def test_arguments_that_cannot_be(run, capsys, arguments, message):
    assert message in error_of(capsys, "-s", str(run), *arguments)


@pytest.mark.parametrize("device", ["gpu", "meta", "cuda:99", "99"])
def test_devices_that_are_not_there(run, capsys, device):
    with pytest.raises(SystemExit) as stopped:
        main(["-s", str(run), f"--device={device}"])
    assert stopped.value.code == 2
    assert f"--device {device}: " in capsys.readouterr().err


def test_help_shows_examples(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    assert "hmtl evaluate runs/quickstart" in capsys.readouterr().out


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_gpu_and_cpu_agree(run, tmp_path):
    scores = {}
    for device in ("cuda", "cpu"):
        main(["-s", str(run), "--device", device, "--output", str(tmp_path / device), "--no-baselines"])
        scores[device] = json.loads((tmp_path / device).read_text())["scores"]
    for name, by_task in scores["cpu"].items():
        for task, cell in by_task.items():
            assert scores["cuda"][name][task]["metrics"]["loss"] == pytest.approx(cell["metrics"]["loss"], rel=1e-3)

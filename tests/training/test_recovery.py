import json
import shutil
from pathlib import Path
from typing import Dict, List

import pytest
import torch
from allennlp.common import Params
from allennlp.data import Vocabulary

from hmtl.cli import main
from hmtl.common.files import write_json
from hmtl.common.weights import load_weights
from hmtl.errors import UserError
from hmtl.training.recovery import RunVocabulary, check_recoverable, read_back_vocabulary


def vocabulary_files(run: Path) -> Dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (run / "vocabulary").glob("*.txt")}


def test_a_recovered_run_reads_its_vocabulary_back(fixtures: Path, tmp_path: Path) -> None:
    shutil.copytree(fixtures / "jsonl", tmp_path / "jsonl")
    train, run = tmp_path / "jsonl" / "train.jsonl", tmp_path / "run"
    overrides = {"trainer.num_epochs": 1, **{f"train_data_path.{task}": str(train) for task in ("ner", "emd")}}
    arguments = ["train", str(fixtures / "tiny.jsonnet"), "-s", str(run), "-o", json.dumps(overrides)]
    main(arguments)
    files, config = vocabulary_files(run), (run / "config.json").read_text()
    weights = load_weights(run / "best.safetensors")

    # A vocabulary built anew would have another word, and embeddings of another size.
    layers = {"ner": [[[0, 0, "PERSON"]]], "emd": [[[0, 0, "PER"]]], "relations": [[]], "clusters": []}
    document = {"doc_key": "new", "sentences": [["Zaphod", "slept", "."]], **layers}
    train.write_text(train.read_text() + json.dumps(document) + "\n")
    main([*arguments, "--recover"])

    assert vocabulary_files(run) == files
    assert (run / "config.json").read_text() == config
    assert all(torch.equal(tensor, weights[name]) for name, tensor in load_weights(run / "best.safetensors").items())


def test_without_a_checkpoint_the_vocabulary_is_built(tmp_path: Path) -> None:
    (tmp_path / "vocabulary").mkdir()
    params = Params({"vocabulary": {"min_count": {"tokens": 2}}})
    read_back_vocabulary(params, tmp_path)
    assert params.as_dict() == {"vocabulary": {"min_count": {"tokens": 2}}}


def test_a_vocabulary_that_is_read_back_is_the_same_and_is_not_written(tmp_path: Path) -> None:
    built = Vocabulary(
        tokens_to_add={"tokens": ["the", "@@"], "ner_labels": ["O", "B-PER"]}, padding_token="<p>", oov_token="<u>"
    )
    built.save_to_files(str(tmp_path / "vocabulary"))
    (tmp_path / "checkpoint_e1_b0.json").write_text("{}")
    params = Params({"vocabulary": {"padding_token": "<p>", "oov_token": "<u>", "min_count": {"tokens": 2}}})
    read_back_vocabulary(params, tmp_path)

    read = Vocabulary.from_params(params["vocabulary"], instances=[])

    assert isinstance(read, RunVocabulary)
    for namespace in ("tokens", "ner_labels"):
        assert read.get_index_to_token_vocabulary(namespace) == built.get_index_to_token_vocabulary(namespace)
    files = vocabulary_files(tmp_path)
    read.add_token_to_namespace("new")
    read.save_to_files(str(tmp_path / "vocabulary"))
    assert vocabulary_files(tmp_path) == files


@pytest.fixture(scope="module")
def finished(fixtures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one epoch. Copied, not changed."""
    run = tmp_path_factory.mktemp("finished") / "run"
    main(["train", str(fixtures / "tiny.jsonnet"), "-s", str(run), "-o", "trainer.num_epochs=1"])
    return run


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished, tmp_path / "run")
    return tmp_path / "run"


def recover(fixtures: Path, run: Path, *overrides: str) -> None:
    options = [option for override in overrides for option in ("-o", override)]
    main(["train", str(fixtures / "tiny.jsonnet"), "-s", str(run), "--recover", *options])


def test_a_finished_run_goes_on_as_if_it_had_been_given_more_epochs_from_the_start(
    run: Path, fixtures: Path, tiny_run: Path
) -> None:
    recover(fixtures, run, "trainer.num_epochs=2")  # as many as the configuration has, which `tiny_run` was given
    assert json.loads((run / "config.json").read_text()) == json.loads((tiny_run / "config.json").read_text())
    best = sorted(path.name for path in tiny_run.glob("best*"))
    assert len(best) > 1
    for name in [*best, "model_state_e2_b0.th"]:
        weights, expected = load_weights(run / name), load_weights(tiny_run / name)
        assert weights.keys() == expected.keys()
        assert all(torch.equal(weights[key], tensor) for key, tensor in expected.items()), name
    metrics, expected = (json.loads((each / "metrics.json").read_text()) for each in (run, tiny_run))
    del metrics["training_duration"], expected["training_duration"]
    assert metrics == expected


def test_a_run_out_of_patience_goes_on_with_more_of_it(fixtures: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    # Without an improvement from the first epoch on: nothing is learned. A score of 0 would spend no patience.
    still = ["trainer.optimizer.lr=0", "trainer.min_learning_rate=-1", "trainer.num_epochs=4"]
    still.append("trainer.validation_metric=-loss")
    options = [option for override in [*still, "trainer.patience=1"] for option in ("-o", override)]
    main(["train", str(fixtures / "tiny.jsonnet"), "-s", str(run), *options])
    assert json.loads((run / "metrics.json").read_text())["epoch"] == 1
    recover(fixtures, run, *still, "trainer.patience=2")
    assert json.loads((run / "metrics.json").read_text())["epoch"] == 2


@pytest.mark.parametrize(
    "overrides, message",
    [
        (
            ["trainer.num_epochs=1", "trainer.optimizer.lr=0.1"],
            "run: --recover goes on with the configuration of the run, but trainer.optimizer.lr was 0.001 and is 0.1; "
            "only trainer.num_epochs, trainer.patience, trainer.min_learning_rate, trainer.checkpointer may change",
        ),
        (
            ["trainer.num_epochs=1", "trainer.grad_norm=2", "~trainer.optimizer.lr"],
            "trainer.grad_norm was 5 and is 2; trainer.optimizer.lr was 0.001 and is not given; only ",
        ),
        (["trainer.num_epochs=1", "evaluate_on_test=true"], "evaluate_on_test was not given and is true"),
        (["trainer.num_epochs=0"], "trainer.num_epochs was 1 and is 0, but the run has had 1 epochs already"),
    ],
)
def test_what_would_change_the_run_is_refused_with_both_values(
    run: Path, fixtures: Path, overrides: List[str], message: str, capsys: pytest.CaptureFixture
) -> None:
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    with pytest.raises(SystemExit):
        recover(fixtures, run, *overrides)
    assert message in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()} == before


@pytest.mark.parametrize(
    "schedule, is_refused",
    [
        ("linear_with_warmup", True),
        ("slanted_triangular", True),
        ("polynomial_decay", True),
        ("reduce_on_plateau", False),
    ],
)
def test_a_schedule_over_all_epochs_is_not_lengthened(tmp_path: Path, schedule: str, is_refused: bool) -> None:
    trainer = {"num_epochs": 2, "learning_rate_scheduler": {"type": schedule}}
    write_json(tmp_path / "config.json", {"trainer": trainer})
    longer = Params({"trainer": {**trainer, "num_epochs": 3}})
    if is_refused:
        with pytest.raises(
            UserError, match=f"num_epochs was 2 and is 3, but the schedule '{schedule}' is laid out over"
        ):
            check_recoverable(longer, tmp_path)
    else:
        check_recoverable(longer, tmp_path)
    check_recoverable(Params({"trainer": {**trainer, "patience": 3, "checkpointer": {"type": "verified"}}}), tmp_path)


def test_there_must_be_something_to_recover(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing to recover, no run there"):
        check_recoverable(Params({}), tmp_path / "nowhere")
    (tmp_path / "other.txt").write_text("")
    with pytest.raises(UserError, match="nothing to recover, no config.json there"):
        check_recoverable(Params({}), tmp_path)

import json
import runpy
import shutil
import tarfile
from pathlib import Path
from typing import Any, Callable, Dict, List, Set, Tuple

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from independent_calibration_error import error_bin_by_bin
from test_evaluation import f1_of
from test_evaluation import fitted_run as fitted_run

from hmtl.common.archives import archive_model
from hmtl.common.weights import save_weights
from hmtl.document import read_jsonl
from hmtl.errors import UserError
from hmtl.evaluation.calibration import THRESHOLDS, judged_by_threshold
from hmtl.evaluation.evaluate import load_run
from hmtl.metrics.calibration import fitted_temperature, tempered
from hmtl.models.calibration import TaskCalibration, read_calibration, write_calibration
from hmtl.models.hmtl import HMTL
from hmtl.predictors import HMTLPredictor

ROOT = Path(__file__).resolve().parents[2]
main: Callable[[List[str]], None] = runpy.run_path(str(ROOT / "scripts" / "evaluate.py"))["main"]


@pytest.fixture(scope="module")
def calibrated_run(fitted_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, and its archive, as `evaluate.py --calibrate` leaves it. Relations are fitted to what they are
    validated on, spans are not."""
    directory = tmp_path_factory.mktemp("calibrated") / "run"
    shutil.copytree(fitted_run, directory)
    config = json.loads((directory / "config.json").read_text())
    config["validation_data_path"]["relation"] = config["test_data_path"]["relation"]
    (directory / "config.json").write_text(json.dumps(config))
    fit_relations(directory)
    archive_model(directory)
    main(["-s", str(directory), "--calibrate", "--no-baselines", "--device", "cpu"])
    return directory


def fit_relations(directory: Path) -> None:
    """Fits the head of relations, and nothing else, for some steps."""
    torch.manual_seed(13370)
    run = load_run(directory, ["best.safetensors"])
    (batch,) = run.data_loader("test").batches_of("relation")
    optimizer = torch.optim.Adam(run.model.head("relation").parameters(), lr=0.03)
    for _ in range(100):
        optimizer.zero_grad()
        run.model(**batch)["loss"].backward()
        optimizer.step()
    save_weights(directory / "best.safetensors", run.model.state_dict())


def test_the_threshold_has_the_highest_f1_and_the_temperature_fits_what_it_finds(calibrated_run: Path):
    run = load_run(calibrated_run, ["best.safetensors"])
    loader = run.data_loader("validation")
    (batch,) = loader.batches_of("relation")
    gold = {(number, *each) for number, row in enumerate(batch["metadata"]) for each in row["relations"]}
    chosen = read_calibration(calibrated_run, calibrated_run / "best.safetensors")
    run.model.calibrate(chosen)
    head = run.model.head("relation")
    f1 = {}
    for threshold in [0.5, *THRESHOLDS]:
        head.threshold = threshold
        f1[threshold] = f1_of(found_relations(run.model, batch), gold)
    assert max(f1.values()) > f1[0.5] > 0
    best = min((t for t in f1 if f1[t] == pytest.approx(max(f1.values()))), key=lambda t: abs(t - 0.5))
    assert chosen["relation"].threshold == pytest.approx(best)
    head.threshold = best
    judged = judged_by_threshold(run.model, loader, {"relation": [best]})["relation"][best]
    assert chosen["relation"].temperature == pytest.approx(fitted_temperature(judged.scores, judged.are_right))


def found_relations(model: HMTL, batch: Any) -> Set[Tuple[Any, ...]]:
    with torch.no_grad():
        rows = model(**batch)["predictions"]
    return {(number, *each) for number, row in enumerate(rows) for each in row}


def test_the_report_counts_predictions_and_their_error_before_and_after(calibrated_run: Path):
    record = json.loads((calibrated_run / "evaluation.json").read_text())
    chosen = read_calibration(calibrated_run, calibrated_run / "best.safetensors")
    assert 0.1 < chosen["ner"].temperature < 0.9
    assert record["calibration"].keys() == chosen.keys() == {"ner", "emd", "relation"}
    (document,) = read_jsonl(load_run(calibrated_run).paths("test")["ner"])
    gold = {tuple(span) for span in document.spans["ner"]}
    sentences = {"sentences": document.sentences}
    model = HMTL.from_archive(calibrated_run)
    after = spans_of(HMTLPredictor(model, model.reader, with_scores=True).predict_json(sentences))
    model.calibrate({})
    before = spans_of(HMTLPredictor(model, model.reader, with_scores=True).predict_json(sentences))
    assert before.keys() == after.keys(), "a CRF has no threshold"
    of_ner = record["calibration"]["ner"]
    assert of_ner["num_predictions"] == [len(before), len(before)] and of_ner["threshold"] == [None, None]
    for scores, error, f1 in zip((before, after), of_ner["ece"], of_ner["f1"]):
        assert f1 == pytest.approx(f1_of(set(scores), gold))
        are_right = [span in gold for span in scores]
        assert error == pytest.approx(error_bin_by_bin([*scores.values()], are_right, 15), abs=1e-3)
    for span, score in before.items():
        assert after[span] == pytest.approx(tempered(score, chosen["ner"].temperature), abs=2e-3)


def spans_of(output: Dict[str, Any]) -> Dict[Tuple[int, int, str], float]:
    return {(span["start"], span["end"], span["label"]): span["score"] for span in output["ner"]}


def test_the_archive_is_made_anew_and_predicts_as_the_run_does(calibrated_run: Path, fitted_run: Path):
    with tarfile.open(calibrated_run / "model.tar.gz") as archive:
        assert "calibration.json" in archive.getnames()
    of_run, of_archive = (HMTL.from_archive(calibrated_run / name) for name in ("", "model.tar.gz"))
    assert of_run.calibration == of_archive.calibration != {}
    assert of_archive.head("relation").threshold == pytest.approx(of_run.calibration["relation"].threshold)
    assert HMTL.from_archive(fitted_run).calibration == {}
    assert load_run(calibrated_run).model.calibration == {}


def test_the_calibration_is_of_its_weights_alone(calibrated_run: Path, tmp_path: Path):
    other = HMTL.from_archive(calibrated_run, weights_file=str(calibrated_run / "best_ner.safetensors"))
    assert other.calibration == {} and other.head("relation").threshold == pytest.approx(0.5)


def test_a_model_is_calibrated_and_taken_back(fitted_run: Path):
    model = HMTL.from_archive(fitted_run)
    model.calibrate({"relation": TaskCalibration(2.0, 0.25)})
    assert model.head("relation").threshold == pytest.approx(0.25)
    model.calibrate({})
    assert model.head("relation").threshold == pytest.approx(0.5)
    for calibration in ({"gone": TaskCalibration()}, {"ner": TaskCalibration(1.0, 0.5)}):
        with pytest.raises(UserError, match="another model"):
            model.calibrate(calibration)
    with pytest.raises(ConfigurationError, match="no threshold"):
        model.head("ner").threshold = 0.5
    with pytest.raises(ConfigurationError, match="between 0 and 1"):
        model.head("relation").threshold = 1.0


@pytest.mark.parametrize(
    "tasks",
    [
        [],
        {"ner": {"temperature": 0, "threshold": None}},
        {"ner": {"temperature": True, "threshold": None}},
        {"ner": {"temperature": 1.0, "threshold": 1.0}},
        {"ner": {"temperature": 1.0}},
        {"ner": 1.0},
    ],
)
def test_a_file_that_is_no_calibration(tmp_path: Path, tasks: Any):
    (tmp_path / "weights").write_text("w")
    write_calibration(tmp_path, tmp_path / "weights", {"ner": TaskCalibration(2.0, 0.25)})
    assert read_calibration(tmp_path, tmp_path / "weights") == {"ner": TaskCalibration(2.0, 0.25)}
    record = json.loads((tmp_path / "calibration.json").read_text())
    (tmp_path / "calibration.json").write_text(json.dumps({**record, "tasks": tasks}))
    with pytest.raises(UserError, match="calibration.json: .*expected"):
        read_calibration(tmp_path, tmp_path / "weights")


def test_gold_mentions_are_not_calibrated_for(calibrated_run: Path, capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit) as stopped:
        main(["-s", str(calibrated_run), "--calibrate", "--gold-mentions", "--device", "cpu"])
    assert stopped.value.code == 2 and "--gold-mentions" in capsys.readouterr().err

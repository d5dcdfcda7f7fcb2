"""Coreference with clusters of one mention, from training to scores, by hand through what users call."""

import json
import runpy
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
import spacy

from hmtl.annotation.formats import BratFormat, Conll2012Format
from hmtl.cli import main
from hmtl.corpora.ontonotes import OntonotesCorpus
from hmtl.document import Document, write_jsonl
from hmtl.evaluation.error_analysis import analyse_run
from hmtl.evaluation.error_analysis.text import errors_as_text
from hmtl.evaluation.evaluate import evaluate_run, load_run
from hmtl.predictors import HMTLPredictor
from research.paper.counts import Counting

ROOT = Path(__file__).resolve().parents[2]
evaluate: Callable[[List[str]], None] = runpy.run_path(str(ROOT / "scripts" / "evaluate.py"))["main"]

SENTENCES = [
    ["Ann", "knows", "Bo", "and", "Cy", "."],
    ["She", "saw", "Rome", ",", "a", "big", "old", "town", "full", "of", "very", "loud", "cats", "."],
    ["It", "slept", "near", "Oslo", "."],
]
ANN, SHE, BO, CY = (0, 0), (6, 6), (2, 2), (4, 4)
ROME, IT, OSLO = (8, 8), (20, 20), (23, 23)
# Of nine tokens, one more than the head's limit.
TOWN = (10, 18)
CLUSTERS = [[ANN, SHE], [ROME, TOWN, IT], [BO], [CY], [OSLO]]

CONFIG = """
local corpora = import '%(root)s/configs/lib/corpora.libsonnet';
local embedders = import '%(root)s/configs/lib/embedders.libsonnet';
local experiment = import '%(root)s/configs/lib/experiment.libsonnet';
local levels = import '%(root)s/configs/lib/levels.libsonnet';
local level = levels.coref([], lexical_dropout=0.0) + {
  encoder+: { hidden_size: 20 },
  head+: { dropout: 0.0, hidden_dim: 30, spans_per_word: 2.0, predict_singletons: %(predict_singletons)s },
};
experiment.new(
  tasks={ coref: corpora.jsonl('%(folder)s').coref },
  embedding=embedders.combine([embedders.words(dim=20)]),
  levels={ coref: level },
  optimizer={ type: 'adam', lr: 0.02 },
  scheduler=null,
  num_epochs=%(num_epochs)d,
  patience=null,
)
"""


@pytest.fixture(scope="module")
def train(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bool], Path]:
    """Fits one document, which is all data, twelve times an epoch, and returns the run."""
    runs: Dict[bool, Path] = {}

    def run(predict_singletons: bool) -> Path:
        if predict_singletons not in runs:
            folder = tmp_path_factory.mktemp("clusters_of_one")
            document = Document("d", SENTENCES, clusters=CLUSTERS)
            for split, number in (("train", 12), ("dev", 1), ("test", 1)):
                write_jsonl([replace(document, doc_key=f"d{n}") for n in range(number)], folder / f"{split}.jsonl")
            wanted = str(predict_singletons).lower()
            values = {"root": ROOT, "folder": folder, "num_epochs": 14, "predict_singletons": wanted}
            (folder / "config.jsonnet").write_text(CONFIG % values)
            main(["train", str(folder / "config.jsonnet"), "-s", str(folder / "run")])
            runs[predict_singletons] = folder / "run"
        return runs[predict_singletons]

    return run


def table_of(capsys: pytest.CaptureFixture, run: Path) -> List[List[str]]:
    """The rows of `scripts/evaluate.py`'s table, cell by cell, and its notes."""
    evaluate(["-s", str(run), "--device", "cpu", "--weights", "best_coref.safetensors"])
    lines = capsys.readouterr().out.splitlines()
    # A training in the same process leaves a log that is written to stdout.
    (title,) = (number for number, line in enumerate(lines) if line.startswith(f"{run}: test F1"))
    return [line.split() for line in lines[title:]]


def percent(value: float) -> str:
    return f"{100 * value:.2f}"


# Seven mentions in five clusters, and an eighth too wide to be found. MUC: two of three links, and no other is found.
MUC = 2 / (1 + 3 / 2)
# B-cubed recall: Ann and She 1 each, Rome and It 2/3 each.
OF_MANY = 2 + 4 / 3


def f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall)


def test_what_is_missed_counts(train, capsys):
    """Two clusters are found, without the wide mention; three of one are missed."""
    rows = table_of(capsys, train(False))
    # CEAF: phi4 is 1 and 4/5; five gold clusters, or two.
    counted = (MUC + f1(1, OF_MANY / 8) + f1(1.8 / 2, 1.8 / 5)) / 3
    of_many = (MUC + f1(1, OF_MANY / 5) + f1(1.8 / 2, 1.8 / 2)) / 3
    assert rows[2] == ["coref", "f1", "coref", "without", "singletons"]
    assert rows[3] == ["best_coref", f"{percent(counted)}*", f"{percent(of_many)}*"]
    (scores,) = [" ".join(row) for row in rows if row[:3] == ["coref,", "F1", "of"]]
    # BLANC: of 4 coreferent pairs 2 are found; of 28 - 4 others 4, those between the two clusters.
    expected = {
        "MUC": MUC,
        "B-cubed": f1(1, OF_MANY / 8),
        "CEAF-phi4": f1(1.8 / 2, 1.8 / 5),
        "CEAF-phi3": f1(1, 4 / 8),
        "BLANC": (f1(1, 2 / 4) + f1(1, 4 / 24)) / 2,
        "LEA": f1(1, (2 * 1 + 3 * 1 / 3) / 8),
        "mentions": f1(1, 4 / 8),
    }
    listed = ", ".join(f"{name} {percent(value)}" for name, value in expected.items())
    assert scores == f"coref, F1 of best_coref: {listed}"


def test_clusters_of_one_are_found_on_request(train, capsys):
    rows = table_of(capsys, train(True))
    # CEAF: three more of phi4 1, of five predicted clusters.
    counted = (MUC + f1(1, (OF_MANY + 3) / 8) + 4.8 / 5) / 3
    of_many = (MUC + f1(1, OF_MANY / 5) + 1.8 / 2) / 3
    assert rows[3] == ["best_coref", f"{percent(counted)}*", f"{percent(of_many)}*"]
    metrics = json.loads((train(True) / "evaluation.json").read_text())["scores"]["best_coref"]["coref"]["metrics"]
    assert metrics["mention_recall"] == 7 / 8 and metrics["mention_recall_without_singletons"] == 4 / 5
    assert metrics["lea_recall"] == pytest.approx((2 * 1 + 3 * 1 / 3 + 3) / 8)


def changed(run: Path, target: Path, change: Callable[[Dict[str, Any]], None]) -> Path:
    shutil.copytree(run, target)
    config = json.loads((target / "config.json").read_text())
    change(config)
    (target / "config.json").write_text(json.dumps(config))
    return target


def test_the_scale_of_2018(train, capsys, tmp_path):
    """B-cubed without clusters of one, CEAF and MUC as they were."""
    run = changed(
        train(False),
        tmp_path / "run",
        lambda config: config["model"]["levels"]["coref"]["head"].update(singletons="as_2018"),
    )
    as_2018 = (MUC + f1(1, OF_MANY / 5) + f1(1.8 / 2, 1.8 / 5)) / 3
    assert table_of(capsys, run)[3][1] == f"{percent(as_2018)}*"
    loaded = load_run(run)
    counting = Counting(loaded.model)
    evaluate_run(loaded, with_baselines=False, observed=counting.observed)
    assert counting.counts["coref", "f1"].f1() == pytest.approx(as_2018)


def test_a_reader_that_drops_them(train, capsys, tmp_path):
    """One figure is left: that without them."""
    run = changed(
        train(False),
        tmp_path / "run",
        lambda config: config["dataset_reader"]["readers"]["coref"].update(singletons="drop"),
    )
    rows = table_of(capsys, run)
    of_many = (MUC + f1(1, OF_MANY / 5) + 1.8 / 2) / 3
    assert rows[2] == ["coref"] and rows[3] == ["best_coref", f"{percent(of_many)}*"]


def test_errors_count_them_apart(train):
    errors = {wanted: analyse_run(load_run(train(wanted))) for wanted in (False, True)}
    for wanted, totals in ((False, {"missed": 3}), (True, {"correct": 3})):
        sections = {section.title: section for section in errors[wanted].tasks["coref"].sections}
        assert {kind: n for kind, n in sections["clusters of one"].totals.items() if n} == totals
        assert sections["clusters"].gold == 2
    assert "clusters of one: 3 gold, 0 predicted" in errors_as_text(errors[False])


def test_a_training_that_was_stopped_goes_on_alike(train, tmp_path):
    """The loss of mentions and the predicted clusters of one, after 5 of 14 epochs and a new start."""
    whole = train(True)
    folder = whole.parent
    short = (folder / "config.jsonnet").read_text().replace("num_epochs=14", "num_epochs=5")
    (tmp_path / "config.jsonnet").write_text(short)
    main(["train", str(tmp_path / "config.jsonnet"), "-s", str(tmp_path / "run")])
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    config["trainer"]["num_epochs"] = 14
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    (tmp_path / "config.json").write_text(json.dumps(config))
    main(["train", str(tmp_path / "config.json"), "-s", str(tmp_path / "run"), "--recover"])
    last = [json.loads((run / "metrics_epoch_13.json").read_text()) for run in (whole, tmp_path / "run")]
    compared = [{key: value for key, value in row.items() if "coref" in key and "second" not in key} for row in last]
    assert compared[0] and compared[0] == compared[1]


@pytest.fixture(scope="module")
def predictor(train) -> HMTLPredictor:
    return HMTLPredictor.load(str(train(True)), with_scores=True)


def test_predictions_hold_them(predictor):
    output = predictor.predict_json({"sentences": SENTENCES})
    found = {tuple((row["start"], row["end"]) for row in cluster): cluster for cluster in output["coref"]}
    assert sorted(found) == [(ANN, SHE), (BO,), (CY,), (ROME, IT), (OSLO,)]
    (bo,) = found[BO,]
    assert bo["text"] == "Bo" and 0.5 < bo["score"] <= 1
    assert sorted(predictor.predict_document(Document("d", SENTENCES)).clusters) == [
        [ANN, SHE], [BO], [CY], [ROME, IT], [OSLO]
    ]  # fmt: skip


def test_formats_hold_them(predictor, tmp_path):
    (output,) = predictor.annotate([{"sentences": SENTENCES}])
    assert all(sum("head" in row for row in cluster) == 1 for cluster in output["coref"])
    conll = Conll2012Format(predictor.layers)
    conll.write([output], tmp_path / "d.gold_conll")
    (document,) = OntonotesCorpus().documents(str(tmp_path / "d.gold_conll"))
    assert sorted(document.clusters) == [[ANN, SHE], [BO], [CY], [ROME, IT], [OSLO]]
    brat = BratFormat(predictor.layers)
    brat.write([output], tmp_path / "brat")
    lines = "".join(path.read_text() for path in (tmp_path / "brat").glob("*.ann")).splitlines()
    # One line a mention, alone or not, and one a link.
    assert sorted(line.split("\t")[2] for line in lines if line[0] == "T") == sorted(
        ["Ann", "She", "Bo", "Cy", "Rome", "It", "Oslo"]
    )
    assert sum(line[0] == "R" for line in lines) == 2


def test_spacy_holds_them(train):
    nlp = spacy.blank("en")
    nlp.add_pipe("hmtl", config={"model": str(train(True))})
    doc = nlp(" ".join(token for sentence in SENTENCES for token in sentence))
    clusters = sorted([mention.text for mention in cluster.mentions] for cluster in doc._.clusters)
    assert clusters == [["Ann", "She"], ["Bo"], ["Cy"], ["Oslo"], ["Rome", "It"]]
    assert {cluster.head.text for cluster in doc._.clusters} >= {"Bo", "Cy", "Oslo"}

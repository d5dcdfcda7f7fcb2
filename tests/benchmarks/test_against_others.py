"""What is measured beside hmtl computes the same, and every row of the table is filled; nothing here is timed."""

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any, Dict, Tuple

import pytest
import torch
from test_run import corpus  # noqa: F401  (fixture)

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def against(monkeypatch: pytest.MonkeyPatch, corpus: Path) -> ModuleType:  # noqa: F811
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setenv("HMTL_DATA", str(corpus))
    return importlib.import_module("against")


def losses(comparison: Any, module: ModuleType, task: str) -> Tuple[float, float]:
    """Ours and that of AllenNLP's model with the same weights, of a batch, without dropout."""
    (batch,) = comparison.batches(task)[0][:1]
    theirs = comparison.theirs[task].eval()
    like = module.batch_like(task, comparison.readers[task], comparison.vocabulary, batch)
    with torch.no_grad():
        return float(comparison.model.eval()(**batch)["loss"]), float(theirs(**like)["loss"])


def test_models_of_allennlp_compute_what_ours_do(
    against: ModuleType,
    corpus: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    pytest.importorskip("allennlp_models")
    comparison = against.Comparison(corpus, tmp_path, rounds=1)
    for task in ("ner", "coref"):
        ours, theirs = losses(comparison, against.allennlp_alone, task)
        assert ours == pytest.approx(theirs, rel=1e-4) and ours > 0


@pytest.mark.slow
def test_every_row_is_measured(against: ModuleType, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    pytest.importorskip("allennlp_models")
    pytest.importorskip("spacy")
    monkeypatch.setattr(against, "UPDATES", {"ner": 1, "coref": 1})
    results = against.measure(corpus, rounds=2)
    rows: Dict[str, Any] = results["rows"]
    others = {name: list(against.ratios(row)) for name, row in rows.items()}
    in_trainer = "hmtl's model in AllenNLP's trainer"
    tagger, resolver = (f"AllenNLP's Predictor of its {name}" for name in ("CrfTagger", "CoreferenceResolver"))
    assert others == {
        "update of NER": ["AllenNLP's CrfTagger and trainer", in_trainer, against.FLOOR],
        "update of CR": ["AllenNLP's CoreferenceResolver and trainer", in_trainer, against.FLOOR],
        "LSTM of NER, forward and backward": ["AllenNLP's PytorchSeq2SeqWrapper", against.FLOOR],
        "NER of one text of 52 tokens": [tagger, "spaCy's ner, untrained"],
        "NER of a text in batches of 64": [tagger, "spaCy's ner, untrained"],
        "CR of one text of 52 tokens": [resolver],
        "CR of a text in batches of 64": [resolver],
    }
    printed = against.table(results)
    for name, row in rows.items():
        assert all(len(turns) == 2 and min(turns) > 0 for turns in row["seconds"].values())
        for other, ratio in against.ratios(row).items():
            assert 0 < ratio.lowest <= ratio.median <= ratio.highest
            assert f"| {name} | {other} |" in printed
        # What AllenNLP trains is as large as ours.
        sizes = {who: size for who, size in row["parameters"].items() if "spaCy" not in who}
        assert len(set(sizes.values())) == 1 and len(sizes) == 2
    assert results["machine"]["processor"] in printed and results["machine"]["threads"] == 1


def test_works_take_turns(against: ModuleType) -> None:
    made = []
    works = {name: lambda number, name=name: made.append((name, number)) for name in "ab"}
    seconds = against.take_turns(works, rounds=3)
    # A warm turn of each, then ABBA and so on.
    assert made == [("a", 0), ("b", 0), ("a", 0), ("b", 0), ("b", 1), ("a", 1), ("a", 2), ("b", 2)]
    assert {name: len(found) for name, found in seconds.items()} == {"a": 3, "b": 3}


def test_a_ratio_is_that_of_the_rounds(against: ModuleType) -> None:
    row = {"seconds": {against.OURS: [1.0, 2.0, 4.0], "other": [3.0, 4.0, 2.0]}}
    assert against.ratios(row) == {"other": (2.0, 0.5, 3.0)}


def test_the_documentation_shows_the_measured_ratios(against: ModuleType) -> None:
    docs = BENCHMARKS.parent / "docs"
    results = json.loads((docs / "results" / "speed" / "against.json").read_text())
    page = (docs / "speed.md").read_text()
    _, table, _ = against.table(results).split("\n\n")
    assert table in page and f"{results['share']:.0%} of the time" in " ".join(page.split())

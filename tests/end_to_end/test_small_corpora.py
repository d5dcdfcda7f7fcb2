"""A corpus of 28 documents is enough: by the recipe of the tutorial both tasks are learned, and where one is not, the
run says so."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from _jsonnet import evaluate_snippet
from regular_texts import write_regular_corpus

from hmtl.cli import main
from hmtl.evaluation.evaluate import evaluate_run, load_run

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_regular_corpus(tmp_path_factory.mktemp("letters"))


def recipe(corpus: Path) -> Any:
    """The configuration of the tutorial, on another corpus."""
    page = (ROOT / "docs" / "tutorials" / "corpus.md").read_text()
    snippets = [text for text in re.findall(r"```jsonnet\n(.*?)```", page, re.DOTALL) if "data/letters" in text]
    assert len(snippets) == 1
    snippet = snippets[0].replace("data/letters", str(corpus))
    return json.loads(evaluate_snippet(str(ROOT / "configs" / "letters.jsonnet"), snippet))


@pytest.mark.slow
def test_the_recipe_of_the_tutorial_learns_both_tasks(corpus: Path, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "letters.json").write_text(json.dumps(recipe(corpus)))
    main(["train", str(tmp_path / "letters.json"), "-s", str(tmp_path / "run")])
    assert "hmtl: warning" not in capsys.readouterr().err
    evaluation = evaluate_run(load_run(tmp_path / "run"))
    for task in ("ner", "relation"):
        assert evaluation.scores[f"best_{task}"][task].metrics["f1"] > 0.9


def test_a_run_that_has_learned_nothing_says_so_at_its_end_and_beside_others(
    corpus: Path, tmp_path: Path, capsys: Any
) -> None:
    config = recipe(corpus)
    # Too slow to learn, and patience that would have ended the run after one more epoch.
    config["trainer"].update(num_epochs=4, patience=1, optimizer={"type": "sgd", "lr": 1e-6})
    config["dataset_reader"]["readers"]["relation"]["max_instances"] = 12
    config["dataset_reader"]["readers"]["ner"]["max_instances"] = 12
    (tmp_path / "letters.json").write_text(json.dumps(config))
    main(["train", str(tmp_path / "letters.json"), "-s", str(tmp_path / "run")])
    written = capsys.readouterr().err
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["best_validation_relation_f1"] == 0 and metrics["epoch"] == 3
    assert 0 < metrics["baseline_validation_relation_f1"] <= 1
    warnings = [line for line in written.splitlines() if line.startswith("hmtl: warning: ")]
    assert "hmtl: warning: relation never had a validation f1 above 0" in warnings
    assert warnings[-1].startswith("hmtl: warning: try more epochs") and written.rstrip().endswith(warnings[-1])
    main(["runs", str(tmp_path / "run")])
    table = capsys.readouterr().out
    assert "run: relation never had a validation f1 above 0" in table
    main(["runs", str(tmp_path / "run"), "--wide"])
    table = capsys.readouterr().out
    assert re.search(r"^relation baseline +[\d.]+ not passed$", table, re.MULTILINE)


def test_the_baselines_are_those_of_an_evaluation(corpus: Path, tmp_path: Path) -> None:
    config = recipe(corpus)
    config["trainer"].update(num_epochs=1)
    (tmp_path / "letters.json").write_text(json.dumps(config))
    main(["train", str(tmp_path / "letters.json"), "-s", str(tmp_path / "run")])
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    evaluation = evaluate_run(load_run(tmp_path / "run"), split="validation")
    for task in ("ner", "relation"):
        assert metrics[f"baseline_validation_{task}_f1"] == evaluation.baselines[task].metrics["f1"]

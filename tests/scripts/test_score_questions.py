import json
import runpy
import shutil
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest

from hmtl.document import Span, read_jsonl
from hmtl.evaluation.evaluate import evaluate_run, load_run
from hmtl.predictors import HMTLPredictor

ROOT = Path(__file__).resolve().parents[2]
SCRIPT: Dict[str, Any] = runpy.run_path(str(ROOT / "scripts" / "score_questions.py"))
main: Callable[[List[str]], None] = SCRIPT["main"]


@pytest.fixture(scope="module")
def run(question_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """So small a model is sure of nothing."""
    run = tmp_path_factory.mktemp("run") / "run"
    shutil.copytree(question_run, run)
    config = json.loads((run / "config.json").read_text())
    config["model"]["levels"]["questions"]["head"].update(threshold=0.01)
    (run / "config.json").write_text(json.dumps(config))
    return run


def test_with_gold_heads_the_scores_are_those_of_an_evaluation(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    main([str(run), "--split", "validation", "--output", str(tmp_path / "out.json")])
    scores = json.loads((tmp_path / "out.json").read_text())
    assert set(scores) == {"names", "relations", "relations, heads of names", "coreference", "squad"}
    expected = evaluate_run(load_run(run), "validation", with_baselines=False).scores["best"]["questions"].metrics
    assert all(row.pop("threshold") == pytest.approx(0.01) for row in scores.values())
    found = {f"{name}_{key}": value for name, row in scores.items() if "," not in name for key, value in row.items()}
    assert found == pytest.approx({name: value for name, value in expected.items() if name in found})
    assert len(found) > 10 and any(found.values())
    table = capsys.readouterr().out
    assert table.startswith("validation data") and all(name in table for name in scores)


def test_the_answers_that_take_the_place_of_gold_heads_are_those_of_the_predictor(run: Path, fixtures: Path) -> None:
    [document] = SCRIPT["Scorer"](run, "validation").with_answers("relations", "names")
    [gold] = read_jsonl(fixtures / "jsonl" / "dev.jsonl")
    predictor = HMTLPredictor.load(run)
    expected = set()
    # The windows of names have two sentences.
    for first in range(0, len(gold.sentences), 2):
        output = predictor.predict(gold.sentences[first : first + 2])
        start = gold.sentence_starts[first]
        expected |= {Span(start + row["start"], start + row["end"], row["label"]) for row in output["questions"]}
    assert expected and set(document.spans["emd"]) == expected
    # The rest is as it was.
    assert document.relations == gold.relations and document.spans["ner"] == gold.spans["ner"]


def test_each_source_has_the_threshold_that_is_best_for_it_in_validation(run: Path) -> None:
    """That of the spans that questions are about is their own source's."""
    tried = [0.99, 0.01, 0.02]
    chosen = SCRIPT["chosen_thresholds"](run, tried)
    scorer = SCRIPT["Scorer"](run, "validation")
    for name, documents in scorer.documents.items():
        figures = []
        for threshold in tried:
            scorer.head.threshold = threshold
            figures.append(scorer.scores(name, documents)["f1"])
        assert chosen[name] == tried[figures.index(max(figures))]
    assert len(set(chosen.values())) > 1
    scores = SCRIPT["score"](run, "validation", thresholds=tried)
    assert scores["names"]["threshold"] == pytest.approx(chosen["names"])
    assert scores["relations, heads of names"]["threshold"] == pytest.approx(chosen["relations"])
    scorer.head.threshold = chosen["names"]
    documents = scorer.with_answers("relations", "names")
    scorer.head.threshold = chosen["relations"]
    expected = scorer.scores("relations", documents)
    assert {**expected, "threshold": pytest.approx(chosen["relations"])} == scores["relations, heads of names"]


def test_a_run_that_answers_no_questions(tiny_run: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([str(tiny_run)])
    assert stopped.value.code == 2
    assert "0 tasks answer questions; expected one" in capsys.readouterr().err.splitlines()[-1]

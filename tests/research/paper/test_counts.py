import json
import shutil
from pathlib import Path

import pytest

from hmtl.errors import UserError
from hmtl.evaluation.evaluate import evaluate_run, load_run
from research.paper.counts import Counting, Counts


@pytest.mark.parametrize("gold_mentions", [False, True])
def test_the_counts_of_a_run_sum_to_its_scores(tiny_run, tmp_path, gold_mentions):
    run = load_run(tiny_run)
    counting = Counting(run.model)
    evaluation = evaluate_run(run, gold_mentions=gold_mentions, with_baselines=False, observed=counting.observed)
    tasks = ("ner", "emd", "relation", "coref")
    assert set(counting.counts) == {*((task, "f1") for task in tasks), ("relation", "f1_last_tokens")}
    for (task, figure), counts in counting.counts.items():
        assert counts.f1() == pytest.approx(evaluation.scores[f"best_{task}"][task].metrics[figure])
        counts.write(tmp_path / "counts.json")
        read = Counts.read(tmp_path / "counts.json")
        assert (read.kind, read.units, read.values.tolist()) == (counts.kind, counts.units, counts.values.tolist())
        documents = counts.by_document()
        assert len(documents.units) == len({document for document, _ in counts.units})
        assert documents.f1() == pytest.approx(counts.f1())
    by_last_tokens = counting.counts["relation", "f1_last_tokens"].f1()
    assert by_last_tokens > counting.counts["relation", "f1"].f1() > 0  # or all of this could be of zeros
    lines = Path(evaluation.data_path["ner"]).read_text(encoding="utf-8").splitlines()
    sentences = [json.loads(line)["sentences"] for line in lines]
    assert len(counting.counts["ner", "f1"].units) == sum(map(len, sentences))


def test_dependencies_are_counted_with_their_relations_and_without(parsing_run):
    run = load_run(parsing_run)
    counting = Counting(run.model)
    evaluation = evaluate_run(run, with_baselines=False, observed=counting.observed)
    assert set(counting.counts) == {("pos", "f1"), ("dependencies", "las"), ("dependencies", "uas")}
    for (task, figure), counts in counting.counts.items():
        assert counts.f1() == pytest.approx(evaluation.scores[f"best_{task}"][task].metrics[figure])
    las, uas = (counting.counts["dependencies", figure].f1() for figure in ("las", "uas"))
    assert 0 < las < uas


def test_counts_of_something_else(tiny_run, tmp_path):
    path = tmp_path / "counts_ner.json"
    shutil.copy(tiny_run / "config.json", path)
    with pytest.raises(UserError, match="counts_ner.json: expected the counts that .*reproduce' writes"):
        Counts.read(path)

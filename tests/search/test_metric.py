import json
import math

import pytest

from hmtl.errors import UserError
from hmtl.search.metric import Metric


def test_the_scores_of_epochs(tmp_path):
    for epoch, score in [(0, 0.25), (10, 0.5), (2, math.nan)]:
        (tmp_path / f"metrics_epoch_{epoch}.json").write_text(json.dumps({"validation_ner_f1": score}))
    metric = Metric.named("best_validation_ner_f1", True, ["ner"])
    assert (metric.of_epoch(tmp_path, 0), metric.of_epoch(tmp_path, 1), metric.of_epoch(tmp_path, 10)) == (
        0.25,
        None,
        0.5,
    )
    assert math.isnan(metric.of_epoch(tmp_path, 2))
    assert metric.best([0.25, math.nan, 0.5]) == 0.5
    assert Metric.named("validation_ner_f1", False, ["ner"]).best([0.25, math.nan, 0.5]) == 0.25
    assert metric.best([math.nan]) is None
    assert Metric.named("best_validation_score", True, []).name == "validation_score"


def test_a_metric_that_a_run_does_not_have(tmp_path):
    (tmp_path / "metrics_epoch_0.json").write_text('{"validation_ner_f1": 0.5, "epoch": 0}')
    with pytest.raises(UserError, match="no metric validation_ner_f2; there are validation_ner_f1$"):
        Metric.named("validation_ner_f2", True, ["ner"]).of_epoch(tmp_path, 0)


@pytest.mark.parametrize("name", ["f1", "ner_f1", "validation_coref_f1", "validation_ner_", "best_validation_loss"])
def test_a_name_of_another_form(name):
    with pytest.raises(UserError, match=f"--metric {name}: expected validation_score .* the tasks are ner, emd"):
        Metric.named(name, True, ["ner", "emd"])

import copy
from pathlib import Path
from typing import Any, Dict, List

import pytest
from test_predict_many import random_texts, without_scores

from hmtl.errors import UserError
from hmtl.predictors import HMTLPredictor, hmtl_predictor
from hmtl.predictors.head_mentions import make_consistent

LAYERS = {"ner": "spans", "emd": "spans", "relation": "relations", "coref": "clusters"}


def mention(start: int, end: int) -> Dict[str, Any]:
    return {"start": start, "end": end, "text": f"{start}-{end}"}


def span(start: int, end: int, label: str, score: float) -> Dict[str, Any]:
    return {**mention(start, end), "label": label, "score": score}


def clusters_of(spans: List[Dict[str, Any]], *clusters: List[int]) -> List[List[int]]:
    """What is left of clusters of single tokens, by these tokens."""
    rows = [[mention(token, token) for token in cluster] for cluster in clusters]
    output = {"ner": spans, "emd": [span(9, 9, "PER", 1.0)], "relation": [], "coref": rows}
    make_consistent(output, LAYERS, "ner")
    return [[each["start"] for each in cluster] for cluster in output["coref"]]


def test_the_largest_sum_of_probabilities_is_the_type_of_a_cluster():
    one_sure, two_unsure = span(1, 1, "PER", 0.9), [span(2, 2, "ORG", 0.4), span(3, 3, "ORG", 0.4)]
    assert clusters_of([one_sure, *two_unsure], [1, 2, 3, 4]) == [[1, 4]]
    two_surer = [span(2, 2, "ORG", 0.5), span(3, 3, "ORG", 0.5)]
    assert clusters_of([one_sure, *two_surer], [1, 2, 3, 4]) == [[2, 3, 4]]


def test_what_is_left_alone_is_no_cluster_but_a_cluster_of_one_stays():
    spans = [span(1, 1, "PER", 0.9), span(2, 2, "ORG", 0.4)]
    assert clusters_of(spans, [1, 2], [5], [6, 7]) == [[5], [6, 7]]


def test_only_the_very_span_gives_a_mention_its_type_and_of_the_names_alone():
    # Token 9 is a person to the other task.
    spans = [span(1, 1, "ORG", 0.9), span(2, 3, "PER", 0.8)]
    assert clusters_of(spans, [1, 2, 9]) == [[1, 2, 9]]


def test_one_of_several_labels_that_agrees_is_enough():
    spans = [span(1, 1, "ORG", 0.9), span(2, 2, "ORG", 0.3), span(2, 2, "PER", 0.6)]
    assert clusters_of(spans, [1, 2]) == [[1, 2]]


def test_relations_join_found_spans_of_any_task_alone():
    relations = [
        {"label": "R", "arg1": mention(*arg1), "arg2": mention(*arg2)}
        for arg1, arg2 in [((1, 1), (4, 5)), ((4, 5), (1, 1)), ((1, 1), (5, 5)), ((5, 5), (1, 1))]
    ]
    output = {"ner": [span(1, 1, "X", 1.0)], "emd": [span(4, 5, "Y", 1.0)], "relation": relations[:], "coref": []}
    make_consistent(output, LAYERS, "ner")
    assert output["relation"] == relations[:2]


@pytest.mark.parametrize("with_scores", [False, True])
def test_a_predictor_makes_its_layers_consistent_where_asked(tiny_run: Path, with_scores: bool):
    options = {"with_scores": True}
    texts = random_texts(12)
    as_found = HMTLPredictor.load(tiny_run, **options).predict_batch_json(texts)
    expected = copy.deepcopy(as_found)
    for output in expected:
        make_consistent(output, LAYERS, "ner")
    assert expected != as_found
    outputs = HMTLPredictor.load(tiny_run, with_scores=with_scores, consistent=True).predict_batch_json(texts)
    assert outputs == (expected if with_scores else [without_scores(output) for output in expected])


def test_the_types_of_clusters_may_be_those_of_mentions(tiny_run: Path, monkeypatch: pytest.MonkeyPatch):
    asked: List[Any] = []
    monkeypatch.setattr(hmtl_predictor, "make_consistent", lambda output, layers, names: asked.append(names))
    predictor = HMTLPredictor.load(tiny_run, consistent=True)
    texts = ["Mara Lind met Tom.", ""]
    for predict in (predictor.predict_many, predictor.annotate):
        for names in (None, "emd"):
            list(predict(texts, names=names))
    assert asked == ["ner", "ner", "emd", "emd"] * 2
    with pytest.raises(UserError, match="the model has no span task 'coref'"):
        list(predictor.predict_many(texts, names="coref"))

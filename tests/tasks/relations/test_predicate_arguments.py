"""The reference tags one predicate after the other, without padding."""

import logging
from typing import Any, Dict, List, cast

import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary
from allennlp.models.heads import Head

from hmtl.document import Relation, Span
from hmtl.tasks import PredicateArgumentsHead
from hmtl.tasks.relations import predicate_arguments

DIM = 3
LENGTHS = [6, 2, 3]
LABELS = {"nsubj": 3, "obj": 2, "obl": 1}
PREDICATES = [[(1, 1), (3, 4)], [], [(0, 0)]]
# Rows `(number of the predicate, start, end, label)`.
ARGUMENTS = [[(0, 0, 0, 0), (1, 5, 5, 1), (0, 2, 5, 1)], [], [(0, 1, 2, 2)]]


def head_of(labels: Any = ("VERB", "NOUN"), **options: Any) -> PredicateArgumentsHead:
    params = {
        "type": "hmtl_predicate_arguments",
        "encoder": {"type": "hmtl_window", "hidden_size": 5, "window_size": 3},
    }
    about = {"vocab": Vocabulary(counter={"roles_labels": LABELS}), "encoding_dim": DIM, "task_name": "roles"}
    layers = {"span_layers": {"pos": list(labels)}} if labels else {}
    head = cast(PredicateArgumentsHead, Head.from_params(Params({**params, **options}), **about, **layers))
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter)
    return head


def padded(rows: List[Any], width: int) -> torch.Tensor:
    longest = max(map(len, rows))
    return torch.tensor([list(row) + [(-1,) * width] * (longest - len(row)) for row in rows])


def batch() -> Dict[str, Any]:
    return {
        "encoding": torch.randn(len(LENGTHS), max(LENGTHS), DIM),
        "mask": torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS).unsqueeze(1),
        "predicates": padded(PREDICATES, 2),
        "arguments": padded(ARGUMENTS, 4),
    }


def metadata() -> List[Dict[str, Any]]:
    labels = list(LABELS)
    return [
        {
            "predicates": predicates,
            "relations": [Relation(predicates[n], (start, end), labels[label]) for n, start, end, label in arguments],
        }
        for predicates, arguments in zip(PREDICATES, ARGUMENTS)
    ]


def read_of(head: PredicateArgumentsHead, sentence: torch.Tensor, token: int) -> torch.Tensor:
    """What the encoder reads for a predicate that ends at a token: (length, DIM + distance_dim)."""
    middle = len(head._distance_embedding.weight) // 2
    rows = []
    for position, vector in enumerate(sentence):
        distance = max(-middle, min(middle, position - token))
        rows.append(torch.cat([vector, head._distance_embedding.weight[middle + distance]]))
    return torch.stack(rows)


def tagged_alone(head: PredicateArgumentsHead, sentence: torch.Tensor, token: int, **options: Any) -> Dict[str, Any]:
    mask = torch.ones(1, len(sentence), dtype=torch.bool)
    return head._tagger(encoding=head._encoder(read_of(head, sentence, token).unsqueeze(0), mask), mask=mask, **options)


@pytest.mark.parametrize("max_distance", [50, 2])
def test_the_loss_is_that_of_each_predicate_alone(max_distance: int) -> None:
    head, fields = head_of(max_distance=max_distance), batch()
    expected = torch.zeros(())
    for row, predicates in enumerate(PREDICATES):
        for number, (_, end) in enumerate(predicates):
            spans = torch.tensor([[each[1:] for each in ARGUMENTS[row] if each[0] == number]]).view(1, -1, 3)
            expected = expected + tagged_alone(head, fields["encoding"][row, : LENGTHS[row]], end, spans=spans)["loss"]
    torch.testing.assert_close(head.train()(**fields)["loss"], expected)


@pytest.mark.parametrize("slots", [0, 1])
def test_a_batch_without_predicates_has_a_loss_and_gradients(slots: int) -> None:
    head, fields = head_of(), batch()
    fields.update(predicates=torch.full((3, slots, 2), -1), arguments=torch.full((3, slots, 4), -1))
    loss = head.train()(**fields)["loss"]
    assert loss.item() == 0
    loss.backward()
    assert all(parameter.grad is not None and not parameter.grad.any() for parameter in head.parameters())


@pytest.mark.parametrize("at_once", [256, 1])
def test_what_is_found_is_what_each_predicate_alone_has(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predicate_arguments, "_PREDICATES_AT_ONCE", at_once)
    head, fields = head_of().eval(), batch()
    # Of the nearest level: a noun and a span that both layers have; the other level is not asked.
    layer = [[Span(4, 4, "VERB"), Span(0, 1, "VERB"), Span(2, 2, "NOUN")], [Span(1, 1, "VERB")], [Span(1, 1, "NOUN")]]
    other = [[Span(3, 3, "VERB")], [], []]
    output = head(fields["encoding"], fields["mask"], with_scores=True, predicted_spans=[layer, other])
    expected, scores = [], []
    for row, predicates in enumerate([[(0, 1), (4, 4)], [(1, 1)], []]):
        expected.append([])
        scores.append([])
        for bounds in predicates:
            alone = tagged_alone(head, fields["encoding"][row, : LENGTHS[row]], bounds[1], with_scores=True)
            expected[-1] += [Relation(bounds, span.bounds, span.label) for span in alone["predictions"][0]]
            scores[-1] += alone["scores"][0]
    assert output["predictions"] == expected and len(expected[0]) > 1 and "loss" not in output
    assert [pytest.approx(row, abs=1e-5) for row in scores] == output["scores"]
    assert head(fields["encoding"], fields["mask"])["predictions"] == [[], [], []]


def test_scores_count_all_gold_relations() -> None:
    head, fields = head_of(labels=None, gold_predicates=True).eval(), batch()
    found = head(**fields, metadata=metadata())["predictions"]
    assert all(relation.arg1 in PREDICATES[row] for row, relations in enumerate(found) for relation in relations)
    correct = sum(relation in row["relations"] for relations, row in zip(found, metadata()) for relation in relations)
    metrics = head.get_metrics(reset=True)
    assert metrics["recall"] == correct / 4 and metrics["precision"] == correct / sum(map(len, found))
    assert not any("typed" in name for name in metrics)
    # The verbs that a level finds, where they are not given.
    head = head_of().eval()
    spans = [[Span(3, 4, "VERB")], [], []]
    relations = head(**fields, metadata=metadata(), predicted_spans=[spans])["predictions"]
    assert relations[0] and {relation.arg1 for relation in relations[0]} == {(3, 4)} and not relations[2]


def test_what_can_be_found() -> None:
    head = head_of()
    gold = [
        Relation((1, 1), (0, 0), "nsubj"),
        Relation((1, 1), (2, 4), "obj"),
        # Within another argument, of an unknown label, of no predicate.
        Relation((1, 1), (3, 3), "obl"),
        Relation((1, 1), (5, 5), "vocative"),
        Relation((2, 2), (5, 5), "obj"),
    ]
    assert head.findable({"relations": gold, "predicates": [(1, 1)]}) == (2, 5)


def test_labels_in_another_order_mean_the_same() -> None:
    head, fields = head_of().eval(), batch()
    # The words decide, not the tags before and after.
    torch.nn.init.normal_(head._tagger._projection.weight, std=10.0)
    assert head.labels == list(LABELS)
    order = [2, 0, 1]
    other = head_of().eval()
    other.load_state_dict(head.reordered(head.state_dict(), order))
    other.labels = other._tagger.labels = [head.labels[number] for number in order]
    spans = [[[Span(4, 4, "VERB"), Span(1, 1, "VERB")], [Span(1, 1, "VERB")], [Span(0, 0, "VERB")]]]
    outputs = [each(fields["encoding"], fields["mask"], predicted_spans=spans)["predictions"] for each in (head, other)]
    assert outputs[0] == outputs[1] and {relation.label for row in outputs[0] for relation in row} == set(LABELS)


def test_mistakes(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ConfigurationError, match="level 'roles' reads no level that finds predicates for"):
        head_of(labels=None)
    with pytest.raises(ConfigurationError, match=r"predicate_labels must be a list of labels, such as \['VERB'\]"):
        head_of(predicate_labels="VERB")
    with pytest.raises(ConfigurationError, match="max_distance is 0; it must be at least 1"):
        head_of(max_distance=0)
    with caplog.at_level(logging.WARNING):
        head_of(labels=["V", "N"])
    assert "'pos', which is to find its predicates, has none of the labels VERB" in caplog.text

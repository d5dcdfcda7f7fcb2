"""The trainer computes a batch in parts: what it makes of their losses and gradients are those of the whole batch."""

from typing import Any, Dict, List, Tuple, cast

import pytest
import torch
from allennlp.common import Params
from allennlp.data import Vocabulary
from allennlp.models.heads import Head

from hmtl.tasks import BiaffineHead, CorefHead, CrfHead, RelationHead, SpanHead, SpanRelationHead
from hmtl.tasks.task_head import TaskHead

DIM = 5
LENGTHS = [4, 1, 6, 1, 3]
# Rows `(start, end, label)` and `(token, token, type)`; sentences 1 and 3 have one token, and hence no pair of tokens.
SPANS = [[(0, 1, 0), (3, 3, 1)], [(0, 0, 1)], [(2, 4, 0)], [], [(0, 2, 1)]]
RELATIONS = [[(0, 2, 0), (0, 2, 2)], [], [(5, 1, 1)], [], [(2, 0, 1)]]
# Rows `(start, end, start, end, type)` and `(start, end, label)`.
SPAN_RELATIONS = [[(0, 1, 3, 3, 0), (0, 1, 3, 3, 2)], [], [(2, 4, 5, 5, 1), (5, 5, 2, 4, 0)], [], [(1, 1, 0, 2, 1)]]
SPAN_MENTIONS = [[(0, 1, 0), (2, 3, 1)], [(0, 0, 1)], [(5, 5, 1)], [], []]
# Rows `(start, end)` and `(number of the predicate, start, end, label)`; sentences 1 and 3 have no predicate.
PREDICATES = [[(1, 1), (3, 3)], [], [(2, 2)], [], [(0, 1)]]
ARGUMENTS = [[(0, 0, 0, 1), (0, 2, 3, 0), (1, 0, 2, 1)], [], [(0, 3, 5, 0)], [], []]
CLUSTERS = [[(0, 0, 0), (2, 3, 0)], [(0, 0, 0)], [(0, 1, 0), (3, 3, 1), (5, 5, 0)], [(0, 0, 0)], [(0, 0, 1), (2, 2, 1)]]
# Rows `(token, head, relation)`.
DEPENDENCIES = [[(0, 2, 0), (1, 0, 2), (2, 2, 1), (3, 2, 1)], [(0, 0, 2)], [(5, 0, 2), (1, 6, 0)], [(0, 0, 2)], []]
# Parts of one sentence, of several, and one that has no pair of tokens at all.
PARTS = [[0], [1, 3], [2, 4]]


def padded(rows: List[List[Tuple[int, ...]]], width: int = 3) -> torch.Tensor:
    longest = max(1, *map(len, rows))
    return torch.tensor([list(row) + [(-1,) * width] * (longest - len(row)) for row in rows])


def batch() -> Dict[str, Any]:
    width = max(LENGTHS)
    return {
        "encoding": torch.randn(len(LENGTHS), width, DIM),
        "encoder_input": torch.randn(len(LENGTHS), width, DIM),
        "mask": torch.arange(width) < torch.tensor(LENGTHS).unsqueeze(1),
        "sentence_ids": torch.zeros(len(LENGTHS), width, dtype=torch.long),
        "spans": padded(SPANS),
        "all_spans": padded(SPANS),
        "relations": padded(RELATIONS),
        "span_relations": padded(SPAN_RELATIONS, 5),
        "span_mentions": padded(SPAN_MENTIONS),
        "predicates": padded(PREDICATES, 2),
        "arguments": padded(ARGUMENTS, 4),
        "mentions": padded(CLUSTERS),
        "dependencies": padded(DEPENDENCIES),
    }


def part_of(whole: Dict[str, Any], rows: List[int], trim: bool = True) -> Dict[str, Any]:
    """Some rows of the batch, with no more padding than they need, or with as much as they had."""
    part = {name: tensor[rows] for name, tensor in whole.items()}
    if trim:
        longest = max(LENGTHS[row] for row in rows)
        for name in ("encoding", "encoder_input", "mask", "sentence_ids"):
            part[name] = part[name][:, :longest]
    return part


def crf(reduction: str) -> TaskHead:
    return CrfHead(Vocabulary(counter={"ner_labels": {"PER": 2, "ORG": 1}}), DIM, "ner", loss_reduction=reduction)


def relation(reduction: str) -> TaskHead:
    types = {"PHYS": 3, "PER-SOC": 2, "ART": 1}
    return RelationHead(Vocabulary(counter={"re_labels": types}), DIM, "re", hidden_dim=4, loss_reduction=reduction)


def coref(predict_singletons: bool = False) -> TaskHead:
    options = {"max_span_width": 3, "spans_per_word": 1.0, "hidden_dim": 6, "dropout": 0.0}
    return CorefHead(Vocabulary(), DIM, DIM, **options, predict_singletons=predict_singletons)


def spans(reduction: str, several_labels: bool = False) -> TaskHead:
    vocab = Vocabulary(counter={"ner_labels": {"PER": 2, "ORG": 1}})
    options = {"hidden_dim": 6, "dropout": 0.0, "several_labels": several_labels, "content": "maximum"}
    return SpanHead(vocab, DIM, DIM, "ner", max_span_width=3, loss_reduction=reduction, **options)


def span_relations(reduction: str) -> TaskHead:
    counter = {"re_labels": {"PHYS": 3, "PER-SOC": 2, "ART": 1}, "mention_labels": {"PER": 2, "ORG": 1}}
    options = {"hidden_dim": 4, "dropout": 0.0, "num_drawn_spans": 0, "symmetric": ["PER-SOC"]}
    layers = {"ner": ["PER", "ORG"]}
    return SpanRelationHead(Vocabulary(counter=counter), DIM, "re", layers, loss_reduction=reduction, **options)


def predicate_arguments() -> TaskHead:
    vocab = Vocabulary(counter={"roles_labels": {"nsubj": 2, "obj": 1}})
    params = Params({"type": "hmtl_predicate_arguments", "encoder": {"type": "hmtl_window", "hidden_size": 6}})
    about = {"vocab": vocab, "encoding_dim": DIM, "task_name": "roles", "span_layers": {"pos": ["VERB"]}}
    return cast(TaskHead, Head.from_params(params, **about))


def biaffine() -> TaskHead:
    vocab = Vocabulary(counter={"dependencies_labels": {"nsubj": 3, "obj": 2, "root": 1}})
    head = BiaffineHead(vocab, DIM, "dependencies", arc_dim=4, relation_dim=3, dropout=0.0)
    for weight in (head._arc_weight, head._relation_weight):
        torch.nn.init.normal_(weight, std=0.1)
    return head


HEADS = {
    "crf sum": lambda: crf("sum"),
    "crf mean": lambda: crf("mean"),
    "relation sum": lambda: relation("sum"),
    "relation mean": lambda: relation("mean"),
    "relation as_2018": lambda: relation("as_2018"),
    "biaffine": biaffine,
    "spans sum": lambda: spans("sum"),
    "spans mean": lambda: spans("mean"),
    "spans with several labels": lambda: spans("sum", several_labels=True),
    "span relations sum": lambda: span_relations("sum"),
    "span relations mean": lambda: span_relations("mean"),
    "predicate arguments": predicate_arguments,
    "coref": coref,
    "coref with singletons": lambda: coref(predict_singletons=True),
}
SUMS = ("crf sum", "relation sum", "spans sum", "spans with several labels", "span relations sum", "coref")
SUMS += ("coref with singletons", "predicate arguments")


def gradients_of(head: TaskHead) -> Dict[str, torch.Tensor]:
    gradients = {name: parameter.grad.clone() for name, parameter in head.named_parameters()}
    head.zero_grad()
    return gradients


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", HEADS)
def test_the_parts_make_the_whole(name: str, training: bool) -> None:
    head = HEADS[name]().double().train(training)
    whole = batch()
    whole.update({key: whole[key].double() for key in ("encoding", "encoder_input")})
    output = head(**whole)
    output["loss"].backward()
    expected = gradients_of(head)

    total, count = 0.0, 0.0
    for rows in PARTS:
        # Of the mean that counts padding the parts are padded like the whole: otherwise they cannot add up.
        part = head(**part_of(whole, rows, trim=name != "relation as_2018"))
        weight = part.get("loss_count", torch.tensor(1.0))
        (part["loss"] * weight).backward()
        total, count = total + (part["loss"] * weight).item(), count + weight.item()
    if name in SUMS:
        count = 1.0
    assert total / count == pytest.approx(output["loss"].item(), rel=1e-9)
    for parameter, gradient in gradients_of(head).items():
        torch.testing.assert_close(gradient / count, expected[parameter])


# By hand: five sentences; the pairs of different tokens of 4, 6 and 3 tokens by three types; all pairs of 5 x 6 x 6.
@pytest.mark.parametrize(
    "name,expected",
    [
        ("crf mean", 5),
        ("spans mean", 5),
        ("span relations mean", 5),
        ("relation mean", (12 + 30 + 6) * 3),
        ("relation as_2018", 5 * 36 * 3),
    ],
)
def test_a_mean_says_over_how_many(name: str, expected: int) -> None:
    head = HEADS[name]()
    for training in (True, False):
        count = head.train(training)(**batch())["loss_count"]
        assert count.item() == expected
        assert count.shape == () and count.dtype == torch.float32 and not count.requires_grad


@pytest.mark.parametrize("name", SUMS)
def test_a_sum_needs_no_count(name: str) -> None:
    head = HEADS[name]()
    for training in (True, False):
        assert "loss_count" not in head.train(training)(**batch())


def test_a_part_without_pairs_counts_nothing() -> None:
    output = relation("mean")(**part_of(batch(), [1, 3]))
    assert output["loss"].item() == 0 and output["loss_count"].item() == 0
    output["loss"].backward()

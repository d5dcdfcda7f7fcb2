"""Flaw 6: the relations' loss is 100 times a mean over all pairs of the padded batch, a token with itself included.

The reference is the published computation written out in numpy: scores and labels are multiplied by the mask of pairs,
then binary cross-entropy is averaged over every cell.
"""

import math
from typing import List, Tuple

import numpy as np
import pytest
import torch
from allennlp.data import Vocabulary

from hmtl.tasks import RelationHead

TYPES = ["ORG-AFF", "PHYS", "ART"]
Row = Tuple[int, int, int]


def head_of(**options: object) -> RelationHead:
    vocab = Vocabulary(counter={"relation_labels": dict(zip(TYPES, (3, 2, 1)))})
    return RelationHead(vocab, 4, "relation", hidden_dim=8, **options)


def faithful_head() -> RelationHead:
    return head_of(loss_reduction="as_2018", allow_self_relations=True)


def published_loss(scores: np.ndarray, lengths: List[int], relations: List[List[Row]]) -> float:
    """Of scores, shape (batch_size, length, length, num_types)."""
    labels = np.zeros_like(scores)
    mask = np.zeros_like(scores)
    for sentence, length in enumerate(lengths):
        mask[sentence, :length, :length] = 1
        for row in relations[sentence]:
            labels[(sentence, *row)] = 1
    scores, labels = scores * mask, labels * mask
    # -log sigmoid(s) = log(1 + e^-s), and -log (1 - sigmoid(s)) = log(1 + e^s).
    cells = labels * np.log1p(np.exp(-scores)) + (1 - labels) * np.log1p(np.exp(scores))
    return float(100 * cells.mean())


def batch(lengths: List[int], relations: List[List[Row]]) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Encodings, also where there is padding, the mask and the relations."""
    width, longest = max(lengths), max(map(len, relations))
    rows = [[*of_one, *[(-1, -1, -1)] * (longest - len(of_one))] for of_one in relations]
    mask = torch.arange(width) < torch.tensor(lengths).unsqueeze(1)
    return (
        torch.randn(len(lengths), width, 4),
        mask,
        torch.tensor(rows, dtype=torch.long).view(len(lengths), longest, 3),
    )


@pytest.mark.parametrize(
    "lengths, relations",
    [
        ([6, 12], [[(0, 2, 1)], [(3, 3, 0), (11, 4, 2)]]),
        ([1, 5, 3], [[], [(4, 0, 0), (4, 0, 1)], [(2, 2, 2)]]),
        ([4], [[]]),
    ],
)
def test_faithful_is_the_published_formula(lengths: List[int], relations: List[List[Row]]) -> None:
    head = faithful_head()
    encoding, mask, rows = batch(lengths, relations)
    expected = published_loss(head.scores(encoding).detach().double().numpy(), lengths, relations)
    assert head(encoding, mask, rows)["loss"].item() == pytest.approx(expected, rel=1e-5)


def test_padded_pairs_add_log_2_and_have_no_gradient() -> None:
    """A sentence of 6 tokens beside one of 12: of the cells of the first, 36 of 144 are real."""
    head = faithful_head()
    lengths, relations = [6, 12], [[(0, 2, 1)], [(3, 1, 0)]]
    _, mask, rows = batch(lengths, relations)
    # So sure that there are no relations that real pairs add nothing but what two relations cost.
    scores = torch.full((2, 12, 12, 3), -20.0, requires_grad=True)
    loss = head._loss(scores, rows, head._pair_mask(mask))["loss"]
    expected = 100 * (2 * 20.0 + (144 - 36) * 3 * math.log(2)) / (2 * 144 * 3)
    assert loss.item() == pytest.approx(expected, rel=1e-4)
    scores = torch.randn(2, 12, 12, 3, requires_grad=True)
    head._loss(scores, rows, head._pair_mask(mask))["loss"].backward()
    assert scores.grad is not None
    is_real = (mask.unsqueeze(2) & mask.unsqueeze(1)).unsqueeze(-1).expand_as(scores)
    assert scores.grad[~is_real].abs().max() == 0 and scores.grad[is_real].abs().min() > 0
    # By hand: d/ds of -log (1 - sigmoid(s)) is sigmoid(s), of all that is meant and taken 100 times.
    expected_gradient = 100 * scores[0, 1, 1, 0].sigmoid().item() / (2 * 144 * 3)
    assert scores.grad[0, 1, 1, 0].item() == pytest.approx(expected_gradient, rel=1e-5)


def test_faithful_predicts_relations_of_a_token_with_itself() -> None:
    encoding, mask, _ = batch([3], [[]])
    # Every pair of every type is predicted.
    certain = {"threshold": 1e-9}
    for options, expected in (
        ({}, 3 * 2 * 3),
        ({"loss_reduction": "as_2018", "allow_self_relations": True}, 3 * 3 * 3),
    ):
        (found,) = head_of(**certain, **options).eval()(encoding, mask)["predictions"]
        assert len(found) == expected


@pytest.mark.parametrize("width", [3, 4])
def test_right_is_the_mean_over_real_pairs(width: int) -> None:
    """Sentences of 3 and 2 tokens, padded to `width`, with one relation, and 1/5 as the probability of every pair."""
    vocab = Vocabulary(counter={"relation_labels": {"ROAD": 1}})
    head = RelationHead(vocab, 4, "relation", prior_probability=0.2)
    torch.nn.init.zeros_(head._type_projection.weight)
    mask = torch.arange(width) < torch.tensor([[3], [2]])
    relations = torch.tensor([[[0, 2, 0]], [[-1, -1, -1]]])
    # 3 * 2 and 2 * 1 pairs of different tokens, one of them related.
    expected = (-math.log(0.2) - 7 * math.log(0.8)) / 8
    assert head(torch.randn(2, width, 4), mask, relations)["loss"].item() == pytest.approx(expected)

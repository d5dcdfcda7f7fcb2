"""Flaw 6: padded pairs of tokens stay in the loss of RE."""

import math

import pytest
import torch
from allennlp.data import Vocabulary

from hmtl.models.heads import RelationHead

# Every pair has the probability 1/5, whatever its tokens.
PROBABILITY = 0.2
RELATED, UNRELATED = -math.log(0.2), -math.log(0.8)


def loss(reduction: str, width: int) -> float:
    """Of sentences of 3 and 2 tokens, padded to `width`, with one relation in the first."""
    vocab = Vocabulary(counter={"relation_labels": {"ROAD": 1}})
    head = RelationHead(vocab, 4, "relation", prior_probability=PROBABILITY, loss_reduction=reduction)
    torch.nn.init.zeros_(head._type_projection.weight)
    mask = torch.arange(width) < torch.tensor([[3], [2]])
    relations = torch.tensor([[[0, 2, 0]], [[-1, -1, -1]]])
    return head(torch.randn(2, width, 4), mask, relations)["loss"].item()


@pytest.mark.parametrize("width", [3, 4])
def test_right_is_the_mean_over_real_pairs(width: int) -> None:
    # 3 * 2 and 2 * 1 pairs of different tokens, one of them related: 0.3964.
    assert loss("mean", width) == pytest.approx((RELATED + 7 * UNRELATED) / 8)
    assert loss("mean", width) == pytest.approx(0.3964, abs=1e-4)


def test_faithful_falls_with_padding() -> None:
    # 2 * 3 * 3 cells, then 2 * 4 * 4, one of them related: 0.3002, then 0.2665.
    assert loss("padded_mean", 3) == pytest.approx((RELATED + 17 * UNRELATED) / 18)
    assert loss("padded_mean", 3) == pytest.approx(0.3002, abs=1e-4)
    assert loss("padded_mean", 4) == pytest.approx((RELATED + 31 * UNRELATED) / 32)
    assert loss("padded_mean", 4) == pytest.approx(0.2665, abs=1e-4)

"""The reference: each row by itself, without padding."""

import pytest
import torch

from hmtl.errors import ConfigurationError
from hmtl.modules import Pooling

LENGTHS = [4, 1, 3, 0]
DIM = 5


@pytest.mark.parametrize("name", ["max", "mean", "attention", "first"])
def test_a_row_is_pooled_as_it_would_be_alone(name):
    torch.manual_seed(1)
    pooling = Pooling(name, DIM)
    # Below zero, so that padding would be seen.
    vectors = torch.randn(len(LENGTHS), max(LENGTHS), DIM) - 3
    mask = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS).unsqueeze(1)
    found = pooling(vectors, mask)
    for row, length in enumerate(LENGTHS[:-1]):
        tokens = vectors[row, :length]
        expected = {"max": lambda t: t.max(0).values, "mean": lambda t: t.mean(0), "first": lambda t: t[0]}
        if name == "attention":
            scores = [pooling._context(torch.tanh(pooling._hidden(token))) for token in tokens]
            weights = torch.cat(scores).softmax(0)
            torch.testing.assert_close(found[row], sum(w * token for w, token in zip(weights, tokens)))
        else:
            torch.testing.assert_close(found[row], expected[name](tokens))
    assert found[-1].tolist() == [0.0] * DIM


def test_the_first_token_is_that_of_the_mask():
    vectors = torch.randn(1, 4, DIM)
    mask = torch.tensor([[False, False, True, True]])
    assert torch.equal(Pooling("first", DIM)(vectors, mask)[0], vectors[0, 2])


def test_a_pooling_that_nobody_knows_is_refused():
    with pytest.raises(ConfigurationError, match="pooling must be one of max, mean, attention, first, not 'last'"):
        Pooling("last", DIM)  # type: ignore[arg-type]

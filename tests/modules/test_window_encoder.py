"""The reference concatenates the vectors of each window, token by token."""

from typing import List

import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.modules import Seq2SeqEncoder

from hmtl.modules import WindowEncoder

LENGTHS = [5, 1, 3]


def encoder_of(window_size: int = 3) -> WindowEncoder:
    params = Params({"type": "hmtl_window", "hidden_size": 4, "window_size": window_size})
    encoder = Seq2SeqEncoder.from_params(params, input_size=2)
    assert isinstance(encoder, WindowEncoder)
    torch.nn.init.normal_(encoder._padding)
    return encoder


def by_windows(encoder: WindowEncoder, sentence: torch.Tensor, window_size: int) -> torch.Tensor:
    """A linear layer over the concatenated window, (length, input_size) -> (length, hidden_size)."""
    padding, width = encoder._padding, window_size // 2
    words = [padding] * width + list(sentence) + [padding] * width
    # The weight of each output, position by position of the window.
    weight = encoder._convolution.weight.transpose(1, 2).flatten(1)
    rows: List[torch.Tensor] = []
    for position in range(len(sentence)):
        total = weight @ torch.cat(words[position : position + window_size]) + encoder._convolution.bias
        rows.append(total.clamp(min=-1.0, max=1.0))
    return torch.stack(rows)


@pytest.mark.parametrize("window_size", [1, 3, 7])
def test_each_token_has_a_linear_layer_over_its_window(window_size: int) -> None:
    encoder = encoder_of(window_size)
    inputs = 2 * torch.randn(len(LENGTHS), max(LENGTHS), 2)
    mask = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS).unsqueeze(1)
    outputs = encoder(inputs, mask)
    for row, length in enumerate(LENGTHS):
        torch.testing.assert_close(outputs[row, :length], by_windows(encoder, inputs[row, :length], window_size))
        assert not outputs[row, length:].any()
    # Some are cut off, and not all.
    assert 0 < (outputs.abs() == 1).sum() < mask.sum() * 4


def test_padding_reaches_no_token() -> None:
    encoder = encoder_of()
    inputs, mask = torch.randn(1, 4, 2), torch.tensor([[True, True, False, False]])
    other = inputs.clone()
    other[0, 2:] = 100.0
    torch.testing.assert_close(encoder(inputs, mask), encoder(other, mask))
    torch.testing.assert_close(encoder(inputs[:, :2], mask[:, :2]), encoder(inputs, mask)[:, :2])


def test_all_weights_learn() -> None:
    encoder = encoder_of()
    assert (encoder.get_input_dim(), encoder.get_output_dim(), encoder.is_bidirectional()) == (2, 4, False)
    encoder(0.1 * torch.randn(2, 3, 2), torch.ones(2, 3, dtype=torch.bool)).sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in encoder.parameters())


@pytest.mark.parametrize("options", [{"window_size": 4}, {"window_size": -1}, {"hidden_size": 0}])
def test_sizes_that_are_none(options: dict) -> None:
    with pytest.raises(
        ConfigurationError, match=f"{next(iter(options))} is {next(iter(options.values()))}; it must be"
    ):
        WindowEncoder(2, **options)

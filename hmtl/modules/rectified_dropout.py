"""ReLU followed by dropout, for layers over many pairs: few random bits, and one stored tensor instead of three."""

from typing import Any, Tuple

import torch
from torch.autograd.function import once_differentiable

from hmtl.modules.precision import at_least_float32

# A number is dropped or kept by comparing 16 random bits with a threshold.
NUM_LEVELS = 2**16


def rectified_dropout(inputs: torch.Tensor, probability: float, training: bool) -> torch.Tensor:
    """`dropout(relu(inputs), probability)`.

    Torch draws a random number of its own for each element, which on a CPU takes longer than a matrix product. Here 64
    random bits of torch's generator serve four elements, so that `probability` is rounded to a multiple of 2^-16; what
    is kept is scaled by the rounded one, which keeps the expectation. The gradient needs nothing but the output: it
    passes where that is positive.

    Forward and backward pass over 1000 x 150 numbers: torch's two functions take a CPU thread 1.8 times as long
    (benchmarks/modules.py).

    # Parameters

    inputs : `torch.Tensor`
        Of any shape.
    probability : `float`
        Of dropping an element.
    training : `bool`
        Whether to drop any.
    """
    num_dropped = round(probability * NUM_LEVELS)
    if training and inputs.device.type == "cpu" and 0 < num_dropped < NUM_LEVELS:
        return _RectifiedDropout.apply(inputs, num_dropped)
    # Other devices have a fused kernel of dropout.
    return torch.nn.functional.dropout(inputs.relu(), probability, training)


class _RectifiedDropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: torch.Tensor, num_dropped: int) -> torch.Tensor:
        ctx.scale = NUM_LEVELS / (NUM_LEVELS - num_dropped)
        rectified = at_least_float32(inputs).clamp(min=0)
        bits = torch.empty((inputs.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
        # As floats, which are compared many at a time. Shape: that of the inputs, from -2^15 to 2^15 - 1
        levels = bits.view(torch.int16)[: inputs.numel()].view(inputs.shape).to(rectified.dtype)
        output = _where_above(rectified, levels, num_dropped - NUM_LEVELS // 2 - 1).mul_(ctx.scale).to(inputs.dtype)
        ctx.save_for_backward(output)
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Tuple[torch.Tensor, None]:
        (output,) = ctx.saved_tensors
        return _where_above(gradient, output, 0).mul_(ctx.scale), None


def _where_above(values: torch.Tensor, levels: torch.Tensor, threshold: int) -> torch.Tensor:
    """The values whose levels are above the threshold, 0 for the others: a vectorised `torch.where`."""
    return torch.ops.aten.threshold_backward(values, levels, threshold)

"""Dropout with cheap random numbers, alone and behind a ReLU."""

from typing import Any, Tuple

import torch
from torch.autograd.function import once_differentiable

from hmtl.modules.float32 import at_least_float32

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


class Dropout(torch.nn.Dropout):
    """`torch.nn.Dropout`, faster on CPUs, where torch spends its time on one random number an element.

    Four elements share one of 64 bits here, and so `p` is rounded to a multiple of 2^-16; what is kept is scaled by the
    rounded probability, so that the expectation is exact. Elsewhere, and where rounding would leave nothing of `p` or
    of `1 - p`, it is torch's own.

    Forward and backward pass over 1600 x 228 numbers: torch's takes a CPU thread 2.7 times as long
    (benchmarks/modules.py).
    """

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        num_dropped = round(self.p * NUM_LEVELS)
        if not self.training or inputs.device.type != "cpu" or num_dropped in (0, NUM_LEVELS):
            return super().forward(inputs)
        numbers = torch.empty(inputs.numel() // 4 + 1, dtype=torch.int64).random_(-(2**63), None)
        kept = numbers.view(torch.int16)[: inputs.numel()] >= num_dropped - NUM_LEVELS // 2
        noise = kept.to(inputs.dtype).mul_(NUM_LEVELS / (NUM_LEVELS - num_dropped))
        return inputs * noise.view(inputs.shape)

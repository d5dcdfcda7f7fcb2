"""A linear layer over the element-wise products of each span with its nearest antecedents, without those products."""

from typing import Any, Tuple

import torch
from torch.autograd.function import once_differentiable

from hmtl.modules.precision import at_least_float32


def antecedent_products(spans: torch.Tensor, weight: torch.Tensor, num_antecedents: int) -> torch.Tensor:
    """The linear map of `spans[i] * spans[i - offset]` for every span `i` and every offset up to `num_antecedents`.

    The products, num_spans * num_antecedents * span_dim numbers, are made and used up one offset at a time: spans in
    document order and their antecedents at one offset are two slices of the same matrix.

    # Parameters

    spans : `torch.Tensor`
        Shape: (num_spans, span_dim)
    weight : `torch.Tensor`
        Shape: (hidden_dim, span_dim)
    num_antecedents : `int`

    # Returns

    `torch.Tensor`
        Shape: (num_spans, num_antecedents, hidden_dim); 0 where `i - offset` is below 0. It can be differentiated once.
        Under autocast it is computed in 16 bits, and its gradients are summed over the offsets in float32.
    """
    return _AntecedentProducts.apply(spans, weight, num_antecedents)


class _AntecedentProducts(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, spans: torch.Tensor, weight: torch.Tensor, num_antecedents: int) -> torch.Tensor:
        device = spans.device.type
        if torch.is_autocast_enabled(device):
            # Once, not at each offset.
            spans, weight = (tensor.to(torch.get_autocast_dtype(device)) for tensor in (spans, weight))
        ctx.save_for_backward(spans, weight)
        output = spans.new_zeros(len(spans), num_antecedents, len(weight))
        for offset in range(1, min(num_antecedents, len(spans) - 1) + 1):
            # Shape: (num_spans - offset, hidden_dim)
            output[offset:, offset - 1] = (spans[offset:] * spans[:-offset]) @ weight.t()
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor, None]:
        spans, weight = ctx.saved_tensors
        of_spans, of_weight = (at_least_float32(torch.zeros_like(tensor)) for tensor in (spans, weight))
        with torch.autocast(gradient.device.type, enabled=False):
            for offset in range(1, min(gradient.size(1), len(spans) - 1) + 1):
                later, earlier = spans[offset:], spans[:-offset]
                # Shape: (num_spans - offset, hidden_dim)
                at_offset = gradient[offset:, offset - 1]
                _add_product(of_weight, at_offset.t(), later * earlier)
                # Shape: (num_spans - offset, span_dim)
                of_products = at_offset @ weight
                of_spans[offset:].addcmul_(of_products, earlier)
                of_spans[:-offset].addcmul_(of_products, later)
        return of_spans, of_weight, None


def _add_product(total: torch.Tensor, left: torch.Tensor, right: torch.Tensor) -> None:
    """Adds the product of two matrices, which may hold fewer bits than the sum."""
    if total.dtype == left.dtype:
        total.addmm_(left, right)
    else:
        total += left @ right

"""Weights in 16 or 8 bits, for files alone: they are read back as 32 bits, and all computation is in these.

With 16 bits each number is the nearest of float16. With 8 bits the large matrices have whole numbers from -127 to 127,
and each of their rows a factor: the largest absolute value of the row is 127 times the factor ("absmax" quantisation;
Dettmers et al. 2022, LLM.int8()). No number is off by more than half the factor. What is not large stays as it is.
"""

from typing import Dict

import torch

FULL = 32
PRECISIONS = (32, 16, 8)
# The key of a file's metadata that tells the bits.
BITS = "hmtl_bits"

_FACTORS = ".hmtl_factors"
_LARGEST = 127
# The numbers of a matrix from which on it is stored in 8 bits: those below make little of a file.
_MIN_NUMBERS = 2**13


def reduced(weights: Dict[str, torch.Tensor], bits: int) -> Dict[str, torch.Tensor]:
    """The tensors in so many bits, by name, and the factors of rows beside them.

    A vector, and what float16 has no room for, stays as it is; so do numbers that are no floats of 32 bits.
    """
    found: Dict[str, torch.Tensor] = {}
    for name, tensor in weights.items():
        if tensor.dtype != torch.float32 or tensor.dim() < 2:
            found[name] = tensor
        elif bits == 16:
            half = tensor.half()
            found[name] = half if half.isfinite().all() else tensor
        elif tensor.numel() < _MIN_NUMBERS or not tensor.isfinite().all():
            found[name] = tensor
        else:
            # Shape: (num_rows, num_columns); a convolution's row is a filter
            rows = tensor.flatten(1)
            # Shape: (num_rows, 1); of a row of zeros any will do
            factors = (rows.abs().amax(1, keepdim=True) / _LARGEST).clamp(min=torch.finfo(torch.float32).tiny)
            found[name] = (rows / factors).round().to(torch.int8).reshape(tensor.shape)
            found[name + _FACTORS] = factors.squeeze(1)
    return found


def expanded(weights: Dict[str, torch.Tensor]) -> Dict[str, torch.Tensor]:
    """The tensors of `reduced` in 32 bits.

    # Raises

    ValueError
        Where factors have no matrix, or one of other size.
    """
    found: Dict[str, torch.Tensor] = {}
    for name, tensor in weights.items():
        factors = weights.get(name + _FACTORS)
        if name.endswith(_FACTORS):
            if name.removesuffix(_FACTORS) not in weights:
                raise ValueError(f"{name} has no matrix")
        elif factors is None:
            found[name] = tensor.float() if tensor.dtype == torch.float16 else tensor
        elif tensor.dtype != torch.int8 or tensor.shape[:1] != factors.shape:
            raise ValueError(f"{name} is no matrix of 8 bits with {factors.numel()} rows")
        else:
            # Shape: (num_rows, 1, ...)
            factors = factors.reshape(-1, *(1 for _ in tensor.shape[1:]))
            found[name] = tensor.float() * factors
    return found

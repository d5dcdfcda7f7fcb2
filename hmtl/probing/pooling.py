"""One vector a sentence from those of its tokens."""

from typing import Callable, Dict, List, Sequence

import torch

from hmtl.errors import UserError

Pooling = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def max_pooling(vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The maximum of each dimension. Shapes: (num_rows, length, dim), (num_rows, length) -> (num_rows, dim)"""
    return vectors.masked_fill(~mask.unsqueeze(-1), float("-inf")).amax(1)


def average_pooling(vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The mean of each dimension. Shapes: (num_rows, length, dim), (num_rows, length) -> (num_rows, dim)"""
    return vectors.masked_fill(~mask.unsqueeze(-1), 0).sum(1) / mask.sum(1, keepdim=True)


POOLINGS: Dict[str, Pooling] = {"max": max_pooling, "average": average_pooling}


def known_poolings(names: Sequence[str]) -> List[str]:
    """The names, each once.

    # Raises

    UserError
        Naming one that does not exist.
    """
    for name in names:
        if name not in POOLINGS:
            raise UserError(f"there is no pooling '{name}'; expected one of: {', '.join(POOLINGS)}")
    return list(dict.fromkeys(names))

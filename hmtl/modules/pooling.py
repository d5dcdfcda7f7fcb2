"""One vector for the tokens of a sentence, a document, or a part of one."""

from typing import Literal, cast, get_args

import torch
from allennlp.nn.util import masked_softmax

from hmtl.errors import ConfigurationError

PoolingName = Literal["max", "mean", "attention", "first"]


class Pooling(torch.nn.Module):
    """Makes one vector of those of a row's tokens; a row without tokens has zeros.

    # Parameters

    name : `str`
        `"max"`: the largest number of each dimension, as InferSent (Conneau et al. 2017, "Supervised Learning of
        Universal Sentence Representations from Natural Language Inference Data", section 3.2) and JMT (Hashimoto et al.
        2017, "A Joint Many-Task Model", section 2.5) have it; `"mean"`; `"first"`: the vector of the first token, as of
        `[CLS]`; `"attention"`: a mean weighted by a softmax over learned scores, tanh(W h + b) times a context vector
        (Yang et al. 2016, "Hierarchical Attention Networks for Document Classification", equations 5 to 7).
    dim : `int`
        The size of the vectors.

    # Raises

    ConfigurationError
        Where there is no such pooling.
    """

    def __init__(self, name: PoolingName, dim: int) -> None:
        super().__init__()
        if name not in get_args(PoolingName):
            raise ConfigurationError(f"pooling must be one of {', '.join(get_args(PoolingName))}, not '{name}'")
        self.name = name
        if name == "attention":
            self._hidden = torch.nn.Linear(dim, dim)
            self._context = torch.nn.Linear(dim, 1, bias=False)

    def forward(self, vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """(batch_size, length, dim) and the mask of tokens, (batch_size, length) -> (batch_size, dim)"""
        if self.name == "max":
            has_any = mask.any(1, keepdim=True)
            lowest = torch.finfo(vectors.dtype).min
            return vectors.masked_fill(~mask.unsqueeze(-1), lowest).amax(1).masked_fill(~has_any, 0.0)
        if self.name == "attention":
            # Shape: (batch_size, length)
            scores = self._context(torch.tanh(self._hidden(vectors))).squeeze(-1)
            weights = masked_softmax(scores, cast(torch.BoolTensor, mask), memory_efficient=False)
        elif self.name == "mean":
            weights = mask / mask.sum(1, keepdim=True).clamp(min=1)
        else:
            # The first token of the mask, which may begin behind others.
            weights = (mask & (mask.cumsum(1) == 1)).to(vectors.dtype)
        # Shape: (batch_size, dim)
        return (vectors * weights.unsqueeze(-1)).sum(1)

"""ELMo's scalar mix, for layers that lie one behind the other in memory."""

import torch
from allennlp.modules.scalar_mix import ScalarMix


def mixed_layers(mix: ScalarMix, layers: torch.Tensor) -> torch.Tensor:
    """gamma * sum_k softmax(w)_k h_k (Peters et al. 2018, equation 1), as one product of a vector and a matrix.

    # Parameters

    mix : `ScalarMix`
        One without layer normalization.
    layers : `torch.Tensor`
        Shape (num_layers, batch_size, num_tokens, dim), float32.

    # Returns

    `torch.Tensor`
        Shape (batch_size, num_tokens, dim), float32 under autocast, too.
    """
    with torch.autocast(layers.device.type, enabled=False):
        # Shape: (num_layers,)
        weights = mix.gamma * torch.softmax(torch.cat(list(mix.scalar_parameters)), dim=0)
        # Shape: (batch_size * num_tokens * dim,)
        mixed = weights @ layers.flatten(1)
    # Shape: (batch_size, num_tokens, dim)
    return mixed.view(layers.shape[1:])

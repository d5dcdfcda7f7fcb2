"""Feed-forward networks whose first layer is computed in parts."""

import torch
from allennlp.modules import FeedForward
from allennlp.nn import Activation

from hmtl.common.allennlp_internals import dropout_layers, linear_layers
from hmtl.modules.dropout import rectified_dropout


def feedforward(input_dim: int, num_layers: int, hidden_dim: int, dropout: float) -> FeedForward:
    """Layers of `hidden_dim` with ReLU and dropout."""
    return FeedForward(input_dim, num_layers, hidden_dim, Activation.by_name("relu")(), dropout)


def first_layer(network: FeedForward) -> torch.nn.Linear:
    """The first linear layer. It is linear in the parts of concatenated vectors: each part can be projected once, where
    it is, and summed where they meet."""
    return linear_layers(network)[0]


def after_first_layer(network: FeedForward, hidden: torch.Tensor) -> torch.Tensor:
    """The rest of such a network, given the output of its first linear layer."""
    for number, (linear, dropout) in enumerate(zip(linear_layers(network), dropout_layers(network))):
        hidden = hidden if number == 0 else linear(hidden)
        hidden = rectified_dropout(hidden, dropout.p, dropout.training)
    return hidden

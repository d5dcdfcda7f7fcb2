"""Models whose embedder computes in 8-bit integers, for prediction on CPUs."""

import warnings
from typing import cast

import torch

from hmtl.errors import UserError
from hmtl.models.hmtl import HMTL


def quantised(model: HMTL) -> HMTL:
    """A copy of the model, in evaluation mode, whose embedder, such as an encoder of transformers, holds the weights of
    its linear layers as 8-bit integers; what these layers read is rounded as it comes (dynamic quantisation).

    The levels stay as they are: LSTMs of their size are no faster with integers, and some heads compute with the
    weights of their layers directly.

    # Raises

    UserError
        Where the embedder has no linear layers.
    """
    layers = {
        f"text_field_embedder.{name}": torch.ao.quantization.default_dynamic_qconfig
        for name, module in model.text_field_embedder.named_modules()
        if type(module) is torch.nn.Linear
    }
    if not layers:
        raise UserError(
            "the predictor's precision int8 is for the linear layers of the embedder, such as those of transformers, "
            "and this model has none; use 'fp32' or 'bf16'"
        )
    with warnings.catch_warnings():
        # Torch warns that this function will move to another package.
        warnings.simplefilter("ignore")
        return cast(HMTL, torch.ao.quantization.quantize_dynamic(model.eval(), layers))

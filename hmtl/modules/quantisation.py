"""Models whose encoders compute in 8-bit integers, for prediction on CPUs."""

import warnings
from typing import Dict, cast

import torch

from hmtl.models.hmtl import HMTL

_QUANTISED = (torch.nn.LSTM, torch.nn.Linear)


def quantised(model: HMTL) -> HMTL:
    """A copy of the model, in evaluation mode, whose embedder and encoders hold the weights of LSTMs and linear layers
    as 8-bit integers, scaled tensor by tensor; what these layers read is rounded as it comes (dynamic quantisation).

    The heads stay as they are: some compute with the weights of their layers directly.
    """
    parts: Dict[str, torch.nn.Module] = {"encoders": model.encoders, "text_field_embedder": model.text_field_embedder}
    if model.shared_encoder is not None:
        parts["shared_encoder"] = model.shared_encoder
    configuration = torch.ao.quantization.default_dynamic_qconfig
    layers = {
        f"{part}.{name}": configuration
        for part, modules in parts.items()
        for name, module in modules.named_modules()
        if type(module) in _QUANTISED
    }
    with warnings.catch_warnings():
        # It is to move to another package one day.
        warnings.simplefilter("ignore")
        return cast(HMTL, torch.ao.quantization.quantize_dynamic(model.cpu().eval(), layers))

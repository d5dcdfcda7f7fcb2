"""Float32 for the parts of a model that need it where the rest runs in 16 bits (`torch.autocast`)."""

import torch


def at_least_float32(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor in float32, or as it is where it holds as much or more."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def in_float32(module: torch.nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """What the module computes without autocast. For scores that are compared with one another or normalised: of two
    scores near 10, bf16 cannot tell apart what differs by less than 0.06."""
    with torch.autocast(inputs.device.type, enabled=False):
        return module(at_least_float32(inputs))

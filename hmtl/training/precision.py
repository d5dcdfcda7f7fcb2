"""The number format of an update: float32, or mixed with a 16-bit one."""

from contextlib import nullcontext
from typing import ContextManager, Optional

import torch

from hmtl.errors import ConfigurationError

DTYPES = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


class Precision:
    """Runs the model in 16 bits where that is safe (`torch.autocast`); parameters and their gradients stay float32.

    # Parameters

    name : `str`
        `"fp32"`; `"bf16"`, with the range of float32 and less precision; or `"fp16"`, whose small gradients are kept
        from vanishing by scaling the loss.
    device : `torch.device`

    # Raises

    ConfigurationError
        Where the name is another, or the device has no such numbers.
    """

    def __init__(self, name: str, device: torch.device) -> None:
        if name not in DTYPES:
            raise ConfigurationError(f"trainer.precision: expected one of {', '.join(DTYPES)}, got '{name}'")
        self._dtype = DTYPES[name]
        self._device = device
        if name == "bf16" and device.type == "cuda" and not torch.cuda.is_bf16_supported():
            raise ConfigurationError("trainer.precision: this GPU has no bf16; use 'fp16' or 'fp32'")
        self._scales_loss = name == "fp16"

    def autocast(self) -> ContextManager[None]:
        """The context for forward passes."""
        return nullcontext() if self._dtype is None else torch.autocast(self._device.type, dtype=self._dtype)

    def new_scaler(self) -> Optional[torch.amp.GradScaler]:
        """The scaler of one optimizer's losses, where this format needs one: tasks differ in the size of their loss."""
        return torch.amp.GradScaler(self._device.type) if self._scales_loss else None

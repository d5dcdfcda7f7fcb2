"""Fused kernels for optimizers, which read and write each parameter once a step."""

import torch
from allennlp.training.optimizers import MultiOptimizer

# Devices for which every release of torch that this library supports has the kernels.
_DEVICES = ("cpu", "cuda")


def use_fused_kernels(optimizer: torch.optim.Optimizer) -> None:
    """Lets Adam and AdamW compute a step in one fused kernel, which reads and writes every number once.
    For a step over two million numbers torch's default takes a CPU thread 2.2 times as long (benchmarks/modules.py).

    It is the same arithmetic up to rounding, and the state has the same format: a state that was saved without fused
    kernels goes on without them. Parameters on other devices, groups of parameters that say `fused` or `foreach`
    themselves, and other optimizers are left as they are. An optimizer of several is changed part by part.
    """
    if isinstance(optimizer, MultiOptimizer):
        for part in optimizer.optimizers.values():
            use_fused_kernels(part)
    if not isinstance(optimizer, (torch.optim.Adam, torch.optim.AdamW)):
        return
    for group in optimizer.param_groups:
        is_free = group["fused"] is None and group["foreach"] is None
        if is_free and all(p.device.type in _DEVICES and p.is_floating_point() for p in group["params"]):
            group["fused"] = True
    if all(group["fused"] for group in optimizer.param_groups):
        # The kernels leave out steps along infinite gradients by themselves. A scaler that finds this attribute leaves
        # that to them, which saves one wait for the device an update in fp16. Torch sets it where it made the optimizer
        # with `fused=True`.
        setattr(optimizer, "_step_supports_amp_scaling", True)  # noqa: B010

"""AdamW for models with a pretrained encoder, and fused kernels, which read and write each parameter once a step."""

import re
from typing import Any, Dict, List, Optional, Tuple

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.training.optimizers import MultiOptimizer, Optimizer

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


@Optimizer.register("finetuning_adamw")
class FinetuningAdamW(Optimizer, torch.optim.AdamW):
    """AdamW (Loshchilov and Hutter 2019) with a small rate for a pretrained encoder and a larger one for all else, and
    without weight decay on vectors and scalars, which norms and biases are.

    With `layer_decay` each layer of the encoder learns more slowly than the one above it: of L layers, layer i (from 1)
    has `encoder_lr * layer_decay ** (L - i)`, the embeddings `encoder_lr * layer_decay ** L`, and what comes behind the
    last layer `encoder_lr` (Clark et al. 2020, "ELECTRA", appendix A; Howard and Ruder 2018). Layers are told by the
    first number in the names of parameters.

    Each group says in `part` what it holds: `heads`, `encoder`, `encoder.embeddings` or `encoder.layer.I`.

    # Parameters

    lr : `float`, optional (default = `0.001`)
        Of everything but the encoder.
    encoder_lr : `float`, optional (default = `5e-5`)
    layer_decay : `float`, optional (default = `1.0`)
        At 1 all layers have the same rate.
    weight_decay : `float`, optional (default = `0.01`)
        Of matrices.
    betas, eps : optional (default = `(0.9, 0.999)`, `1e-8`)
    encoder : `str`, optional
        A regular expression for the names of the encoder's parameters; by default those of the token embedder
        `hmtl_transformer`, but for its mix of layers.

    # Raises

    ConfigurationError
        Where `layer_decay` does not lie above 0 and up to 1.
    """

    def __init__(
        self,
        model_parameters: List[Tuple[str, torch.nn.Parameter]],
        lr: float = 0.001,
        encoder_lr: float = 5e-5,
        layer_decay: float = 1.0,
        weight_decay: float = 0.01,
        betas: Tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        encoder: str = r"\.transformer_model\.",
    ) -> None:
        if not 0 < layer_decay <= 1:
            raise ConfigurationError(f"finetuning_adamw: layer_decay is {layer_decay}; it lies above 0 and up to 1")
        groups: Dict[Tuple[str, bool], Dict[str, Any]] = {}
        for (_, parameter), (part, share) in zip(model_parameters, _parts(model_parameters, encoder, layer_decay)):
            rate = lr if share is None else encoder_lr * share
            decays = parameter.dim() > 1
            options = {"params": [], "part": part, "lr": rate, "weight_decay": weight_decay if decays else 0.0}
            groups.setdefault((part, decays), options)["params"].append(parameter)
        super().__init__(list(groups.values()), lr=lr, betas=(betas[0], betas[1]), eps=eps, weight_decay=weight_decay)


def _parts(
    named: List[Tuple[str, torch.nn.Parameter]], encoder: str, layer_decay: float
) -> List[Tuple[str, Optional[float]]]:
    """For each parameter its part, and the share that it has of the encoder's rate; `None` outside the encoder."""
    # Of each parameter of an encoder, that encoder and the number of the layer, where its name has one.
    places: List[Optional[Tuple[str, Optional[int]]]] = []
    num_layers: Dict[str, int] = {}
    for name, _ in named:
        found = re.search(encoder, name)
        if found is None:
            places.append(None)
            continue
        prefix, number = name[: found.end()], re.search(r"(?:^|\.)(\d+)\.", name[found.end() :])
        layer = int(number[1]) if number else None
        places.append((prefix, layer))
        num_layers[prefix] = max(num_layers.get(prefix, 0), 0 if layer is None else layer + 1)
    parts: List[Tuple[str, Optional[float]]] = []
    seen = set()
    for place in places:
        if place is None:
            parts.append(("heads", None))
            continue
        prefix, layer = place
        if layer is not None:
            seen.add(prefix)
        if layer_decay == 1 or (layer is None and prefix in seen):
            # Modules list their parameters in the order of their computation: what has no number stands before the
            # layers where it embeds, and behind them where it reads them.
            parts.append(("encoder", 1.0))
        elif layer is None:
            parts.append(("encoder.embeddings", layer_decay ** num_layers[prefix]))
        else:
            parts.append((f"encoder.layer.{layer + 1}", layer_decay ** (num_layers[prefix] - layer - 1)))
    return parts

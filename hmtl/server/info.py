"""Which model a server has."""

import hashlib
from dataclasses import asdict
from typing import Any, Dict

import torch

from hmtl.predictors import HMTLPredictor
from hmtl.server.limits import Limits
from hmtl.version import VERSION


def describe(predictor: HMTLPredictor, name: str, limits: Limits) -> Dict[str, Any]:
    """What `/info` answers: the model's name, its tasks with their labels, the digest of its weights, hmtl's version
    and the limits."""
    tasks = {
        task: {"predicts": layer, "labels": predictor.labels[task]} for task, layer in sorted(predictor.layers.items())
    }
    return {
        "model": name,
        "version": VERSION,
        "weights_sha256": weights_digest(predictor.model),
        "tasks": tasks,
        "limits": asdict(limits),
    }


def weights_digest(model: torch.nn.Module) -> str:
    """SHA-256, in hexadecimal, over the names, types, shapes and values of all parameters and buffers, by name.

    Equal weights have equal digests, whatever the file they were read from: a run's directory, its archive or another
    format.
    """
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        if not isinstance(value, torch.Tensor):
            continue
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        # Shape: (num_bytes,)
        values = value.detach().cpu().contiguous().flatten().view(torch.uint8)
        digest.update(values.numpy().tobytes())
    return digest.hexdigest()

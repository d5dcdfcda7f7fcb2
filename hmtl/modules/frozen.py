"""Frozen encoders: which of a model's they are, and how several models that share them compute each batch once."""

from contextlib import contextmanager
from typing import Any, Iterator, List, Mapping, Optional, Tuple

import torch
from allennlp.modules import TokenEmbedder

from hmtl.common.devices import known_on_host


def is_stateful(model: torch.nn.Module) -> bool:
    """Whether what a model makes of a batch depends on the batches before it."""
    return any(getattr(module, "stateful", False) for module in model.modules())


def frozen_encoders(model: torch.nn.Module) -> List[torch.nn.Module]:
    """The pretrained encoders in a model's embedding that training leaves as they are, if the model is not stateful."""
    if is_stateful(model):
        return []
    embedders: List[Any] = [part for part in model.modules() if isinstance(part, TokenEmbedder)]
    encoders = [embedder.frozen_module() for embedder in embedders if hasattr(embedder, "frozen_module")]
    return [part for part in encoders if not any(weight.requires_grad for weight in part.parameters())]


@contextmanager
def computed_once(module: torch.nn.Module) -> Iterator[None]:
    """For as long as it is open, a module that is called with what its last call had returns what that returned.

    What is kept is one batch. Weights must not change meanwhile, and nobody may write into what is returned.
    """
    # What `torch.compile` made of the module is called in the place of `forward`.
    name = "_compiled_call_impl" if vars(module).get("_compiled_call_impl") is not None else "forward"
    own = vars(module).get(name)
    compute = getattr(module, name)
    latest: Optional[Tuple[Any, Any]] = None

    def call(*arguments: Any, **options: Any) -> Any:
        nonlocal latest
        if latest is None or not are_equal(latest[0], (arguments, options)):
            latest = None  # its memory is for the next
            latest = (arguments, options), compute(*arguments, **options)
        return latest[1]

    setattr(module, name, call)
    try:
        yield
    finally:
        if own is None:
            delattr(module, name)
        else:
            setattr(module, name, own)


def are_equal(one: Any, other: Any) -> bool:
    """Whether tensors, or what is nested of them in mappings, lists and tuples, are the same bit by bit."""
    if isinstance(one, torch.Tensor):
        if not isinstance(other, torch.Tensor) or one.dtype != other.dtype:
            return False
        here, there = known_on_host(one), known_on_host(other)
        return torch.equal(one, other) if here is None or there is None else torch.equal(here, there)
    if isinstance(one, Mapping):
        is_alike = isinstance(other, Mapping) and one.keys() == other.keys()
        return is_alike and all(are_equal(value, other[key]) for key, value in one.items())
    if isinstance(one, (list, tuple)):
        return type(one) is type(other) and len(one) == len(other) and all(map(are_equal, one, other))
    return not isinstance(other, torch.Tensor) and bool(one == other)

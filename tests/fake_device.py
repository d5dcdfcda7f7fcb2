"""A device that is no device: what a GPU would refuse or wait for shows on a machine without one.

Its tensors hold a CPU's numbers and say that they lie on `fake:0`, torch's place for devices of others (PrivateUse1).
While a `FakeDevice` is open they can be computed with, by the CPU's own kernels, so that results are the CPU's to the
last bit. As CUDA does it refuses operations on tensors of several devices, but for numbers (tensors without
dimensions) in element-wise operations and for indices; and it notes, with the line of hmtl that caused it,

- `read`: numbers that the host reads, by `item`, `tolist`, `cpu`, `bool` ...,
- `shape`: shapes that depend on numbers, by `nonzero`, boolean indices, `unique` ...; the host waits for them likewise,
- `copy`: copies to the device by `torch.tensor(..., device=...)` or a `to` that is not `non_blocking`, which wait for
  all that the device has still to do.

Where `torch.use_deterministic_algorithms` is on, it refuses what CUDA has no deterministic kernel for.

What it cannot show: what a CUDA kernel computes, and how fast. Where hmtl's code looks for `"cuda"` it takes the way of
any other device.
"""

import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

import torch
from torch.overrides import TorchFunctionMode
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

ROOT = Path(__file__).resolve().parents[1]
NAME = "fake"
aten = torch.ops.aten

# Whose results have a shape, or are numbers on the host, that only the device knows.
SHAPES = {
    aten.nonzero.default,
    aten.masked_select.default,
    aten._unique.default,
    aten._unique2.default,
    aten.unique_dim.default,
    aten.unique_consecutive.default,
    aten.unique_dim_consecutive.default,
    aten.bincount.default,
    # It selects by the mask.
    aten.masked_scatter_backward.default,
}
READS = {aten._local_scalar_dense.default, aten.equal.default}
# These ask the device whether they have succeeded.
SOLVERS = {aten._linalg_check_errors.default, aten.linalg_cholesky_ex.default, aten._linalg_eigh.default}
INDEXED = {aten.index.Tensor}
PUT = {aten.index_put.default, aten.index_put_.default, aten._index_put_impl_.default}
# The numbers of rows of packed sequences lie on the host, always.
PACKING = {aten._pack_padded_sequence.default, aten._pack_padded_sequence_backward.default}
COPIES = {aten._to_copy.default, aten.copy_.default, aten._foreach_copy_.default}
# Element-wise operations that torch does not tag as such; each takes a number from the host.
TAKE_NUMBERS = {
    aten.where.self,
    aten.masked_fill.Tensor,
    aten.masked_fill_.Tensor,
    aten.fill_.Tensor,
    aten._foreach_mul.Tensor,
    aten._foreach_mul_.Tensor,
    aten._foreach_div_.Tensor,
}
# For which CUDA raises where deterministic algorithms are asked for; the documentation of
# `torch.use_deterministic_algorithms` has the whole list. A running sum is refused of floating-point numbers alone.
NOT_DETERMINISTIC = {
    aten.put_.default,
    aten.histc.default,
    aten.kthvalue.default,
    aten.median.dim,
    aten.nll_loss2d_forward.default,
    aten.adaptive_max_pool2d.default,
    aten._ctc_loss_backward.default,
}


class MixedDevices(RuntimeError):
    """An operation got tensors of several devices."""


class NotDeterministic(RuntimeError):
    """CUDA has no deterministic kernel for an operation."""


class Event(NamedTuple):
    """What the host waited for.

    # Attributes

    kind : `str`
        `read`, `shape` or `copy`.
    operation : `str`
        Torch's name of it.
    place : `str`
        The line of hmtl, or of what it carries, that caused it.
    """

    kind: str
    operation: str
    place: str


class FakeTensor(torch.Tensor):
    """A tensor on the device, around the tensor of a CPU that holds its numbers."""

    inner: torch.Tensor

    @staticmethod
    def __new__(cls, inner: torch.Tensor) -> "FakeTensor":
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            layout=inner.layout,
            device=torch.device(NAME, 0),
        )
        made.inner = inner
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise RuntimeError(f"{function}: a tensor of the fake device outlives it")

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return f"FakeTensor({self.inner!r})"

    # Torch reads a list from memory, unseen by modes.
    def tolist(self) -> Any:
        open_device().note("read", "tolist")
        return self.inner.tolist()

    def numpy(self, *, force: bool = False) -> Any:
        raise TypeError("can't convert a tensor of the fake device to numpy")


class _Module:
    """What torch asks the module of a device."""

    _initialized = False

    def is_available(self) -> bool:
        return True

    def is_initialized(self) -> bool:
        return True

    def current_device(self) -> int:
        return 0

    def device_count(self) -> int:
        return 1

    def _is_in_bad_fork(self) -> bool:
        return False

    def manual_seed_all(self, seed: int) -> None:
        """Random numbers are those of the CPU's generator."""

    def get_amp_supported_dtype(self) -> List[torch.dtype]:
        return [torch.bfloat16]


def _register() -> None:
    """Makes the device known to torch, once a process; nothing undoes that."""
    if hasattr(torch, NAME):
        return
    torch.utils.rename_privateuse1_backend(NAME)
    torch._register_device_module(NAME, _Module())
    torch._C._acc.register_python_privateuseone_hook(backend_registration._DummyPrivateUse1Hook())
    torch._C._acc.register_python_privateuseone_device_guard(backend_registration._DummyDeviceGuard())


_open: List["FakeDevice"] = []


def open_device() -> "FakeDevice":
    """The one that is open."""
    return _open[-1]


class FakeDevice(TorchDispatchMode):
    """The device, as long as it is open.

    # Attributes

    events : `List[Event]`
        What the host has waited for so far.
    """

    def __init__(self) -> None:
        _register()
        super().__init__()
        self.events: List[Event] = []
        self.device = torch.device(NAME, 0)
        self._lstm = _WholeLstm()

    def __enter__(self) -> "FakeDevice":
        self._lifted = torch._C._only_lift_cpu_tensors()
        # So that `torch.tensor(..., device=...)` shows as a copy.
        torch._C._set_only_lift_cpu_tensors(True)
        # The device has no threads of its own for backward passes.
        self._threads = torch.autograd.set_multithreading_enabled(False)
        self._threads.__enter__()
        self._lstm.__enter__()
        _open.append(self)
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        _open.pop()
        self._lstm.__exit__(*error)
        self._threads.__exit__(*error)
        torch._C._set_only_lift_cpu_tensors(self._lifted)

    def note(self, kind: str, operation: str) -> None:
        self.events.append(Event(kind, operation, _place()))

    def take(self) -> List[Event]:
        """The events since this was last asked."""
        events, self.events = self.events, []
        return events

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if torch.is_inference_mode_enabled():
            # Elsewhere torch has taken it to pieces before.
            parts = self._decomposed(function, args, kwargs)
            if parts is not NotImplemented:
                return parts
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        fakes = [tensor for tensor in tensors if isinstance(tensor, FakeTensor)]
        asked = kwargs.get("device")
        is_on_device = bool(fakes) if asked is None else torch.device(asked).type == NAME
        if asked is not None and is_on_device:
            kwargs["device"] = torch.device("cpu")
        if fakes or is_on_device:
            self._check(function, args, kwargs, tensors, fakes, is_on_device)
        inner_args, inner_kwargs = tree_map(_inner, (args, kwargs))
        output = function(*inner_args, **inner_kwargs)
        if not is_on_device:
            return output
        # What is written in place, or to `out`, is returned as it was given.
        given = {id(fake.inner): fake for fake in fakes}
        if function is aten._pack_padded_sequence.default:
            return _outer(output[0], given), output[1]
        return tree_map(lambda each: _outer(each, given), output)

    def _decomposed(self, function: Any, args: Tuple[Any, ...], kwargs: Dict[str, Any]) -> Any:
        super().__enter__()
        try:
            return function.decompose(*args, **kwargs)
        finally:
            super().__exit__(None, None, None)

    def _check(
        self,
        function: Any,
        args: Tuple[Any, ...],
        kwargs: Dict[str, Any],
        tensors: List[torch.Tensor],
        fakes: List[FakeTensor],
        is_on_device: bool,
    ) -> None:
        name = function.overloadpacket.__name__
        others = [tensor for tensor in tensors if not isinstance(tensor, FakeTensor)]
        if function in COPIES:
            target_is_fake = is_on_device if function is aten._to_copy.default else _is_fake(args[0])
            source_is_fake = _is_fake(args[0] if function is aten._to_copy.default else args[1])
            if source_is_fake and not target_is_fake:
                self.note("read", name)
            elif target_is_fake and not source_is_fake:
                is_async = kwargs.get("non_blocking", args[2] if len(args) > 2 else False)
                if not is_async:
                    self.note("copy", name)
            return
        if function in INDEXED or function in PUT:
            self._check_indices(function, name, args)
            return
        if others and fakes and function not in PACKING:
            takes_numbers = torch.Tag.pointwise in function.tags or function in TAKE_NUMBERS
            if not takes_numbers or any(tensor.dim() for tensor in others):
                shapes = [tuple(tensor.shape) for tensor in others]
                raise MixedDevices(f"{function}: expected all tensors on {self.device}, found {shapes} on the CPU")
        repeats = function is aten.repeat_interleave.Tensor and kwargs.get("output_size") is None
        if function in SHAPES or repeats:
            self.note("shape", name)
        elif function in READS or function in SOLVERS:
            self.note("read", name)
        if torch.are_deterministic_algorithms_enabled():
            is_sum = function is aten.cumsum.default and args[0].is_floating_point()
            is_product = function is aten.scatter_reduce.two and args[4] == "prod"
            if function in NOT_DETERMINISTIC or is_sum or is_product:
                raise NotDeterministic(f"{function} has no deterministic kernel on CUDA")

    def _check_indices(self, function: Any, name: str, args: Tuple[Any, ...]) -> None:
        """Indices may lie on the host, which costs a copy; masks are turned into numbers of entries."""
        target, indices = args[0], [index for index in args[1] if index is not None]
        if not _is_fake(target):
            raise MixedDevices(f"{function}: indices on {self.device} of a tensor on the CPU")
        if function in PUT and not _is_fake(args[2]) and args[2].dim():
            raise MixedDevices(f"{function}: values of shape {tuple(args[2].shape)} on the CPU")
        is_mask = [index.dtype in (torch.bool, torch.uint8) for index in indices]
        if any(not _is_fake(index) for index in indices):
            self.note("copy", name)
        # A number that is put where a mask says is filled in.
        if any(is_mask) and not (function in PUT and len(indices) == 1 and args[2].dim() == 0):
            self.note("shape", name)


class _WholeLstm(TorchFunctionMode):
    """Has a layer of an LSTM computed by the CPU's kernel, as a GPU has one of its own, where torch would take it to
    pieces that only CUDA has."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is torch._VF.lstm and _is_fake(args[0]):
            inputs, (hidden, cell), weights, *options = args
            return _Lstm.apply(tuple(options), inputs, hidden, cell, *weights)
        return function(*args, **(kwargs or {}))


class _Lstm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, options: Tuple[Any, ...], *tensors: torch.Tensor) -> Any:
        if not all(map(_is_fake, tensors)):
            raise MixedDevices("an LSTM whose weights, inputs and state lie on several devices")
        leaves = [tensor.inner.detach().requires_grad_(tensor.requires_grad) for tensor in tensors]  # type: ignore
        with torch.enable_grad():
            ctx.outputs = torch._VF.lstm(leaves[0], (leaves[1], leaves[2]), leaves[3:], *options)
        ctx.leaves = leaves
        return tuple(FakeTensor(output.detach()) for output in ctx.outputs)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        wanted = [leaf for leaf in ctx.leaves if leaf.requires_grad]
        with torch.enable_grad():
            found = iter(torch.autograd.grad(ctx.outputs, wanted, [_inner(each) for each in gradients]))
        return (None, *(FakeTensor(next(found)) if leaf.requires_grad else None for leaf in ctx.leaves))


def _is_fake(value: Any) -> bool:
    first = value[0] if isinstance(value, (list, tuple)) else value
    return isinstance(first, FakeTensor)


def _inner(value: Any) -> Any:
    return value.inner if isinstance(value, FakeTensor) else value


def _outer(value: Any, given: Dict[int, FakeTensor]) -> Any:
    if not isinstance(value, torch.Tensor):
        return value
    if id(value) in given:
        return given[id(value)]
    # In inference mode a view of a tensor from outside is none that inference has made.
    with torch.inference_mode(value.is_inference()):
        return FakeTensor(value)


def _place() -> str:
    """The innermost line of hmtl, or of what it carries, that is at work."""
    for frame in _frames():
        path = Path(frame.f_code.co_filename)
        # Whoever asks for something to be moved is the cause.
        is_ours = path.is_relative_to(ROOT) and path.name != "devices.py"
        if is_ours and path.relative_to(ROOT).parts[0] in ("hmtl", "carried"):
            return f"{path.relative_to(ROOT)}:{frame.f_lineno}"
    return "elsewhere"


def _frames() -> Iterator[Any]:
    frame: Optional[Any] = sys._getframe(2)
    while frame is not None:
        yield frame
        frame = frame.f_back

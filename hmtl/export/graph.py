"""Graphs as files: by ONNX, also with 8-bit integers, or by `torch.export`."""

import logging
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List

import torch

from hmtl.errors import UserError
from hmtl.export.levels import ExportedLevels, Input

# Of the example that is traced: no two alike, and none 0 or 1, which torch takes for constants.
_SIZES = {"batch": 3, "length": 7, "characters": 11, "pieces": 13}
_OPSET = 20


def write_torch(levels: ExportedLevels, path: Path) -> None:
    """Writes the graph as `torch.export` has it, for CPUs."""
    with torch.inference_mode(False), torch.no_grad(), _without_noise():
        program = torch.export.export(levels, _example(levels.inputs), dynamic_shapes=(_dynamic(levels.inputs),))
        torch.export.save(program, path)


def write_onnx(levels: ExportedLevels, path: Path, int8: bool = False) -> None:
    """Writes the graph as ONNX; with `int8` the weights of its matrix products, LSTMs and embeddings are 8-bit integers
    with a scale for each output, and what they are multiplied by is rounded as it comes (dynamic quantisation)."""
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError(f"--format onnx needs the package {error.name}: pip install 'hmtl[export]'") from None
    with torch.no_grad(), _without_noise():
        program = torch.onnx.export(
            levels,
            _example(levels.inputs),
            dynamo=True,
            dynamic_shapes=(_dynamic(levels.inputs),),
            input_names=[described.name for described in levels.inputs],
            output_names=list(levels.tasks),
            opset_version=_OPSET,
            verbose=False,
        )
        assert program is not None
        program.save(str(path), external_data=False)
    if int8:
        _quantise(path)


def _quantise(path: Path) -> None:
    try:
        from onnxruntime.quantization import QuantType, quantize_dynamic
    except ImportError as error:
        raise UserError(f"--int8 needs the package {error.name}: pip install 'hmtl[export]'") from None
    with _without_noise():
        quantize_dynamic(
            path,
            path,
            op_types_to_quantize=["MatMul", "LSTM", "Gather"],
            weight_type=QuantType.QInt8,
            per_channel=True,
            extra_options={"DefaultTensorType": 1, "MatMulConstBOnly": True},
        )


def _example(inputs: List[Input]) -> Any:
    tensors = []
    for described in inputs:
        shape = [_SIZES[dim] for dim in described.dims]
        # Padding is 0, so that the example has none.
        tensors.append(torch.ones(shape, dtype=described.dtype))
    return tuple(tensors)


def _dynamic(inputs: List[Input]) -> Any:
    return tuple(dict.fromkeys(range(len(described.dims)), torch.export.Dim.DYNAMIC) for described in inputs)


@contextmanager
def _without_noise() -> Iterator[None]:
    """What these libraries tell of their own ways is no user's to mend."""
    levels: Dict[str, int] = {}
    for name in ("torch.onnx", "torch.export", "onnxscript", "root"):
        logger = logging.getLogger(None if name == "root" else name)
        levels[name] = logger.level
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(None if name == "root" else name).setLevel(level)

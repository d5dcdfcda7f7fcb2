"""Files of weights: written as safetensors, which hold tensors and nothing else; read in torch's own format too."""

import json
import os
import pickle
import re
import stat
import textwrap
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Tuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from hmtl.common.file_names import ARCHIVED, BEST, SUFFIXES
from hmtl.common.files import PathLike, atomic_path
from hmtl.common.reduced_weights import BITS, FULL, expanded, reduced
from hmtl.errors import UserError

# What the names of folders begin with where archives are unpacked.
UNPACKED = "hmtl-archive-"

Weights = Dict[str, torch.Tensor]


def find_weights(directory: PathLike, stem: str) -> Optional[Path]:
    """The weights file of this name in a directory, such as `best_ner`: the newer format first."""
    paths = (Path(directory) / f"{stem}{suffix}" for suffix in SUFFIXES)
    return next((path for path in paths if path.is_file()), None)


def all_weights(directory: PathLike, stem: str = "*") -> Dict[str, Path]:
    """The weights files of a directory whose names match a pattern, by their stems; for each the newer format."""
    found: Dict[str, Path] = {}
    for suffix in reversed(SUFFIXES):
        found.update({path.stem: path for path in Path(directory).glob(f"{stem}{suffix}") if path.is_file()})
    return dict(sorted(found.items()))


def main_weights(directory: PathLike) -> Optional[Path]:
    """The weights of an unpacked archive, or the best ones of a run."""
    return find_weights(directory, ARCHIVED) or find_weights(directory, BEST)


def save_weights(path: PathLike, weights: Weights, bits: int = FULL) -> None:
    """Writes tensors as safetensors, whole or not at all; in fewer `bits` as `hmtl.common.reduced_weights` has it.

    Names that stand for the same tensor, as those of tied weights do, are stored once; which stands for which is kept
    as `safetensors.torch.save_model` keeps it.

    # Raises

    UserError
        Where the file cannot be written; `path` is as it was.
    """
    same: Dict[Tuple, List[str]] = defaultdict(list)
    for name, tensor in weights.items():
        # Views of one tensor that differ are stored each on its own.
        place = (tensor.device, tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype)
        same[place if tensor.numel() else (name,)].append(name)
    # Of a GPU's LSTM all weights are parts of one tensor, and on the CPU no longer.
    kept = {names[0]: weights[names[0]].detach().cpu().contiguous() for names in same.values()}
    users = Counter(tensor.untyped_storage().data_ptr() for tensor in kept.values())
    kept = {
        name: tensor.clone() if users[tensor.untyped_storage().data_ptr()] > 1 else tensor
        for name, tensor in kept.items()
    }
    metadata = {name: names[0] for names in same.values() for name in names[1:]}
    if bits != FULL:
        kept, metadata = reduced(kept, bits), {**metadata, BITS: str(bits)}
    with atomic_path(path) as partial:
        partial.touch()
        mode = stat.S_IMODE(partial.stat().st_mode)
        try:
            save_file(kept, partial, {"format": "pt", **metadata})
        except SafetensorError as error:
            number = re.search(r"(?:os error|Os { code:) (\d+)", str(error))  # the latter of safetensors 0.4
            if number is None:
                raise
            raise OSError(int(number[1]), os.strerror(int(number[1])), str(partial)) from None
        # Some releases make it by way of a temporary file, which nobody else may read.
        partial.chmod(mode)


def load_weights(path: PathLike, device: str = "cpu") -> Weights:
    """The tensors of a weights file, by name, of either format: which one, its content tells.

    # Raises

    UserError
        Where the file is missing or damaged, or holds anything else.
    """
    try:
        return _load_safetensors(path, device) if is_safetensors(path) else _load_torch(path, device)
    except pickle.UnpicklingError as error:
        if "operand" in str(error):  # no pickle at all, but text or the like
            raise _damaged(path, str(error)) from error
        raise UserError(f"{place(path)}: {refused_content(str(error))}") from error
    except (SafetensorError, RuntimeError, EOFError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise _damaged(path, str(error)) from error
    except FileNotFoundError:
        raise UserError(f"{place(path)}: No such file or directory") from None
    except OSError as error:
        # torch passes a truncated file's length on as an argument that the system refuses.
        if error.filename is None and error.errno is not None:
            raise _damaged(path, str(error)) from error
        raise


def load_into(model: torch.nn.Module, path: PathLike, device: str = "cpu") -> None:
    """Gives a model the weights of a file: all of its own, and no others.

    # Raises

    UserError
        Where the file is damaged, or its weights are of another model: other names, other shapes.
    """
    weights = load_weights(path, device)
    try:
        missing, unexpected = model.load_state_dict(weights, strict=False)
    except RuntimeError as error:
        raise _damaged(path, str(error)) from error
    # What a module says may be missing, from the weights of older releases.
    patterns = [pattern for part in model.modules() for pattern in getattr(part, "authorized_missing_keys", None) or ()]
    missing = [name for name in missing if not any(re.search(pattern, name) for pattern in patterns)]
    if missing or unexpected:
        kinds = {"missing": missing, "unexpected": unexpected}
        raise _damaged(path, "; ".join(f"{kind}: {', '.join(names)}" for kind, names in kinds.items() if names))


def add_to_digest(digest: Any, weights: Mapping[str, torch.Tensor], end: str = "") -> None:
    """Updates a digest of hashlib's by tensors: their names, types, shapes, which `end` ends, and bits, in the order of
    the names."""
    for name, tensor in sorted(weights.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}{end}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)


def is_safetensors(path: PathLike) -> bool:
    """Whether a file begins as safetensors do: with the length of a JSON object, and the object."""
    with open(path, "rb") as file:
        return file.read(9)[8:] == b"{"


def place(path: PathLike) -> str:
    """A path for messages: of an unpacked archive, whose folder nobody knows, the file's name alone."""
    path = Path(path)
    return f"{path.name} of the archive" if path.parent.name.startswith(UNPACKED) else str(path)


def refused_content(message: str) -> str:
    """Says what torch's `weights_only` found in a file that it refused."""
    unsupported = re.search(r"Unsupported (?:global|operand|class)[^\n]*|[Uu]nsupported GLOBAL \S+|GLOBAL \S+", message)
    reason = f" ({unsupported[0]})" if unsupported else ""
    return f"the weights file holds more than tensors and plain values and was not loaded{reason}"


def _load_safetensors(path: PathLike, device: str) -> Weights:
    with safe_open(path, "pt", device=device) as file:
        names = file.keys()
        weights = {name: file.get_tensor(name) for name in names}
        metadata = file.metadata() or {}
        if BITS in metadata:
            weights = expanded(weights)
        for name, kept in metadata.items():
            if kept in weights and name not in weights:
                weights[name] = weights[kept]
    return weights


def _load_torch(path: PathLike, device: str) -> Weights:
    # Given the path, torch goes by its suffix.
    with open(path, "rb") as file:
        weights = torch.load(file, map_location=device, weights_only=True)
    if not isinstance(weights, dict):
        raise ValueError(f"it holds a {type(weights).__name__}, not tensors by name")
    for name, tensor in weights.items():
        if not (isinstance(name, str) and isinstance(tensor, torch.Tensor)):
            raise ValueError(f"{json.dumps(str(name))} is a {type(tensor).__name__}, not a tensor")
    return weights


def _damaged(path: PathLike, reason: str) -> UserError:
    reason = textwrap.shorten(reason, 200)
    return UserError(f"{place(path)}: damaged, or not the weights of this model ({reason})")

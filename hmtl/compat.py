"""Repairs that let AllenNLP 2.10.1 run on, and safely load archives with, releases newer than its pins.

`import hmtl` applies them, once. Each is one function that says what breaks without it.
"""

import functools
import json
import os
import tarfile
import warnings
from typing import Any, Callable, Dict, List, Optional, Set, Tuple, Type, Union

import numpy
import torch
from allennlp.common import Params, Registrable
from allennlp.common import tqdm as allennlp_tqdm
from allennlp.common import util as allennlp_util
from torch.optim.lr_scheduler import ReduceLROnPlateau
from tqdm import tqdm

from hmtl.errors import ConfigurationError, UserError
from hmtl.files import write_json

try:  # numpy 2
    from numpy._core.multiarray import scalar as numpy_scalar
except ImportError:  # numpy 1
    from numpy.core.multiarray import scalar as numpy_scalar  # type: ignore[no-redef]

_allowed_packages: Set[str] = {"allennlp", "allennlp_models", "hmtl"}


def apply() -> None:
    """Applies every repair; a second call changes nothing."""
    silence_known_warnings()
    load_numpy_scalars()
    accept_verbose_plateau_schedule()
    name_cuda_devices()
    write_whole_files()
    extract_inside_only()
    resolve_known_classes_only()
    refuse_remote_code_in_archives()
    convolve_in_float32()
    show_progress_as_text()


def allow_packages(*names: str) -> None:
    """Lets configurations name classes of these top-level packages by their full path, as in `my_package.models.Mine`.

    Classes that are registered, as every class of a package given by `--include-package` can be, need no such leave.
    """
    _allowed_packages.update(names)


@functools.cache
def silence_known_warnings() -> None:
    """AllenNLP imports torchvision, which misses an image library that text never needs, and AMP by its old name."""
    warnings.filterwarnings("ignore", message="Failed to load image Python extension", category=UserWarning)
    warnings.filterwarnings("ignore", message=r"`torch\.cuda\.amp\.\w+\(args\.\.\.\)`", category=FutureWarning)


@functools.cache
def load_numpy_scalars() -> None:
    """Checkpoints hold numpy numbers (coreference metrics, cosine schedules), which `torch.load` refuses by default.

    Numbers and their types are all that is let in: `weights_only=True` stays the default and goes on refusing code.
    """
    kinds = [numpy.bool_, numpy.float16, numpy.float32, numpy.float64, numpy.int32, numpy.int64]
    permitted: List[Union[Callable, Tuple[Callable, str]]] = [
        # A file names the function by where the numpy that wrote it kept it: numpy 1, numpy 2.
        (numpy_scalar, "numpy.core.multiarray.scalar"),
        (numpy_scalar, "numpy._core.multiarray.scalar"),
        numpy.dtype,
        *(type(numpy.dtype(kind)) for kind in kinds),
    ]
    torch.serialization.add_safe_globals(permitted)


@functools.cache
def accept_verbose_plateau_schedule() -> None:
    """AllenNLP's "reduce_on_plateau" passes `verbose`, which torch has dropped."""
    construct = ReduceLROnPlateau.__init__

    def construct_without_verbose(self: ReduceLROnPlateau, *args: Any, verbose: Any = None, **kwargs: Any) -> None:
        construct(self, *args, **kwargs)

    ReduceLROnPlateau.__init__ = construct_without_verbose  # type: ignore[method-assign]


@functools.cache
def name_cuda_devices() -> None:
    """`torch.device(0)` was GPU 0; now it is whatever accelerator there is, and raises where there is none.

    AllenNLP's check for a missing GPU stumbles over that before it can tell the user.
    """

    def int_to_device(device: Union[int, torch.device]) -> torch.device:
        if isinstance(device, torch.device):
            return device
        return torch.device("cpu") if device < 0 else torch.device("cuda", device)

    allennlp_util.int_to_device = int_to_device


@functools.cache
def write_whole_files() -> None:
    """AllenNLP writes config.json, anew in each recovery, and metrics.json in place: a kill leaves half of them.

    Without its configuration a run cannot be recovered.
    """

    def to_file(params: Params, params_file: str, preference_orders: List[List[str]] = None) -> None:
        write_json(params_file, params.as_ordered_dict(preference_orders))

    def dump_metrics(file_path: Optional[str], metrics: Dict[str, Any], log: bool = False) -> None:
        if file_path:
            write_json(file_path, metrics)
        if log:
            allennlp_util.logger.info("Metrics: %s", json.dumps(metrics, indent=2))

    Params.to_file = to_file  # type: ignore[assignment, method-assign]
    allennlp_util.dump_metrics = dump_metrics


@functools.cache
def extract_inside_only() -> None:
    """AllenNLP unpacks archives by a bare `extractall`: a member named `../x`, or a link, could write anywhere."""
    if hasattr(tarfile, "data_filter"):
        tarfile.TarFile.extraction_filter = staticmethod(tarfile.data_filter)
    else:  # Python before 3.10.12 and 3.11.4
        tarfile.TarFile.extractall = extractall_inside_only  # type: ignore[assignment, method-assign]


_extractall = tarfile.TarFile.extractall


def extractall_inside_only(archive: tarfile.TarFile, path: str = ".", *args: Any, **kwargs: Any) -> None:
    """`TarFile.extractall` for plain files and directories below `path`, for Pythons without extraction filters.

    # Raises

    tarfile.ExtractError
        Before anything is written, where a member is of another kind or lies outside.
    """
    root = os.path.realpath(path)
    for member in archive.getmembers():
        target = os.path.realpath(os.path.join(root, member.name))
        if not (member.isfile() or member.isdir()) or os.path.commonpath([root, target]) != root:
            raise tarfile.ExtractError(f"{member.name!r} is a link or lies outside the destination")
    _extractall(archive, path, *args, **kwargs)


@functools.cache
def resolve_known_classes_only() -> None:
    """AllenNLP imports and calls whatever a configuration names: `{"type": "subprocess.Popen", ...}` runs a program.

    A registered name resolves as ever. A dotted path has to lead into `allowed` packages (see `allow_packages`), and
    to a subclass of the class that is expected in its place.
    """
    resolve = Registrable.resolve_class_name.__func__  # type: ignore[attr-defined]

    def resolve_known_class(cls: Type[Registrable], name: str) -> Tuple[Type[Registrable], Optional[str]]:
        dotted = "." in name and name not in Registrable._registry[cls]
        if dotted and name.split(".")[0] not in _allowed_packages:
            raise ConfigurationError(
                f"'{name}' is refused as a {cls.__name__}: a configuration may name classes by their path only in "
                f"{', '.join(sorted(_allowed_packages))}; register the class and use its registered name "
                "(--include-package imports your package), or call hmtl.compat.allow_packages"
            )
        subclass, constructor = resolve(cls, name)
        if dotted and not (isinstance(subclass, type) and issubclass(subclass, cls)):
            raise ConfigurationError(f"'{name}' is refused: it is not a {cls.__name__}")
        return subclass, constructor

    Registrable.resolve_class_name = classmethod(resolve_known_class)  # type: ignore[assignment, method-assign]


@functools.cache
def refuse_remote_code_in_archives() -> None:
    """transformers downloads and runs a stranger's code where a model's options say `trust_remote_code`.

    In a configuration that a user wrote that is their choice; an archive may come from anybody.
    """
    from allennlp.models import archival

    load_dataset_readers = archival._load_dataset_readers

    def check_and_load_dataset_readers(config: Any, serialization_dir: str) -> Any:
        if _trusts_remote_code(config.as_dict(quiet=True)) and not os.environ.get("HMTL_TRUST_REMOTE_CODE"):
            raise UserError(
                "the archive's config.json asks for 'trust_remote_code', which runs downloaded code; "
                "if you trust whoever made it, set HMTL_TRUST_REMOTE_CODE=1"
            )
        return load_dataset_readers(config, serialization_dir)

    # `load_archive` calls this first, before anything that the configuration describes is built.
    archival._load_dataset_readers = check_and_load_dataset_readers


@functools.cache
def convolve_in_float32() -> None:
    """AllenNLP's "cnn" encoder knows padding by the smallest number of its dtype, and so misses it under autocast."""
    from allennlp.modules.seq2vec_encoders import CnnEncoder

    forward = CnnEncoder.forward

    def forward_in_float32(self: CnnEncoder, tokens: torch.Tensor, mask: torch.BoolTensor) -> torch.Tensor:
        if not torch.is_autocast_enabled(tokens.device.type):
            return forward(self, tokens, mask)
        with torch.autocast(tokens.device.type, enabled=False):
            return forward(self, tokens.float(), mask)

    CnnEncoder.forward = forward_in_float32  # type: ignore[method-assign]


@functools.cache
def show_progress_as_text() -> None:
    """In a notebook AllenNLP shows progress by widgets, and everything that has a bar fails without ipywidgets."""
    allennlp_tqdm._tqdm = tqdm


def _trusts_remote_code(config: Union[Dict[str, Any], List[Any], Any]) -> bool:
    if isinstance(config, dict):
        return bool(config.get("trust_remote_code")) or any(map(_trusts_remote_code, config.values()))
    return isinstance(config, list) and any(map(_trusts_remote_code, config))

"""Repairs that let AllenNLP 2.10.1 run on, and safely load archives with, releases newer than its pins.

`import hmtl` applies them, once. Each is one function that says what breaks without it. They change AllenNLP alone:
what else is in the process (torch, the environment, warnings) stays as it is.
"""

import functools
import inspect
import json
import os
import sys
import warnings
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, Dict, Iterator, List, Optional, Set, Tuple, Type, Union

import torch
from allennlp.common import Params, Registrable, file_utils
from allennlp.common import params as allennlp_params
from allennlp.common import tqdm as allennlp_tqdm
from allennlp.common import util as allennlp_util
from torch.optim.lr_scheduler import ReduceLROnPlateau
from tqdm import tqdm

from hmtl import archives
from hmtl.environment import VARIABLES
from hmtl.errors import ConfigurationError
from hmtl.files import write_json

_allowed_packages: Set[str] = {"allennlp", "allennlp_models", "hmtl"}


def apply() -> None:
    """Applies every repair; a second call changes nothing."""
    # First what other modules of AllenNLP take by name once they are imported.
    name_cuda_devices()
    write_whole_files()
    define_variables_of_configurations()
    refuse_fetching_for_archives()
    resolve_known_classes_only()
    show_progress_as_text()
    accept_verbose_plateau_schedule()
    read_archives_as_data()
    convolve_in_float32()


def allow_packages(*names: str) -> None:
    """Lets configurations name classes of these top-level packages by their full path, as in `my_package.models.Mine`.

    Classes that are registered, as every class of a package given by `--include-package` can be, need no such leave.
    """
    _allowed_packages.update(names)


@contextmanager
def known_warnings_silenced() -> Iterator[None]:
    """AllenNLP imports torchvision, which misses an image library that text never needs, and AMP by its old name.

    Around imports, and around a command of hmtl's: what filters the imported packages set for themselves stay.
    """
    with warnings.catch_warnings():
        before = list(warnings.filters)
        warnings.filterwarnings("ignore", message="Failed to load image Python extension", category=UserWarning)
        warnings.filterwarnings("ignore", message=r"`torch\.cuda\.amp\.\w+\(args\.\.\.\)`", category=FutureWarning)
        ours = [each for each in warnings.filters if each not in before]
        try:
            yield
        finally:
            others = [each for each in warnings.filters if each not in ours]
    warnings.filters[:] = others  # type: ignore[index]


@functools.cache
def accept_verbose_plateau_schedule() -> None:
    """AllenNLP's "reduce_on_plateau" passes `verbose`, which torch has dropped."""
    from allennlp.training.learning_rate_schedulers import pytorch_lr_schedulers as schedulers

    scheduler = schedulers.ReduceOnPlateauLearningRateScheduler
    original = scheduler.__init__
    signature = inspect.signature(original)

    @functools.wraps(original)
    def construct_without_verbose(*args: Any, **kwargs: Any) -> None:
        given = dict(signature.bind(*args, **kwargs).arguments)
        given.pop("verbose", None)
        wrapper = given.pop("self")
        super(scheduler, wrapper).__init__(ReduceLROnPlateau(**given))

    scheduler.__init__ = construct_without_verbose  # type: ignore[method-assign]


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
def define_variables_of_configurations() -> None:
    """Jsonnet cannot ask whether a variable exists: those that the shipped configurations read are '' where unset."""
    of_environment = allennlp_params._environment_variables
    allennlp_params._environment_variables = lambda: {**dict.fromkeys(VARIABLES, ""), **of_environment()}


@functools.cache
def read_archives_as_data() -> None:
    """AllenNLP evaluates an archive's config.json as a program, fetches what it names, and unpacks it anywhere.

    See `hmtl.archives`; weights are read and written as `hmtl.weights` does.
    """
    from allennlp import models
    from allennlp.models import archival

    class ArchivedParams(Params):
        @classmethod
        def from_file(cls, params_file: Any, params_overrides: Any = "", ext_vars: Any = None) -> Params:
            return archives.read_config(os.path.dirname(params_file), params_overrides)

    archival.extracted_archive = archives.extracted_archive  # type: ignore[assignment]
    archival.get_weights_path = archives.weights_path
    archival.Params = ArchivedParams  # type: ignore[misc]
    archival._load_dataset_readers = archives.building()(archival._load_dataset_readers)
    archival._load_model = archives.building()(archival._load_model)
    # AllenNLP's command has a name of its own for it, if it is that command that imports hmtl.
    for module in (models, archival, sys.modules.get("allennlp.commands.train")):
        if module is not None:
            setattr(module, "archive_model", archives.archive_model)  # noqa: B010


@functools.cache
def refuse_fetching_for_archives() -> None:
    """What is not in an archive's configuration may stand in AllenNLP's code: addresses, spaCy's downloads."""
    cached_path, download = file_utils._cached_path.cached_path, allennlp_util.spacy_download

    def checked_path(url_or_filename: Any, *args: Any, **kwargs: Any) -> Any:
        if "://" in os.fspath(url_or_filename):
            archives.refuse_fetching(f"{os.fspath(url_or_filename)!r}")
        return cached_path(url_or_filename, *args, **kwargs)

    def checked_download(model: str, *args: Any, **kwargs: Any) -> Any:
        archives.refuse_fetching(f"the spaCy pipeline {model!r}")
        return download(model, *args, **kwargs)

    names = {**vars(file_utils._cached_path), "cached_path": checked_path}
    file_utils._cached_path = SimpleNamespace(**names)  # the package itself serves others too
    allennlp_util.spacy_download = checked_download


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

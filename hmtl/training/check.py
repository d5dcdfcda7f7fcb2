"""What can be said of a configuration before any data are read: of its keys, types, sizes, rates and devices."""

import inspect
import json
import logging
import traceback
import warnings
from collections.abc import Iterable as AbstractIterable
from collections.abc import Mapping as AbstractMapping
from contextlib import contextmanager, suppress
from typing import Any, Callable, Dict, Iterator, List, Tuple, Union

import torch
from allennlp.commands.train import TrainModel
from allennlp.common import FromParams, Lazy, Params
from allennlp.common.from_params import can_construct_from_params, infer_params, remove_optional
from allennlp.data import DatasetReader, Vocabulary
from allennlp.models import Model
from allennlp.modules import FeedForward, Seq2SeqEncoder, Seq2VecEncoder
from allennlp.training.learning_rate_schedulers import LearningRateScheduler
from allennlp.training.optimizers import MultiOptimizer, Optimizer

from hmtl.common.allennlp_internals import is_registrable
from hmtl.common.checks import did_you_mean
from hmtl.errors import ConfigurationError, UserError
from hmtl.models.hmtl import HMTL, Level, bottom_up
from hmtl.tasks.task_head import OptionError, TaskHead
from hmtl.training.trainable import check_tasks

# Keys of the top level that other code than the trainer's reads, and checks.
_ELSEWHERE = ("distributed", "evaluation", "include_in_archive", "numpy_seed", "pytorch_seed", "random_seed")
# Stands in for the sizes of vectors, which are known once the data are read. Any usual number of attention heads
# divides it.
_SOME_SIZE = 40320
# Parameters of constructors that the code supplies and a configuration must not.
_SUPPLIED = {
    "self",
    "cls",
    "vocab",
    "kwargs",
    "serialization_dir",
    "local_rank",
    "model_parameters",
    "task_name",
    "span_layers",
    "label_vectors_dim",
}
_EXPECTED: Dict[Any, Tuple[str, Tuple[type, ...]]] = {
    int: ("a whole number", (int, bool)),
    bool: ("true or false", (int, bool)),
    float: ("a number", (int, float)),
    str: ("a string", (str,)),
}


def check_configuration(params: Params) -> None:
    """Refuses the first of `configuration_faults`.

    # Raises

    ConfigurationError
        Names the key.
    UserError
        Where `trainer.cuda_device` is not there.
    """
    for fault in configuration_faults(params):
        raise fault


def configuration_faults(params: Params) -> List[Exception]:
    """All mistakes of a configuration that show without data; the configuration stays as it is.

    Keys and types are compared with the signatures of the classes that are named. Encoders, whose weights take no
    memory here, optimizers and schedules are made with stand-ins for what only the data tell, and what torch says of
    their values counts; of levels and heads of hmtl's what they say of their options does. Embedders are not made: they
    would load their weights.
    """
    faults: List[Exception] = []
    config = params.duplicate().as_dict(quiet=True)
    for key in _ELSEWHERE:
        config.pop(key, None)
    trainer = config.get("trainer")
    with _noted(faults):
        _check_device(trainer.get("cuda_device") if isinstance(trainer, dict) else None)
    _check_class(TrainModel, config, "", faults)
    missing = [
        name
        for name, parameter in infer_params(*_named_class(TrainModel, {})).items()
        if parameter.default is inspect.Parameter.empty and name not in {*_SUPPLIED, *config}
    ]
    if missing:
        advice = "'hmtl configs' has complete ones"
        faults.append(ConfigurationError(f"configuration: lacks {', '.join(missing)}; {advice}"))
    levels = config["model"].get("levels") if isinstance(config.get("model"), dict) else None
    if isinstance(levels, dict) and all(isinstance(level, dict) for level in levels.values()):
        with suppress(ConfigurationError):  # noted above
            named, _ = _named_class(Model, config["model"])
            if issubclass(named, HMTL):
                with _noted(faults):
                    keys = ("reads", "reads_label_embeddings")
                    bottom_up({task: sum((level.get(key) or [] for key in keys), []) for task, level in levels.items()})
                readers = config["dataset_reader"].get("readers") if "dataset_reader" in config else None
                if isinstance(readers, dict) and isinstance(trainer, dict) and trainer.get("type") == "multi_task":
                    with _noted(faults):
                        check_tasks(readers, levels)
    return faults


@contextmanager
def _noted(faults: List[Exception]) -> Iterator[None]:
    """Takes up a mistake, so that the rest is looked at, too."""
    try:
        yield
    except (ConfigurationError, UserError) as error:
        faults.append(error)


def _check_device(device: Any) -> None:
    if type(device) is int and device >= torch.cuda.device_count():
        raise UserError(
            f"trainer.cuda_device: no GPU {device}, as PyTorch finds {torch.cuda.device_count()} CUDA devices; "
            "-1 is the CPU"
        )


def _check(expected_type: Any, value: Any, path: str, faults: List[Exception]) -> None:
    """Compares a value with the type that the constructor expects; `path` is where it stands in the configuration."""
    annotation: Any = remove_optional(expected_type)
    origin: Any = getattr(annotation, "__origin__", None)
    arguments: Tuple[Any, ...] = getattr(annotation, "__args__", ())
    if value is None or isinstance(annotation, str) or origin is Union:
        return
    if origin is Lazy:
        _check(arguments[0], value, path, faults)
    elif annotation in _EXPECTED:
        expected, types = _EXPECTED[annotation]
        if type(value) not in types:
            faults.append(ConfigurationError(f"{path}: expected {expected}, found {json.dumps(value)}"))
    elif inspect.isclass(annotation) and hasattr(annotation, "from_params"):
        _check_class(annotation, value, f"{path}.", faults)
    elif not arguments or not can_construct_from_params(arguments[-1]):
        return
    elif origin in (dict, AbstractMapping) and isinstance(value, dict):
        for key, inner in value.items():
            _check(arguments[-1], inner, f"{path}.{key}", faults)
    elif origin in (list, set, AbstractIterable) and isinstance(value, list):
        for number, inner in enumerate(value):
            _check(arguments[-1], inner, f"{path}.{number}", faults)


def _check_class(base: Any, value: Any, place: str, faults: List[Exception]) -> None:
    """Compares the keys of an object with the parameters of the class that it names; `place` is its path and a dot."""
    if isinstance(value, str):
        value = {"type": value}
    if _reads_by_itself(base) or isinstance(value, dict) and "_pretrained" in value:
        return
    if not isinstance(value, dict):
        found = f"{place[:-1] or 'configuration'}: expected an object, found {json.dumps(value)}"
        faults.append(ConfigurationError(found))
        return
    with _noted(faults):
        named, constructor = _named_class(base, value, place)
        if hasattr(named, "from_params") and not _reads_by_itself(named):
            _check_keys(base, named, constructor, value, place, faults)


def _check_keys(
    base: Any, named: Any, constructor: Callable, value: Dict[str, Any], place: str, faults: List[Exception]
) -> None:
    num_faults = len(faults)
    parameters = {} if constructor is object.__init__ else infer_params(named, constructor)
    for key, inner in value.items():
        if key == "type" and is_registrable(base):
            continue
        if key in parameters and parameters[key].kind is not inspect.Parameter.VAR_KEYWORD:
            _check(parameters[key].annotation, inner, f"{place}{key}", faults)
        elif not _takes_any_key(named, constructor):
            known = [name for name in parameters if name not in _SUPPLIED]
            advice = _advice(key, known)
            faults.append(ConfigurationError(f"{place}{key}: {named.__name__} has no such key; {advice}"))
    if len(faults) == num_faults:
        _try(base, named, value, place)


def _named_class(base: Any, value: Dict[str, Any], place: str = "") -> Tuple[Any, Callable]:
    """The class that an object names, and the constructor that it calls."""
    if not is_registrable(base):
        return base, base.__init__
    has_default = base.default_implementation is not None
    choice = Params({key: value[key] for key in ("type",) if key in value}, history=place).pop_choice(
        "type", choices=base.list_available(), default_to_first_choice=has_default
    )
    named, constructor = base.resolve_class_name(choice)
    return named, getattr(named, constructor or "__init__")


def _reads_by_itself(cls: Any) -> bool:
    """Whether a class has a `from_params` of its own, so that its keys need not be parameters of its constructor."""
    return cls.from_params.__func__ is not FromParams.from_params.__func__  # type: ignore[attr-defined]


def _takes_any_key(cls: Any, constructor: Callable) -> bool:
    """Whether keys that are no parameters may be right: the constructor has `**kwargs`, and does not merely pass them
    on to a base class that would refuse them."""
    kinds = [parameter.kind for parameter in inspect.signature(constructor).parameters.values()]
    if constructor is object.__init__ or inspect.Parameter.VAR_KEYWORD not in kinds:
        return False
    return not (issubclass(cls, (Model, DatasetReader)) and (_is_ours(cls) or cls.__module__.startswith("allennlp.")))


def _is_ours(cls: type) -> bool:
    return cls.__module__.startswith("hmtl.")


def _advice(key: str, known: List[str]) -> str:
    return did_you_mean(key, known, f"it has {', '.join(known) or 'none'}")


def _try(base: Any, named: Any, value: Dict[str, Any], place: str) -> None:
    """Builds encoders, optimizers and schedules, which need no data; errors of torch's are raised with the path. So are
    those of levels and heads of hmtl's, which look at their options before they look at labels."""
    params = Params(json.loads(json.dumps(value)), history=place)
    sizes = {key: _SOME_SIZE for key in ("input_size", "input_dim", "embedding_dim") if key not in value}
    parameter = torch.nn.Parameter(torch.zeros(1))
    about: Dict[str, Any]
    if base in (Seq2SeqEncoder, Seq2VecEncoder, FeedForward):
        with torch.device("meta"):
            _raise_torch(lambda: base.from_params(params, **sizes), place)
    elif base is Level or isinstance(named, type) and issubclass(named, TaskHead) and _is_ours(named):
        # Indexers would load their tokenizers.
        params.pop("token_indexers", None)
        about = dict.fromkeys(("encoding_dim", "encoder_input_dim", "embedding_dim"), 1)
        about.update(vocab=Vocabulary.empty(), task_name="task", token_indexers={})
        with torch.device("meta"), _option_named(place):
            base.from_params(params, **({} if base is Level else about))
    elif base is Optimizer and not issubclass(named, MultiOptimizer):
        params.pop("parameter_groups", None)
        _raise_torch(lambda: Optimizer.from_params(params, model_parameters=[["some", parameter]]), place)
    elif base is LearningRateScheduler:
        optimizer = torch.optim.SGD([parameter], lr=0.1)
        about = {"optimizer": optimizer, "num_epochs": 1, "num_steps_per_epoch": 1}
        _raise_torch(lambda: LearningRateScheduler.from_params(params, **about), place)


@contextmanager
def _option_named(place: str) -> Iterator[None]:
    """Raises what is wrong with an option with its path; other errors concern the stand-ins."""
    try:
        yield
    except OptionError as error:
        raise ConfigurationError(f"{place}{error.message}") from None
    except Exception:
        return


def _raise_torch(make: Callable[[], Any], place: str) -> None:
    """Raises errors of torch's, which concern values of the configuration. Errors of AllenNLP's concern the stand-ins,
    and are ignored: the real objects are built later."""
    logger = logging.getLogger("allennlp")
    level = logger.level
    try:
        with warnings.catch_warnings():
            # Warnings about the stand-ins would come again when the real objects are made.
            warnings.simplefilter("ignore")
            logger.setLevel(logging.ERROR)
            make()
    except Exception as error:
        frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
        if str(frames[-1].f_globals.get("__name__")).startswith("torch.") and not _names_stand_in(error):
            raise ConfigurationError(f"{place[:-1]}: {error}") from None
    finally:
        logger.setLevel(level)


def _names_stand_in(error: Exception) -> bool:
    return isinstance(error, NotImplementedError) or str(_SOME_SIZE) in str(error)

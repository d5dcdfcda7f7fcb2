"""What `import hmtl` changes in AllenNLP while it runs: how archives are loaded, and how a run's files are written.

What AllenNLP needs in order to run on current releases is repaired in its source when hmtl is built (carried/repairs.py
in a checkout; the list is in allennlp/NOTICE of an installed hmtl). What is left here calls hmtl's own code:

- `write_whole_files` writes by `hmtl.files`, whose errors are a user's;
- `define_variables_of_configurations` knows the variables of hmtl's configurations;
- `refuse_fetching_for_archives` and `read_archives_as_data` load archives as `hmtl.archives` does;
- `resolve_known_classes_only` keeps the list of packages whose classes a configuration may name by their path.

Each is one function, applied once. They change AllenNLP alone: what else is in the process (torch, the environment,
warnings) stays as it is.
"""

import functools
import json
import os
import sys
from typing import Any, Dict, List, Optional, Set, Tuple, Type

from allennlp.common import Params, Registrable, file_utils
from allennlp.common import params as allennlp_params
from allennlp.common import util as allennlp_util

from hmtl import archives, overrides, weights
from hmtl.environment import VARIABLES
from hmtl.errors import ConfigurationError
from hmtl.files import write_json

_allowed_packages: Set[str] = {"allennlp", "allennlp_models", "hmtl"}


def apply() -> None:
    """Applies every repair; a second call changes nothing."""
    # First what other modules of AllenNLP take by name once they are imported.
    write_whole_files()
    define_variables_of_configurations()
    refuse_fetching_for_archives()
    resolve_known_classes_only()
    read_archives_as_data()
    merge_overrides()


def allow_packages(*names: str) -> None:
    """Lets configurations name classes of these top-level packages by their full path, as in `my_package.models.Mine`.

    Classes that are registered, as every class of a package given by `--include-package` can be, need no such leave.
    """
    _allowed_packages.update(names)


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
def merge_overrides() -> None:
    """AllenNLP's overrides replace an object as a whole: `{"trainer": {"num_epochs": 3}}` leaves nothing else of it."""
    allennlp_params.parse_overrides = overrides.parse_overrides  # type: ignore[assignment]
    allennlp_params.with_overrides = overrides.merged  # type: ignore[assignment]


@functools.cache
def read_archives_as_data() -> None:
    """AllenNLP evaluates an archive's config.json as a program, fetches what it names, and unpacks it anywhere.

    See `hmtl.archives`; weights are read and written as `hmtl.weights` does.
    """
    from allennlp import models
    from allennlp.models import archival
    from allennlp.nn import initializers

    class ArchivedParams(Params):
        @classmethod
        def from_file(cls, params_file: Any, params_overrides: Any = "", ext_vars: Any = None) -> Params:
            return archives.read_config(os.path.dirname(params_file), params_overrides)

    archival.extracted_archive = archives.extracted_archive  # type: ignore[assignment]
    archival.get_weights_path = archives.weights_path
    initializers.read_weights = weights.load_weights
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
    file_utils.before_fetching = archives.refuse_fetching


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

"""Hierarchical multi-task learning for information extraction, on AllenNLP.

Importing the package imports neither torch nor a module of its own, and changes nothing in the process. Its modules are
imported where they are asked for, `hmtl.models` as well as `import hmtl.models`; all that a configuration can name is
imported when a name is first looked up: see `hmtl.registered`.

`hmtl.train(documents)` trains and `hmtl.load(path)` loads a run; `hmtl.tasks.ner(documents)` and its like say what a
task learns from.
"""

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

from hmtl.common import requirements
from hmtl.version import VERSION as __version__

if TYPE_CHECKING:
    from hmtl.experiments.train import train
    from hmtl.experiments.trained_run import TrainedRun, load

requirements.check()  # that the AllenNLP in place is ours

# Where what the package offers beside its modules is found, when it is asked for.
_OFFERED = {
    "TrainedRun": "hmtl.experiments.trained_run",
    "load": "hmtl.experiments.trained_run",
    "train": "hmtl.experiments.train",
}

# For --include-package: the registries import what hmtl registers, and some of its modules need extras.
IMPORTS_ALL_IT_REGISTERS = True


def __getattr__(name: str) -> Any:
    if name in _OFFERED:
        return getattr(importlib.import_module(_OFFERED[name]), name)
    if name.startswith("_") or importlib.util.find_spec(f"hmtl.{name}") is None:
        raise AttributeError(f"module 'hmtl' has no attribute {name!r}")
    return importlib.import_module(f"hmtl.{name}")

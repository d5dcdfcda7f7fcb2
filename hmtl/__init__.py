"""Hierarchical multi-task learning for information extraction, on AllenNLP.

Importing the package imports neither torch nor a module of its own, and changes nothing in the process. Its modules are
imported where they are asked for, `hmtl.models` as well as `import hmtl.models`; all that a configuration can name is
imported when a name is first looked up: see `hmtl.registered`.
"""

import importlib
import importlib.util
from typing import Any

from hmtl.common import requirements
from hmtl.version import VERSION as __version__

requirements.check()  # that the AllenNLP in place is ours

# For --include-package: the registries import what hmtl registers, and some of its modules need extras.
IMPORTS_ALL_IT_REGISTERS = True


def __getattr__(name: str) -> Any:
    if name.startswith("_") or importlib.util.find_spec(f"hmtl.{name}") is None:
        raise AttributeError(f"module 'hmtl' has no attribute {name!r}")
    return importlib.import_module(f"hmtl.{name}")

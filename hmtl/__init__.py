"""Hierarchical multi-task learning for information extraction, on AllenNLP.

Importing the package repairs AllenNLP for current releases (`hmtl.common.compat`) and registers every class that a
configuration can name. It changes nothing else in the process.
"""

# isort: off
from hmtl.common import requirements

requirements.check()  # that the AllenNLP in place is ours

from hmtl.common import compat  # noqa: E402

compat.apply()  # before anything else of AllenNLP is imported

from hmtl import data, models, predictors  # noqa: E402
from hmtl.training import trainer  # noqa: E402
from hmtl.version import VERSION as __version__  # noqa: E402

# For --include-package: no other module registers what a configuration names, and some need extras.
IMPORTS_ALL_IT_REGISTERS = True

# isort: on

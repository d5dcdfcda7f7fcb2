"""Hierarchical multi-task learning for information extraction, on AllenNLP.

Importing the package repairs AllenNLP for current releases (`hmtl.compat`), gives the environment variables that the
configurations read a value, and registers every class that a configuration can name.
"""

# isort: off
from hmtl import requirements

requirements.check()  # what pip cannot be asked for by setup.py

from hmtl import compat  # noqa: E402

compat.apply()  # before anything else of AllenNLP is imported

from hmtl.environment import define_variables  # noqa: E402

define_variables()

from hmtl import data, models, predictors  # noqa: E402
from hmtl.training import trainer  # noqa: E402
from hmtl.version import VERSION as __version__  # noqa: E402

# isort: on

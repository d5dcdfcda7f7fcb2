"""Hierarchical multi-task learning for information extraction, on AllenNLP.

Importing the package repairs AllenNLP for current releases (`hmtl.compat`) and registers every class that a
configuration can name.
"""

# isort: off
from hmtl import compat

compat.apply()  # before anything else of AllenNLP is imported

from hmtl import data  # noqa: E402
from hmtl.version import VERSION as __version__  # noqa: E402

# isort: on

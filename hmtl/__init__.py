"""Hierarchical multi-task learning for information extraction, on AllenNLP.

Importing the package repairs AllenNLP for current releases (`hmtl.compat`) and registers every class that a
configuration can name. It changes nothing else in the process.
"""

# isort: off
from hmtl import requirements

requirements.check()  # what pip cannot be asked for by setup.py

from hmtl import compat  # noqa: E402

with compat.known_warnings_silenced():
    compat.apply()  # before anything else of AllenNLP is imported

    from hmtl import data, models, predictors
    from hmtl.training import trainer
    from hmtl.version import VERSION as __version__

# isort: on

"""Importing this module registers every class of hmtl's that a configuration can name.

AllenNLP's registries import it when a name is first looked up in them (`Registrable.registered_by`), so that `import
hmtl` itself need not.
"""

from hmtl import data, models, predictors  # noqa: F401
from hmtl.training import trainer  # noqa: F401

"""The environment variables that the shipped configurations read."""

import os

# Jsonnet cannot ask whether a variable exists, so that each of these does, empty where the user did not set it.
VARIABLES = ("HMTL_DATA", "HMTL_TRANSFORMER", "HMTL_GLOVE", "HMTL_ELMO", "HMTL_PRESET", "HMTL_ARCHIVE")


def define_variables() -> None:
    """Gives each variable that is unset the value `''`."""
    for name in VARIABLES:
        os.environ.setdefault(name, "")

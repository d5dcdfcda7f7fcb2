"""The environment variables that hmtl sets where the user did not."""

import os

# What the shipped configurations read: Jsonnet cannot ask whether a variable exists, so that each of these does.
VARIABLES = ("HMTL_DATA", "HMTL_TRANSFORMER", "HMTL_GLOVE", "HMTL_ELMO", "HMTL_PRESET", "HMTL_ARCHIVE")


def define_variables() -> None:
    """Gives each variable that is unset its value: `''` for those of configurations."""
    for name in VARIABLES:
        os.environ.setdefault(name, "")
    # oneDNN keeps compiled code for each shape of an LSTM's input, by default for 1024 of them: in sentences of all
    # lengths 600 MB more after an hour of training, for no time saved. It reads this when it is first used.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")

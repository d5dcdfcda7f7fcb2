"""AllenNLP, which pip does not install with hmtl: its own pins exclude every current torch."""

import importlib.util
import sys
from pathlib import Path

INSTALL = "pip install --no-deps allennlp==2.10.1 allennlp-models==2.10.1 torchvision==0.16.2"


def check() -> None:
    """Says how to install AllenNLP where it is missing: in one line and exit code 2 for the command `hmtl`.

    # Raises

    ImportError
        Everywhere else.
    """
    if importlib.util.find_spec("allennlp") is not None:
        return
    message = f"hmtl needs AllenNLP, which is installed beside it: {INSTALL}"
    if Path(sys.argv[0]).stem == "hmtl":  # the command, which would show a traceback
        print(f"hmtl: error: {message}", file=sys.stderr)
        sys.exit(2)
    raise ImportError(message)

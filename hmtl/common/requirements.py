"""The AllenNLP that hmtl carries, and the packages of its extras."""

import importlib.util
import sys
from importlib import metadata
from pathlib import Path
from typing import Optional

# The extra of each package that is imported only where it is used.
EXTRAS = {
    "cached_path": "remote",
    "fastapi": "serve",
    "h5py": "elmo",
    "lmdb": "cache",
    "matplotlib": "plots",
    "optuna": "search",
    "prometheus_client": "serve",
    "ray": "cluster",
    "sklearn": "analysis",
    "spacy": "text",
    "torchjd": "conflicts",
    "uvicorn": "serve",
    "wandb": "wandb",
}


def check() -> None:
    """Says what to do where hmtl's AllenNLP is missing, or another is installed over it: see `fault`.

    For the command `hmtl` that is one line on stderr and exit code 2.

    # Raises

    ImportError
        Everywhere else.
    """
    message = fault()
    if message is None:
        return
    if Path(sys.argv[0]).stem == "hmtl":  # the command, which would show a traceback
        print(f"hmtl: error: {message}", file=sys.stderr)
        sys.exit(2)
    raise ImportError(message)


def fault() -> Optional[str]:
    """What is wrong with the installation, or `None`.

    The distribution hmtl holds a repaired AllenNLP under its own name, `allennlp`. The distribution of that name has
    the same files, unrepaired: of the two, whichever was installed last is in place.
    """
    if importlib.util.find_spec("allennlp") is None:
        return (
            "hmtl's AllenNLP is missing: a checkout has to be installed (pip install -e .), since it is made at "
            "installation"
        )
    try:
        other = metadata.version("allennlp")
        ours = (metadata.distribution("hmtl").read_text("top_level.txt") or "").split()
    except metadata.PackageNotFoundError:
        return None
    if "allennlp" not in ours:
        return None
    return (
        f"the distribution allennlp {other} is installed over the repaired AllenNLP that hmtl carries: "
        "pip uninstall allennlp, then install hmtl again (pip install --force-reinstall --no-deps ...)"
    )


def missing_extra(error: ModuleNotFoundError) -> Optional[str]:
    """What to install where the error is that a package of an extra is missing, or `None`."""
    extra = EXTRAS.get((error.name or "").partition(".")[0])
    if extra is None:
        return None
    return f"this needs the package {error.name}, which is not installed: pip install 'hmtl[{extra}]'"

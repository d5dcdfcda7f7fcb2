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
    "onnx": "export",
    "onnxruntime": "export",
    "onnxscript": "export",
    "optuna": "search",
    "peft": "adapters",
    "prometheus_client": "serve",
    "pydantic": "serve",
    "pyarrow": "parquet",
    "ray": "cluster",
    "sklearn": "analysis",
    "spacy": "text",
    "torchjd": "conflicts",
    "uvicorn": "serve",
    "wandb": "wandb",
}
# The first words of what carried/carry.py has changed, the module `allennlp` itself among it.
_REPAIRED = "# Changed by hmtl"


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
    # The command, or `python -m hmtl`, which would show a traceback.
    if Path(sys.argv[0]).stem == "hmtl" or sys.argv[0] == "-m":
        print(f"hmtl: error: {message}", file=sys.stderr)
        sys.exit(2)
    raise ImportError(message)


def fault() -> Optional[str]:
    """What is wrong with the installation, or `None`.

    The distribution hmtl holds a repaired AllenNLP under its own name, `allennlp`. The distribution of that name has
    the same files, unrepaired, and some more: of the two, whichever was installed last is in place.
    """
    spec = importlib.util.find_spec("allennlp")
    if spec is None or spec.origin is None:  # what is left of a package that was removed is a folder without a file
        return (
            "hmtl's AllenNLP is missing: install hmtl again (pip install --force-reinstall --no-deps ...); a checkout "
            "has to be installed, too (pip install -e .), since it is made at installation"
        )
    try:
        other = metadata.version("allennlp")
        ours = (metadata.distribution("hmtl").read_text("top_level.txt") or "").split()
    except metadata.PackageNotFoundError:
        other, ours = None, []
    if other is not None and "allennlp" in ours:
        return (
            f"the distribution allennlp {other} is installed over the repaired AllenNLP that hmtl carries: "
            "pip uninstall allennlp, then install hmtl again (pip install --force-reinstall --no-deps ...)"
        )
    source = spec.loader.get_source("allennlp")  # type: ignore[union-attr]  # None of a program frozen without sources
    if source is not None and not source.startswith(_REPAIRED):
        return f"{Path(spec.origin).parent} is imported in place of the repaired AllenNLP that hmtl carries: remove it"
    return None


def missing_extra(error: ModuleNotFoundError) -> Optional[str]:
    """What to install where the error is that a package of an extra is missing, or `None`."""
    extra = EXTRAS.get((error.name or "").partition(".")[0])
    if extra is None:
        return None
    return f"this needs the package {error.name}, which is not installed: pip install 'hmtl[{extra}]'"

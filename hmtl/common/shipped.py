"""What comes with hmtl beside its code: configurations, the sample and the scripts, in a checkout or installed.

`.allennlp_plugins` names hmtl: in a folder that holds it, AllenNLP's own commands know hmtl's classes.
"""

import shutil
from pathlib import Path
from typing import List

from hmtl.errors import UserError

# Each at the top of a checkout; setup.py puts copies of them into the package's folder `shipped`.
PARTS = ("configs", "data/sample", "data/pairs", "data/README.md", "scripts", ".allennlp_plugins")


def shipped_folder() -> Path:
    """The folder that holds `PARTS`: that of an installed package, or else the checkout that the code lies in."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "shipped"
    return installed if installed.is_dir() else package.parent


def copy_shipped(folder: Path) -> List[Path]:
    """Copies `PARTS` into a folder, which it makes, and returns the copies.

    # Raises

    UserError
        Where one of them is there already: nothing is overwritten, and nothing is copied.
    """
    copies = [folder / part for part in PARTS]
    for copy in copies:
        if copy.exists():
            raise UserError(f"{copy} exists, and nothing is overwritten; name another folder, or move it away")
    for part, copy in zip(PARTS, copies):
        original = shipped_folder() / part
        copy.parent.mkdir(parents=True, exist_ok=True)
        if original.is_dir():
            shutil.copytree(original, copy, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        else:
            shutil.copy(original, copy)
    return copies

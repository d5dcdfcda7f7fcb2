"""Packages of the user's that register classes for configurations."""

import json
import os
from pathlib import Path
from typing import List, Union

from allennlp.common.registrable import PACKAGES_BY_PATH
from allennlp.common.util import import_module_and_submodules

from hmtl.common.file_names import ARCHIVE_NAME, COMMAND_NAME
from hmtl.errors import UserError


def allow_packages(*names: str) -> None:
    """Lets configurations name classes of these top-level packages by their full path, as in `my_package.models.Mine`.

    Classes that are registered, as every class of a package given by `--include-package` can be, need no such leave.
    """
    PACKAGES_BY_PATH.update(names)


def include_package(package: str, reason: str = "") -> None:
    """Imports a package and all its modules, so that what they register is known.

    `reason` says why, where it is not the option of this command.

    # Raises

    UserError
        Where there is no such package; what the package itself misses is raised as it is.
    """
    try:
        import_module_and_submodules(package)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{package}.".startswith(f"{error.name}."):
            raise
        raise UserError(
            f"{reason}--include-package {package}: there is no module '{error.name}' in the working directory or on "
            "PYTHONPATH"
        ) from error


def packages_of_run(path: Union[str, os.PathLike]) -> List[str]:
    """The packages that a run was trained with, given its directory or the `model.tar.gz` in it.

    What stands in an archive is not asked: an archive may come from anybody, and a package is code.
    """
    directory = Path(path)
    if directory.name == ARCHIVE_NAME:
        directory = directory.parent
    try:
        command = json.loads((directory / COMMAND_NAME).read_text(encoding="utf-8"))
        packages = command.get("packages", [])
    except (OSError, ValueError, AttributeError):  # another's archive, or a run of an older release
        return []
    return [package for package in packages if isinstance(package, str)] if isinstance(packages, list) else []


def include_packages_of_run(path: Union[str, os.PathLike]) -> None:
    """Imports the packages that a run was trained with; see `packages_of_run`.

    # Raises

    UserError
        As `include_package` does.
    """
    for package in packages_of_run(path):
        include_package(package, reason=f"{path}: was trained with ")

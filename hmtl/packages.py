"""Packages of the user's that register classes for configurations."""

from allennlp.common.util import import_module_and_submodules

from hmtl.errors import UserError


def include_package(package: str) -> None:
    """Imports a package and all its modules, so that what they register is known.

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
            f"--include-package {package}: there is no module '{error.name}' in the working directory or on PYTHONPATH"
        ) from error

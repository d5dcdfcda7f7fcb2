"""Packages that are imported where they are first asked for, and need not be installed where nothing asks for them."""

import importlib
from types import ModuleType
from typing import Any


class OptionalPackage:
    """Stands for a module; the first look at an attribute imports it.

    # Parameters

    name : `str`
        The module's full name.
    extra : `str`, optional (default = `None`)
        The extra of hmtl's that installs it; `None` for what is always installed.

    # Raises

    ConfigurationError
        At the first look, where the package is not installed; it names the package and the extra.
    """

    def __init__(self, name: str, extra: str = None) -> None:
        self._name, self._extra = name, extra
        self._module: Any = None

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):  # of those who look for what every module has, as inspect does
            raise AttributeError(attribute)
        # Kept: some look here for each tensor of a batch, and importlib takes its time.
        if self._module is None:
            self._module = self._imported()
        return getattr(self._module, attribute)

    def _imported(self) -> ModuleType:
        package = self._name.partition(".")[0]
        try:
            return importlib.import_module(self._name)
        except ModuleNotFoundError as error:
            if error.name != package or self._extra is None:
                raise
            from allennlp.common.checks import ConfigurationError  # which imports this module

            raise ConfigurationError(
                f"this needs the package {package}, which is not installed: pip install 'hmtl[{self._extra}]'"
            ) from None

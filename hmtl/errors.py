"""Errors that a user can mend: one clear line each, exit code 2 on the command line, never a bare traceback."""

from os import PathLike
from typing import Optional, Union

from allennlp.common.checks import ConfigurationError

__all__ = ["ConfigurationError", "DataError", "UserError"]


class UserError(Exception):
    """A mistake of the user's: its message says what was found, what was expected and what to do."""


class DataError(UserError):
    """A data file that cannot be used.

    The message is led by the file and the line (from 1) where they are known: `path:line: message`. The attributes
    `message`, `path` and `line` have them apart.
    """

    def __init__(self, message: str, path: Optional[Union[str, PathLike]] = None, line: Optional[int] = None) -> None:
        place = "" if path is None else f"{path}: " if line is None else f"{path}:{line}: "
        super().__init__(place + message)
        self.message, self.path, self.line = message, path, line

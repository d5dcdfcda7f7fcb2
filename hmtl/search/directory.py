"""The directory of a search: one search at a time, and always the same one."""

import json
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator

from hmtl.common.files import write_json
from hmtl.common.locks import locked as lock_of
from hmtl.errors import UserError

CONFIGURATION, SEARCH, STUDY, LOCK, LOGS = "configuration.json", "search.json", "study.db", "search.lock", "logs"


def check_directory(directory: Path) -> None:
    """Makes sure that a directory is empty, or of a search.

    # Raises

    UserError
        Where it is neither.
    """
    if directory.exists() and not directory.is_dir():
        raise UserError(f"{directory}: expected a directory, found a file")
    if not directory.is_dir() or (directory / SEARCH).is_file():
        return
    # A search that was killed as it began leaves some of its files.
    if any(path.name not in (CONFIGURATION, STUDY, LOCK, LOGS) for path in directory.iterdir()):
        raise UserError(f"{directory}: not empty, and no search in it; choose another directory")


@contextmanager
def locked(directory: Path) -> Iterator[int]:
    """Makes the directory and holds its lock, whose file descriptor it yields.

    # Raises

    UserError
        Where another search has it, or a trial that an earlier one left behind.
    """
    (directory / LOGS).mkdir(parents=True, exist_ok=True)
    with lock_of(directory / LOCK, "another search, or a trial of one that was killed") as descriptor:
        yield descriptor


def claim(directory: Path, configuration: Dict[str, Any], search: Dict[str, Any], all_failed: bool) -> bool:
    """Notes what is searched, or makes sure that it is what the directory notes; returns whether to begin anew.

    # Raises

    UserError
        Where it is something else, unless every trial has failed: then the mended search begins anew.
    """
    described = {CONFIGURATION: configuration, SEARCH: search}
    changed = []
    for name, value in described.items():
        path = directory / name
        if path.exists():
            noted = json.loads(path.read_text(encoding="utf-8"))
            changed += [path] if noted != json.loads(json.dumps(value)) else []
    if changed and not all_failed:
        what = "configuration" if changed[0].name == CONFIGURATION else "space, metric or direction"
        raise UserError(
            f"{directory}: holds a search with another {what} ({changed[0].name}); choose another directory, or "
            "remove this one"
        )
    # search.json last: with it a directory is one of a search.
    for name, value in described.items():
        write_json(directory / name, value)
    return bool(changed)

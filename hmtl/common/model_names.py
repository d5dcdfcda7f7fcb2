"""What a model is called by, and where it is: a path, an installed package, a model of the checkout, one of the hub."""

import importlib.util
import json
import os
import re
import textwrap
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Dict, Optional

from hmtl.common.checks import did_you_mean, path_advice
from hmtl.common.file_names import (
    ARCHIVE_NAME,
    ARCHIVED,
    CALIBRATION_NAME,
    CARD_NAME,
    CONFIG_NAME,
    ENCODER_NAME,
    META_NAME,
    PACKAGE_NAME,
    SUFFIX,
    VOCABULARY_NAME,
)
from hmtl.common.files import PathLike
from hmtl.common.shipped import shipped_folder
from hmtl.errors import UserError

# The model that commands use where none is named; a checkout has it.
DEFAULT_MODEL = "en_hmtl_mini"
# The group of entry points by which a package says that it is a model.
ENTRY_POINTS = "hmtl_models"

_NAME = re.compile(r"[A-Za-z]\w*", re.ASCII)
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
# Folders that hold models here: whoever misspells what is in them does not mean the hub.
_FOLDERS = ("runs", "models")
_HUB_FILES = [
    *(CONFIG_NAME, META_NAME, CALIBRATION_NAME, PACKAGE_NAME, CARD_NAME, ARCHIVE_NAME, f"{ARCHIVED}{SUFFIX}"),
    *(f"{VOCABULARY_NAME}/*", f"{ENCODER_NAME}*/*"),
]


def find_model(name: PathLike) -> Path:
    """Where a model is that a user has named.

    # Parameters

    name : `PathLike`
        A path, of a run, an archive (`model.tar.gz`), a wheel or a package's folder; the name of an installed package;
        that of a folder of `models/` in a checkout; or `user/model`, which is fetched from the Hugging Face hub, unless
        there is a folder `user`. The first that there is.

    # Raises

    UserError
        Where there is none, with what was looked for and what is named almost so.
    """
    text = os.fspath(name)
    if os.path.exists(text):
        return Path(text)
    installed, kept = _installed(), _kept()
    if text in installed:
        return _folder(installed[text])
    if text in kept:
        return kept[text]
    names = sorted({*installed, *kept})
    expected = "expected a model.tar.gz or the directory of a run"
    if _is_of_hub(text):
        try:
            return _from_hub(text)
        except UserError as error:
            expected = f"{expected}, or a model of the Hugging Face hub ({error})"
    elif _NAME.fullmatch(text):
        expected = f"{expected}, or the name of a model; installed: {', '.join(names) or 'none'}"
    meant = did_you_mean(text, names, "")
    advice = f"; {meant}" if meant else path_advice(text)
    raise UserError(f"{text}: no such archive; {expected}{advice}")


def package_name(directory: PathLike) -> Optional[str]:
    """The name of the model that `hmtl package` has made in this folder; `None` where it is another folder, or none."""
    path = Path(directory) / PACKAGE_NAME
    if not path.is_file():
        return None
    try:
        name = json.loads(path.read_text(encoding="utf-8")).get("name")
    except (ValueError, AttributeError):
        name = None
    if not isinstance(name, str):
        raise UserError(f'{path}: expected {{"name": "...", ...}}, as \'hmtl package\' writes it')
    return name


def _installed() -> Dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


def _kept() -> Dict[str, Path]:
    """The models of the checkout that the code lies in, by name."""
    return {path.parent.name: path.parent for path in (shipped_folder() / "models").glob(f"*/{ARCHIVED}{SUFFIX}")}


def _folder(point: EntryPoint) -> Path:
    """The folder of an installed model; nothing of it is imported."""
    spec = importlib.util.find_spec(point.module) if "." not in point.module else None
    if spec is None or not spec.submodule_search_locations:
        raise UserError(f"{point.name}: the package says that it is a model, and has no folder; install it again")
    return Path(spec.submodule_search_locations[0])


def _is_of_hub(text: str) -> bool:
    user = text.partition("/")[0]
    return _HUB_NAME.fullmatch(text) is not None and user not in _FOLDERS and not os.path.exists(user)


def _from_hub(name: str) -> Path:
    """The folder that the files of a model of the hub are in, once they are fetched.

    # Raises

    UserError
        Where the hub has no such model, or cannot be reached.
    """
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise UserError("that needs the package huggingface_hub: pip install huggingface_hub") from None
    try:
        return Path(snapshot_download(name, allow_patterns=_HUB_FILES))
    except Exception as error:  # of its own, of httpx or requests, and of the system, as releases have it
        reason = textwrap.shorten(str(error).strip() or type(error).__name__, 160, placeholder=" ...")
        raise UserError(reason) from error

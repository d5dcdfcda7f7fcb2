"""The wheel of a package: a zip file that pip installs, written without a build (PEP 427)."""

import base64
import csv
import hashlib
import io
import re
import zipfile
from pathlib import Path
from typing import Any, Dict, List, Tuple

from hmtl.common.file_names import CARD_NAME
from hmtl.common.files import atomic_path
from hmtl.common.model_names import ENTRY_POINTS
from hmtl.version import VERSION

# Of every file, so that the same package makes the same wheel; zip files know no earlier one.
_TIME = (1980, 1, 1, 0, 0, 0)


def write_wheel(folder: Path, record: Dict[str, Any], output: Path) -> Path:
    """Writes the wheel of a package's folder into `output`, and returns it.

    `record` is what its `package.json` says: `name`, `version`, `license` and `description`.
    """
    name, version = record["name"], record["version"]
    about = f"{name}-{version}.dist-info"
    files: List[Tuple[str, bytes]] = [
        (f"{name}/{path.relative_to(folder).as_posix()}", path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    ]
    files += [
        (f"{about}/METADATA", _metadata(record, (folder / CARD_NAME).read_text(encoding="utf-8")).encode()),
        (
            f"{about}/WHEEL",
            f"Wheel-Version: 1.0\nGenerator: hmtl {VERSION}\nRoot-Is-Purelib: true\nTag: py3-none-any\n".encode(),
        ),
        (f"{about}/entry_points.txt", f"[{ENTRY_POINTS}]\n{name} = {name}\n".encode()),
    ]
    files.append((f"{about}/RECORD", _record(files, f"{about}/RECORD").encode()))
    target = output / f"{name}-{version}-py3-none-any.whl"
    with atomic_path(target) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as wheel:
        for place, content in files:
            member = zipfile.ZipInfo(place, _TIME)
            member.compress_type, member.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            wheel.writestr(member, content)
    return target


def _metadata(record: Dict[str, Any], card: str) -> str:
    # The front matter is the hub's.
    description = re.sub(r"\A---\n.*?\n---\n+", "", card, flags=re.DOTALL)
    needed = ".".join(VERSION.split(".")[:2])
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {record['name']}",
        f"Version: {record['version']}",
        f"Summary: {' '.join(record['description'].split())}",
        f"License: {record['license']}",
        f"Requires-Dist: hmtl>={needed}",
        "Description-Content-Type: text/markdown",
    ]
    return "\n".join(lines) + f"\n\n{description}"


def _record(files: List[Tuple[str, bytes]], own_place: str) -> str:
    """The digest and the size of each file, and none of its own."""
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    for place, content in files:
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        rows.writerow([place, f"sha256={digest}", len(content)])
    rows.writerow([own_place, "", ""])
    return table.getvalue()

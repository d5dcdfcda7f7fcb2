"""Inter-task affinities of a joint run (Fifty et al. 2021, "Efficiently Identifying Task Groupings")."""

import csv
import math
from pathlib import Path
from typing import Dict, Tuple

from hmtl.common.files import atomic_write
from hmtl.errors import DataError

AFFINITIES = "affinity.csv"
COLUMNS = ("source", "target", "affinity")

# (source, target) -> how much an update of the source lowers the loss of the target, as a share of it.
Affinities = Dict[Tuple[str, str], float]


def read_affinities(directory: Path) -> Affinities:
    """Those of a study; none where there is no such file, and none of a pair whose affinity is left empty.

    # Raises

    DataError
        Where a line is malformed.
    """
    path = directory / AFFINITIES
    if not path.is_file():
        return {}
    affinities: Affinities = {}
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if not set(COLUMNS) <= set(reader.fieldnames or ()):
            raise DataError(f"expected the columns {','.join(COLUMNS)}, found {reader.fieldnames}", path, 1)
        for row in reader:
            if row["affinity"] == "":
                continue
            try:
                affinities[row["source"], row["target"]] = float(row["affinity"])
            except (TypeError, ValueError):
                raise DataError(f"affinity is {row['affinity']}; expected a number", path, reader.line_num) from None
    return affinities


def write_affinities(directory: Path, affinities: Affinities) -> None:
    """Writes those of a study; what is no number, as of a target whose loss is 0, is left empty."""
    with atomic_write(directory / AFFINITIES) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for (source, target), value in affinities.items():
            writer.writerow([source, target, "" if math.isnan(value) else value])

"""The results of probes, each in a file of its own as soon as it is known."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Dict, NamedTuple, Optional

from hmtl.files import write_json

# Below the output directory.
FOLDER = "probes"

# What the encoders of a row are.
TRAINED, RANDOM = "trained", "random"


class Row(NamedTuple):
    """What a probe reads: of the trained encoders, or of random ones, a level, pooled."""

    encoder: str
    level: str
    pooling: str


@dataclass
class Result:
    """What one probe found.

    # Attributes

    encoder, level, pooling : `str`
        Those of its `Row`.
    task : `str`
    accuracy : `float`
        In the test split, from 0 to 1.
    validation : `float`
    regularization : `float`
        The value of the classifier's grid that was best in validation.
    depends_on : `Dict[str, Any]`
        All that would change the result.
    """

    encoder: str
    level: str
    pooling: str
    task: str
    accuracy: float
    validation: float
    regularization: float
    depends_on: Dict[str, Any] = field(default_factory=dict)

    @property
    def row(self) -> Row:
        return Row(self.encoder, self.level, self.pooling)

    def write(self, output: Path) -> None:
        path = _path(output, self.row, self.task)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, asdict(self))


def read_result(output: Path, row: Row, task: str, depends_on: Dict[str, Any]) -> Optional[Result]:
    """A result that is there already and depends on the same."""
    try:
        found = json.loads(_path(output, row, task).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return Result(**found) if found["depends_on"] == depends_on else None


def _path(output: Path, row: Row, task: str) -> Path:
    return output.joinpath(FOLDER, *row, f"{task}.json")

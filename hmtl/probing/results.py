"""The results of probes, each in a file of its own as soon as it is known."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Dict, NamedTuple, Optional

from hmtl.common.files import write_json

# Below the output directory.
FOLDER = "probes"

# What the encoders of a row are.
TRAINED, RANDOM = "trained", "random"

ACCURACY, SELECTIVITY, COMPRESSION = "accuracy", "selectivity", "compression"


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
    control_accuracy : `Optional[float]`
        As `accuracy`, in the control task, in which a sentence's first word decides.
    compression : `Optional[float]`
        How many times shorter than the uniform code the online code of the training labels is.
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
    control_accuracy: Optional[float] = None
    compression: Optional[float] = None
    depends_on: Dict[str, Any] = field(default_factory=dict)

    @property
    def row(self) -> Row:
        return Row(self.encoder, self.level, self.pooling)

    @property
    def selectivity(self) -> Optional[float]:
        """Accuracy less that in the control task (Hewitt & Liang 2019)."""
        return None if self.control_accuracy is None else self.accuracy - self.control_accuracy

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

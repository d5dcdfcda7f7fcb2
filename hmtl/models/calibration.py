"""The thresholds and temperatures of a trained model, in a file beside its weights."""

import math
from pathlib import Path
from typing import Any, Dict, Mapping, NamedTuple, Optional, Union

from hmtl.common.archives import read_json_object
from hmtl.common.file_names import CALIBRATION_NAME
from hmtl.common.files import PathLike, fingerprint, write_json
from hmtl.common.weights import place
from hmtl.errors import UserError


class TaskCalibration(NamedTuple):
    """What a task's predictions are decided and scored by.

    # Attributes

    temperature : `float`
        What the log-odds of scores are divided by.
    threshold : `Optional[float]`
        The probability from which on something is found; `None` where the head has no such option.
    """

    temperature: float = 1.0
    threshold: Optional[float] = None


def write_calibration(directory: PathLike, weights: PathLike, tasks: Mapping[str, TaskCalibration]) -> None:
    """Writes the calibration of these weights, by task, into the directory of a run."""
    record = {"weights_sha256": fingerprint(weights)["sha256"], "tasks": {k: v._asdict() for k, v in tasks.items()}}
    write_json(Path(directory) / CALIBRATION_NAME, record)


def read_calibration(directory: PathLike, weights: PathLike) -> Dict[str, TaskCalibration]:
    """The calibration of weights, by task, from the directory of a run or an unpacked archive.

    It is empty where there is none, and where it is that of other weights: those of one task, or those from before the
    run was trained on.

    # Raises

    UserError
        Where the file is none of a calibration.
    """
    path = Path(directory) / CALIBRATION_NAME
    if not path.exists():
        return {}
    record = read_json_object(path)
    tasks = record.get("tasks")
    if not isinstance(tasks, dict) or "weights_sha256" not in record:
        raise UserError(f"{place(path)}: expected 'weights_sha256' and 'tasks', an object; found {', '.join(record)}")
    found = {task: _of_task(path, task, values) for task, values in tasks.items()}
    return found if fingerprint(weights)["sha256"] == record["weights_sha256"] else {}


def _of_task(path: Path, task: str, values: Any) -> TaskCalibration:
    if isinstance(values, dict) and values.keys() == set(TaskCalibration._fields):
        temperature, threshold = (values[name] for name in TaskCalibration._fields)
        if _is_number(temperature, math.inf) and (threshold is None or _is_number(threshold, 1)):
            return TaskCalibration(temperature, threshold)
    raise UserError(
        f"{place(path)}: task '{task}' has {values}; expected a temperature above 0, and a threshold between 0 and 1 "
        "or null"
    )


def _is_number(value: Union[float, Any], below: float) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < below

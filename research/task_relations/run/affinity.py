"""Inter-task affinity from one joint run of all tasks: a second opinion on which tasks help each other."""

import shutil
from pathlib import Path
from typing import Optional

from hmtl.errors import UserError
from hmtl.training.callbacks.inter_task_affinity import INTER_TASK_AFFINITY, mean_affinities
from research.task_relations.run.tasks import Tasks, configuration
from research.task_relations.run.worker import train_in
from research.task_relations.study import Affinities, read_affinities, write_affinities

_TRAINING = "affinity"
# After each there is a checkpoint.
_PARTS = 5


def measure(
    directory: Path,
    tasks: Tasks,
    steps: int = 300,
    every: int = 100,
    learning_rate: float = 1.0,
    preset: str = "short",
    glove: Optional[str] = None,
    seed: int = 13370,
) -> Affinities:
    """Trains all tasks together and writes `affinity.csv`, `source,target,affinity`: the mean affinity over the run.

    Where the file is there already, for the same tasks, nothing is trained; an interrupted training is gone on with.

    # Parameters

    directory : `Path`
    tasks : `Tasks`
        At least two.
    steps : `int`, optional (default = `300`)
        Updates a task, on average.
    every : `int`, optional (default = `100`)
        Updates between two measurements, over all tasks.
    learning_rate : `float`, optional (default = `1.0`)
        As of `affinities`.
    preset, glove, seed
        As of `configuration`.

    # Raises

    UserError
        Where there are fewer than two tasks, or too few updates for one measurement.
    """
    if len(tasks) < 2:
        raise UserError(f"inter-task affinity needs two tasks at least, got {len(tasks)}")
    found = read_affinities(directory)
    if {source for source, _ in found} == set(tasks):
        return found
    experiment = configuration(tasks, preset, steps, glove, seed)
    num_updates = experiment["trainer"]["num_epochs"] * experiment["trainer"]["sampler"]["num_updates"]
    if num_updates < every:
        raise UserError(f"{num_updates} updates are too few to measure after every {every}; give more steps")
    # Scores on the way are not looked at.
    experiment.pop("validation_data_path")
    experiment.pop("validation_data_loader")
    experiment["trainer"]["sampler"]["num_updates"] = -(-num_updates // _PARTS)
    experiment["trainer"]["num_epochs"] = _PARTS
    experiment["trainer"]["callbacks"] = [
        {"type": "inter_task_affinity", "every": every, "learning_rate": learning_rate}
    ]
    directory.mkdir(parents=True, exist_ok=True)
    train_in(directory / _TRAINING, experiment)
    write_affinities(directory, mean_affinities(directory / _TRAINING / INTER_TASK_AFFINITY))
    shutil.rmtree(directory / _TRAINING)
    return read_affinities(directory)

"""One run of an experiment: a setup with a seed, and what is noted about it in its directory."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Optional

from hmtl.errors import UserError

# In the directory of each run.
RECORD = "experiment.json"

SEED_KEYS = ("random_seed", "numpy_seed", "pytorch_seed", "trainer.seed", "data_loader.seed")


@dataclass(frozen=True)
class Experiment:
    """A setup, trained with one seed.

    # Attributes

    output : `Path`
        Of all runs.
    corpora, setup : `str`
        The configuration is `{configs}/{corpora}/{setup}.jsonnet`.
    seed : `int`
    """

    output: Path
    corpora: str
    setup: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.setup}/seed_{self.seed}"

    @property
    def directory(self) -> Path:
        """The serialization directory."""
        return self.output / self.corpora / self.setup / f"seed_{self.seed}"

    @property
    def log(self) -> Path:
        """What the process wrote, beside the directory."""
        return self.directory.with_suffix(".log")

    def record(self) -> Optional["Record"]:
        """What is noted of the run; `None` where nothing is."""
        return read_record(self.directory)


Record = Dict[str, Any]


def seed_overrides(seed: int) -> Dict[str, int]:
    """The overrides that make everything random a function of `seed`."""
    return dict.fromkeys(SEED_KEYS, seed)


def read_record(directory: Path) -> Optional[Record]:
    """What is noted of the run in a directory; `None` where nothing is.

    # Raises

    UserError
        Where the file holds something else.
    """
    path = directory / RECORD
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: not valid JSON: {error}") from error
    if not isinstance(record, dict) or not {"setup", "seed", "preset", "finished", "parts"} <= record.keys():
        raise UserError(
            f"{path}: expected what 'research.paper reproduce' notes of a run; remove it to evaluate the run again"
        )
    return record

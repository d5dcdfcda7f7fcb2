"""Short runs of a hierarchical configuration: each level alone, and all of them in a given order."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

from allennlp.common import Params

from hmtl.common.files import write_json
from hmtl.common.locks import locked
from hmtl.errors import UserError
from hmtl.runs.run_directory import RunDirectory
from hmtl.runs.summaries import summarize

ALONE, ORDERS, CONFIGURATION, LOCK = "alone", "orders", "configuration.json", "orders.lock"
# Validations of a run, and losses of a task that are kept: as many as a curve needs.
NUM_EPOCHS, NUM_LOSSES = 5, 100

# By task: sections of a configuration with an entry for each.
_BY_TASK = (
    "dataset_reader.readers",
    "data_loader.batch_size",
    "model.levels",
    "train_data_path",
    "validation_data_path",
    "test_data_path",
)


class OrderRuns:
    """Runs of a configuration, kept in a directory; what is finished there is not run again.

    # Parameters

    path : `Path`
        The configuration.
    directory : `Path`, optional
    updates : `int`
        Of a task, in each run.
    packages : `Sequence[str]`, optional (default = `()`)
        For `--include-package`.

    # Raises

    UserError
        Where the configuration has fewer than two levels, or the directory has the runs of another one.
    """

    def __init__(self, path: Path, directory: "Path | None", updates: int, packages: Sequence[str] = ()) -> None:
        if not path.is_file():
            raise UserError(f"{path}: expected a configuration file")
        self._path = path
        self._directory = directory
        self._updates = updates
        self._packages = list(packages)
        self._configuration = Params.from_file(str(path)).as_dict(quiet=True)
        levels = self._configuration.get("model", {}).get("levels", {})
        self.levels: List[str] = sorted(levels)
        if len(self.levels) < 2:
            raise UserError(f"{path}: expected at least two levels in model.levels, found {len(self.levels)}")

    def compare(self, orders: Sequence[Tuple[str, ...]]) -> str:
        """Trains the levels in each order, and returns their best validation scores as a table."""
        lines = [f"Best validation score x 100 after {self._updates} updates a task, one run each:", ""]
        for order in orders:
            summary = summarize(self.trained(order))
            scores = {level: summary.tasks[level].best_score or 0.0 for level in self.levels}
            mean = sum(scores.values()) / len(scores)
            of_levels = "  ".join(f"{level} {100 * score:5.1f}" for level, score in scores.items())
            lines.append(f"  mean {100 * mean:5.1f}  {of_levels}  {' < '.join(order)}")
        return "\n".join(lines)

    def configuration(self, order: Sequence[str]) -> Dict[str, Any]:
        """The configuration with some of the levels, each reading all that come before it, and so many updates."""
        configuration = json.loads(json.dumps(self._configuration))
        for dotted in _BY_TASK:
            section, _, key = dotted.rpartition(".")
            holder = configuration.get(section, {}) if section else configuration
            if isinstance(holder.get(key), dict):
                holder[key] = {task: value for task, value in holder[key].items() if task in order}
        for place, level in enumerate(order):
            if "encoder" in configuration["model"]["levels"][level]:
                options = configuration["model"]["levels"][level]
                options["reads"] = list(order[:place])
                labels = options.get("reads_label_embeddings")
                if labels:
                    options["reads_label_embeddings"] = [lower for lower in order[:place] if lower in labels]
                if not place:
                    # The lowest level has nothing else to read.
                    options.pop("reads_embedding", None)
            elif place:
                raise UserError(f"{self._path}: level '{level}' has no encoder that could read other levels")
        trainer = configuration["trainer"]
        every = max(1, self._updates * len(order) // NUM_EPOCHS)
        trainer["sampler"] = {"type": "uniform_updates", "num_updates": every}
        trainer["num_epochs"] = NUM_EPOCHS
        trainer.pop("patience", None)
        callbacks = [
            *(trainer.get("callbacks") or []),
            {"type": "batch_losses", "every": max(1, self._updates // NUM_LOSSES)},
        ]
        trainer["callbacks"] = callbacks
        return configuration

    def directory(self) -> Path:
        """That of the runs, which notes what it is of.

        # Raises

        UserError
            Where none was given, or it has the runs of another configuration.
        """
        if self._directory is None:
            raise UserError("--order needs runs of its own for this; name a directory for them by -s")
        noted = {"configuration": self._configuration, "updates": self._updates}
        path = self._directory / CONFIGURATION
        if path.is_file() and json.loads(path.read_text(encoding="utf-8")) != json.loads(json.dumps(noted)):
            raise UserError(f"{self._directory}: runs of another configuration, or other --updates; choose another -s")
        self._directory.mkdir(parents=True, exist_ok=True)
        write_json(path, noted)
        return self._directory

    def trained(self, order: Sequence[str]) -> Path:
        """The directory of the run of one level alone, or of levels in an order: trained, where it is not yet, in a
        process of its own, which goes on where an earlier one was interrupted."""
        directory = self.directory() / (ORDERS if len(order) > 1 else ALONE) / "_".join(order)
        run = RunDirectory(directory)
        if run.metrics.is_file():
            return directory
        directory.parent.mkdir(parents=True, exist_ok=True)
        path, log = directory.with_suffix(".json"), directory.with_suffix(".log")
        write_json(path, self.configuration(order))
        command = [sys.executable, "-m", "hmtl", "train", str(path), "-s", str(directory), *run.resume_options()]
        command += ["--include-package", *self._packages] if self._packages else []
        print(f"{directory}: trains (its output: {log})", file=sys.stderr)
        with locked(directory.parent / LOCK, "another hmtl advise"), open(log, "ab") as output:
            code = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output).returncode
        if code != 0:
            raise UserError(f"{directory}: the run failed (exit code {code}); all of it in {log}")
        return directory

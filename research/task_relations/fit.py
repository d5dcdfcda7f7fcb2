"""Fits the logistic regression to studies, and writes what came of it."""

import hashlib
from pathlib import Path
from typing import Any, Dict, List, Sequence

import numpy as np
import scipy
import sklearn

from hmtl.common.files import atomic_write, write_json
from hmtl.common.tables import Table, markdown
from hmtl.errors import UserError
from hmtl.version import VERSION
from research.task_relations.cross_validation import (
    FITS,
    FOLDS,
    REPEATS,
    TEST_SHARE,
    Coefficient,
    Row,
    ablation,
    coefficients,
    cross_validate,
)
from research.task_relations.pair_data import PairData, read_pair_data
from research.task_relations.study import LOSSES, SCORES

LIMITS = (
    "Pairs that share a task depend on one another: cross-validation over pairs flatters, tasks left out whole do not.",
    "A gain is of one run each, with one seed: those near zero may be chance.",
    "What was learned holds for models, data sizes and numbers of updates like those of the studies.",
)


def model_card(
    data: PairData, directories: Sequence[Path], rows: Sequence[Row], repeats: int, folds: int, seed: int
) -> Dict[str, Any]:
    """The card of a logistic regression that is fitted to all measured pairs of studies."""
    return {
        "model": "logistic regression of scikit-learn, L2, C = 1: does a main task gain from an auxiliary task?",
        "features": data.names,
        "roles": "of the main task, of the auxiliary task, main / auxiliary",
        "missing": "the mean of the training part; "
        f"{int(np.isnan(data.matrix).sum())} of {data.matrix.size} values of pairs are missing",
        "scale": "0..1 by the training part" + ("; before, each study by itself" if len(directories) > 1 else ""),
        "studies": [_study(data, directory) for directory in directories],
        "cross_validation": {"repeats": repeats, "folds": folds, "seed": seed, "shuffled": True},
        "performance": [{"features": row.title, **vars(row.performance)} for row in rows],
        "coefficients": f"means over {FITS} fits to {1 - TEST_SHARE:.0%} of the pairs, in coefficients.csv",
        "versions": {
            "hmtl": VERSION,
            "numpy": np.__version__,
            "scikit-learn": sklearn.__version__,
            "scipy": scipy.__version__,
        },
        "limits": list(LIMITS),
        "notes": data.notes,
    }


def card_as_markdown(card: Dict[str, Any]) -> str:
    """The card to read."""
    lines = ["# Model card", "", f"- model: {card['model']}"]
    lines += [f"- {key}: {card[key]}" for key in ("roles", "missing", "scale", "coefficients")]
    lines.append(f"- features of a task: {', '.join(card['features'])}")
    of_folds = card["cross_validation"]
    lines.append(f"- cross-validation: {of_folds['repeats']} x {of_folds['folds']} folds, seed {of_folds['seed']}")
    lines.append(f"- versions: {', '.join(f'{name} {version}' for name, version in card['versions'].items())}")
    lines += ["", "## Fitted on", ""]
    for study in card["studies"]:
        files = ", ".join(f"{name} sha256 {digest[:12]}" for name, digest in study["files"].items())
        tasks = ", ".join(study["tasks"])
        lines.append(f"- {study['directory']}: {study['gains']} gains of {study['pairs']} pairs of {tasks} ({files})")
    lines += ["", "## Performance", "", *performance_table(card["performance"]), "", "## Limits", ""]
    lines += [f"- {limit}" for limit in card["limits"]]
    if card["notes"]:
        lines += ["", "## Missing", "", *(f"- {note}" for note in card["notes"])]
    return "\n".join(lines) + "\n"


def performance_table(rows: Sequence[Dict[str, Any]]) -> List[str]:
    """Accuracy and F1 in Markdown."""
    cells = [[row["features"], *(spread(row[name], row[f"{name}_std"]) for name in ("accuracy", "f1"))] for row in rows]
    return list(markdown(["features", "accuracy", "F1 of gains"], cells))


def spread(mean: float, std: Any) -> str:
    """A mean with its standard deviation, where there is one."""
    return f"{mean:.3f}" + ("" if std is None else f" ± {std:.3f}")


def _study(data: PairData, directory: Path) -> Dict[str, Any]:
    gains = np.array([gain for (study, *_), gain in zip(data.pairs, data.gains) if study == directory])
    return {
        "directory": str(directory),
        "tasks": sorted({task for study, *pair in data.pairs if study == directory for task in pair}),
        "pairs": int((~np.isnan(gains)).sum()),
        "gains": int((gains > 0).sum()),
        "files": {
            name: hashlib.sha256((directory / name).read_bytes()).hexdigest()
            for name in (LOSSES, SCORES)
            if (directory / name).is_file()
        },
    }


CARD = "model_card"


class Fit:
    """Performance and coefficients of the logistic regression on studies.

    # Parameters

    directories : `Sequence[Path]`
        Studies.
    repeats, folds, seed : `int`
        See `cross_validate`.
    faithful : `bool`, optional (default = `False`)
        Adds a row as the published figures were made: c of the curves from their fit, and a scaler that has seen the
        test folds; and one with their fit alone.

    # Attributes

    data : `PairData`
    rows : `List[Row]`
    coefficients : `List[Coefficient]`

    # Raises

    UserError
        Where a study cannot be read, or there are too few pairs.
    """

    def __init__(
        self,
        directories: Sequence[Path],
        repeats: int = REPEATS,
        folds: int = FOLDS,
        seed: int = 1,
        faithful: bool = False,
    ) -> None:
        self.directories = list(dict.fromkeys(directories))
        self.repeats, self.folds, self.seed = repeats, folds, seed
        self.data = read_pair_data(self.directories)
        if self.data.measured.sum() < folds:
            raise UserError(
                f"{', '.join(map(str, self.directories))}: {int(self.data.measured.sum())} pairs with a known gain; "
                f"expected at least {folds}; 'python -m research.task_relations run' makes them"
            )
        self.rows: List[Row] = ablation(self.data, repeats, folds, seed)
        if faithful:
            self.rows += self._faithful_rows()
        self.coefficients: List[Coefficient] = coefficients(self.data, seed=seed)

    def write(self, output: Path) -> None:
        """Writes the model card (JSON and Markdown), coefficients.csv and cross_validation.csv."""
        output.mkdir(parents=True, exist_ok=True)
        card = model_card(self.data, self.directories, self.rows, self.repeats, self.folds, self.seed)
        write_json(output / f"{CARD}.json", card)
        with atomic_write(output / f"{CARD}.md") as file:
            file.write(card_as_markdown(card))
        for table in (self.coefficients_table(), self.performance_table()):
            table.write(output)

    def coefficients_table(self) -> Table:
        return Table("coefficients", [vars(coefficient) for coefficient in self.coefficients])

    def performance_table(self) -> Table:
        return Table("cross_validation", [{"features": row.title, **vars(row.performance)} for row in self.rows])

    def _faithful_rows(self) -> List[Row]:
        data: PairData = read_pair_data(self.directories, published_fit=True)
        return [
            Row(
                "faithful" if sees_all else "published fit",
                f"all features, curves fitted as published, scaler {'on all pairs' if sees_all else 'in the fold'}",
                cross_validate(data, self.repeats, self.folds, self.seed, scaler_sees_all=sees_all),
            )
            for sees_all in (True, False)
        ]

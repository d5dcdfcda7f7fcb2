"""What was fitted on what, for people and for programs."""

import hashlib
from pathlib import Path
from typing import Any, Dict, List, Sequence

import numpy as np
import scipy
import sklearn

from hmtl.common.tables import markdown
from hmtl.version import VERSION
from research.task_relations.ablation import Row
from research.task_relations.coefficients import FITS, TEST_SHARE
from research.task_relations.pair_data import PairData
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

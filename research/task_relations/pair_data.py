"""The pairs of one or several studies, ready to be learned from."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterable, List, Sequence, Tuple

import numpy as np

from hmtl.errors import UserError
from research.task_relations.features import (
    FEATURES,
    TASK_FEATURES,
    TaskFeatures,
    pair_matrix,
    pair_names,
    read_features,
    study_features,
)
from research.task_relations.study import Gains, Study, gains_of, read_study


@dataclass
class PairData:
    """All ordered pairs of the tasks of studies.

    # Attributes

    pairs : `List[Tuple[Path, str, str]]`
        The study, the main and the auxiliary task of each.
    names : `List[str]`
        The features of a task that all studies have.
    matrix : `np.ndarray`
        The features of the pairs, NaN where missing; shape: `(num_pairs, 3 * num_names)`. Of several studies, each is
        scaled to 0..1 by itself: their losses and iterations differ in kind.
    gains : `np.ndarray`
        In percent, NaN where not measured; shape: `(num_pairs,)`.
    notes : `List[str]`
        What is missing.
    """

    pairs: List[Tuple[Path, str, str]]
    names: List[str]
    matrix: np.ndarray
    gains: np.ndarray
    notes: List[str]

    @property
    def columns(self) -> List[str]:
        """The names of the columns of `matrix`."""
        return pair_names(self.names)

    @property
    def measured(self) -> np.ndarray:
        """Where the gain is known; shape: `(num_pairs,)`."""
        return ~np.isnan(self.gains)

    def only(self, chosen: np.ndarray) -> "PairData":
        """Some of the pairs, by a mask of shape `(num_pairs,)`."""
        pairs = [pair for pair, keep in zip(self.pairs, chosen) if keep]
        return PairData(pairs, self.names, self.matrix[chosen], self.gains[chosen], self.notes)

    def with_features(self, names: Iterable[str]) -> "PairData":
        """With some features of tasks only."""
        wanted = set(names)
        kept = [name for name in self.names if name in wanted]
        of_pairs = set(pair_names(kept))
        columns = [index for index, name in enumerate(self.columns) if name in of_pairs]
        return PairData(self.pairs, kept, self.matrix[:, columns], self.gains, self.notes)

    def without(self, task: str) -> np.ndarray:
        """The mask of the pairs that a task has no part in, in no study; shape: `(num_pairs,)`."""
        return np.array([task not in (main, auxiliary) for _, main, auxiliary in self.pairs], dtype=bool)

    def involved(self) -> List[str]:
        """The names of all tasks, in alphabetical order."""
        return sorted({task for _, *pair in self.pairs for task in pair})


def read_pair_data(directories: Sequence[Path], published_fit: bool = False) -> PairData:
    """Reads studies.

    # Parameters

    directories : `Sequence[Path]`
    published_fit : `bool`, optional (default = `False`)
        See `curve_features`.

    # Raises

    UserError
        Where a study cannot be read, or the studies have no feature in common.
    """
    studies = [read_study(directory) for directory in dict.fromkeys(directories)]
    features = [features_of(study, published_fit) for study in studies]
    names = [name for name in TASK_FEATURES if all(name in of_study.names() for of_study in features)]
    if not names:
        raise UserError(f"{', '.join(map(str, directories))}: no feature that all have; single-task losses are missing")
    parts = [_of_study(study, of_study, names, len(studies) > 1) for study, of_study in zip(studies, features)]
    return PairData(
        [pair for part in parts for pair in part.pairs],
        names,
        np.concatenate([part.matrix for part in parts]),
        np.concatenate([part.gains for part in parts]),
        [note for part in parts for note in part.notes],
    )


def features_of(study: Study, published_fit: bool = False) -> TaskFeatures:
    """The features of the curves, computed, and of the data, where the command `features` has written them."""
    features = study_features(study, published_fit=published_fit)
    path = study.directory / FEATURES
    if path.is_file():
        for task, values in read_features(path).values.items():
            # The curves may have changed since.
            features.values[task] = {**values, **features.values.get(task, {})}
    return features


def scaled_by_itself(matrix: np.ndarray) -> np.ndarray:
    """Each column scaled to 0..1; what is missing stays so. Shapes: `(num_pairs, num_columns)`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # columns without any value
        low, high = np.nanmin(matrix, axis=0), np.nanmax(matrix, axis=0)
    return (matrix - low) / np.where(high > low, high - low, 1.0)


def _of_study(study: Study, features: TaskFeatures, names: List[str], scale: bool) -> PairData:
    found, left_out = gains_of(study)
    gains: Gains = found
    pairs: List[Tuple[str, str]] = [(main, other) for main in study.tasks for other in study.tasks if main != other]
    matrix = pair_matrix(features, pairs, names)
    described: Dict[str, None] = dict.fromkeys([*study.missing(), *left_out, *features.notes])
    return PairData(
        [(study.directory, main, auxiliary) for main, auxiliary in pairs],
        names,
        scaled_by_itself(matrix) if scale and len(pairs) else matrix,
        np.array([gains.get(pair, np.nan) for pair in pairs]),
        [f"{study.directory}: {note}" for note in described],
    )

"""How well groups of features predict gains (Bingel & Søgaard 2017, table 2)."""

from itertools import combinations
from typing import Dict, Iterator, List, NamedTuple, Tuple

from allennlp.common import Tqdm

from research.task_relations.cross_validation import (
    FOLDS,
    REPEATS,
    Performance,
    baselines,
    cross_validate,
    unseen_tasks,
)
from research.task_relations.curve_features import CURVE_FIT, GRADIENTS
from research.task_relations.data_features import DATA
from research.task_relations.features import CURVE, TASK_FEATURES
from research.task_relations.pair_data import PairData

GROUPS: Dict[str, Tuple[str, ...]] = {
    "size": ("sentences",),
    "labels": ("labels", "label_entropy"),
    "words": ("tokens_per_type", "oov_rate", "frobenius_norm"),
    "divergence": ("js_divergence",),
    "gradients": GRADIENTS,
    "curve fit": CURVE_FIT,
}
# Of each combination, to choose the best.
REPEATS_TO_CHOOSE = 5


class Row(NamedTuple):
    """A row of the table; `key` names the row of the paper's table that it answers to."""

    key: str
    title: str
    performance: Performance


def ablation(data: PairData, repeats: int = REPEATS, folds: int = FOLDS, seed: int = 1) -> List[Row]:
    """All features, those of the data, those of the curves, the best combination of `GROUPS`, and baselines.

    The best combination is chosen by the very cross-validation that scores it, as in the paper: an optimistic figure.
    """
    rows = [Row(title, title, performance) for title, performance in baselines(data)]
    kinds = {"all": ("all features", TASK_FEATURES), "data": ("data only", DATA), "curve": ("curves only", CURVE)}
    for key, (title, names) in kinds.items():
        part = data.with_features(names)
        if part.names and (key == "curve" or part.names != data.names or not _only_curves(data)):
            rows.append(Row(key, title, cross_validate(part, repeats, folds, seed)))
    best = _best(data, folds, seed)
    part = data.with_features(name for group in best for name in GROUPS[group])
    rows.append(Row("best", f"best: {', '.join(best)}", cross_validate(part, repeats, folds, seed)))
    rows.append(Row("unseen", "all features, tasks left out whole", unseen_tasks(data)))
    return rows


def _only_curves(data: PairData) -> bool:
    """Whether nothing is known of the data: all features are then those of the curves, and listed as such."""
    return set(data.names) <= set(CURVE)


def _best(data: PairData, folds: int, seed: int) -> Tuple[str, ...]:
    """The combination of groups with the highest F1; of equals, the first and smallest."""
    scores = {
        groups: cross_validate(
            data.with_features(name for group in groups for name in GROUPS[group]), REPEATS_TO_CHOOSE, folds, seed
        ).f1
        for groups in Tqdm.tqdm(list(_combinations(data)), desc="combinations of features")
    }
    return max(scores, key=lambda groups: scores[groups])


def _combinations(data: PairData) -> Iterator[Tuple[str, ...]]:
    present = [group for group, names in GROUPS.items() if set(names) & set(data.names)]
    for size in range(1, len(present) + 1):
        yield from combinations(present, size)

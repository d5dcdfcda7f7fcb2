"""How well advice ranks the auxiliary tasks of each task, as if its gains were not known."""

import statistics
from typing import Any, Dict, List

import numpy as np

from hmtl.common.tables import Table
from research.task_relations.advice import Advice
from research.task_relations.affinity import Affinities
from research.task_relations.pair_data import PairData
from research.task_relations.prediction import MIN_PAIRS, predict


def advice_scores(data: PairData, affinities: Affinities) -> Table:
    """Spearman's rank correlation with the measured gains: a row a main task, and the mean.

    Tasks without which too few pairs are left to learn from are left out.
    """
    rows: List[Dict[str, Any]] = []
    for main in data.involved():
        measured = [other for (_, first, other), known in zip(data.pairs, data.measured) if first == main and known]
        num_pairs = int((data.measured & data.without(main)).sum())
        if not measured or num_pairs < MIN_PAIRS:
            continue
        advice = Advice(main, predict(data, main, measured, samples=0), affinities, num_pairs)
        scores = {name: score for name, (score, _) in advice.scores().items() if not np.isnan(score)}
        rows.append({"main": main, "pairs": len(measured), **scores})
    names = dict.fromkeys(name for row in rows for name in row if name not in ("main", "pairs"))
    if names:
        means = {name: statistics.mean(row[name] for row in rows if name in row) for name in names}
        rows.append({"main": "mean", "pairs": sum(row["pairs"] for row in rows), **means})
    return Table("advice_scores", rows)

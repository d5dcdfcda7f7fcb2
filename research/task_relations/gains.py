"""What a main task gains from an auxiliary task (Bingel & Søgaard 2017, section 3)."""

from typing import Dict, List, Tuple

from research.task_relations.study import Scores, Study

# Of a main task given an auxiliary task, in percent: (main, auxiliary) -> gain.
Gains = Dict[Tuple[str, str], float]


def gains_of(study: Study) -> Tuple[Gains, List[str]]:
    """The gains F1(pair) / F1(single) - 1 in percent, and notes on what is left out.

    The F1 of a pair is its last. The F1 of the single task is the last of the first half of as many iterations: a pair
    shares its updates out among two tasks, so that both have then seen the main task alike (50,000 iterations of the
    published single-task runs against 100,000 of the pairs; one of the former is longer). With them, 40 of the 90
    published gains are above zero, as the paper says; with the best F1 of each run there are 45.
    """
    gains: Gains = {}
    notes: List[str] = []
    last = max((max(scores) for scores in study.pairs.values()), default=0)
    for (main, auxiliary), scores in sorted(study.pairs.items()):
        end = max(scores)
        single = {iteration: f1 for iteration, f1 in study.single.get(main, {}).items() if 2 * iteration <= end}
        if end < last:
            notes.append(f"{main} with {auxiliary}: ends at iteration {end} of {last}; left out")
        elif not single:
            notes.append(f"{main} with {auxiliary}: no F1 of {main} alone until iteration {end // 2}; left out")
        elif _last(single) == 0:
            notes.append(f"{main} with {auxiliary}: F1 of {main} alone is 0, and so no gain is defined; left out")
        else:
            gains[main, auxiliary] = 100 * (_last(scores) / _last(single) - 1)
    return gains, notes


def _last(scores: Scores) -> float:
    return scores[max(scores)]

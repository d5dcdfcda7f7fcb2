"""Methods of advice: how well each ranks auxiliary tasks and predicts subsets, and what it costs."""

from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

import numpy as np
from scipy.stats import rankdata

from hmtl.advice.predictions import rank_correlation
from research.task_relations.gradients.linearized import Estimates, Subset, subset_affinities
from research.task_relations.gradients.shared_inputs import Measurement
from research.task_relations.pair_data import PairData
from research.task_relations.prediction import MIN_PAIRS, predict
from research.task_relations.study import Affinities, Gains
from research.task_relations.surrogate import SubsetScores, by_main, left_out, relevances

# Of an auxiliary task for a main task, the higher the better: (main, auxiliary) -> score.
Scores = Dict[Tuple[str, str], float]


@dataclass
class Method:
    """A way of ranking the auxiliary tasks of each main task.

    # Attributes

    name : `str`
        As the option of `hmtl advise` has it.
    title : `str`
        As tables have it.
    scores : `Scores`
    parts : `Tuple[str, ...]`
        What has to be run for it: names of costs.
    subsets : `SubsetScores`
        Scores of whole subsets, the higher the better, where the method has any; else a subset has for each main task
        the mean of its pairs with the others (Fifty et al. 2021, section 3.2).
    num_subsets : `int`
        That were trained for it.
    """

    name: str
    title: str
    scores: Scores
    parts: Tuple[str, ...]
    subsets: SubsetScores = field(default_factory=dict)
    num_subsets: int = 0

    def subset_score(self, subset: Subset, main: str) -> Optional[float]:
        """That of a main task in a subset; nothing where it is not known."""
        if self.subsets:
            return self.subsets.get((subset, main))
        found = [self.scores.get((main, other)) for other in subset if other != main]
        known = [score for score in found if score is not None]
        return float(np.mean(known)) if known and len(known) == len(found) else None


def learned_methods(data: PairData, mains: Sequence[str]) -> Iterator[Method]:
    """Regressions on the features of tasks, learned from the pairs that the main task has no part in; none where there
    are too few."""
    gain: Scores = {}
    probability: Scores = {}
    for main in mains:
        if int((data.measured & data.without(main)).sum()) < MIN_PAIRS:
            return
        for one in predict(data, main, [task for task in mains if task != main], samples=0):
            gain[main, one.auxiliary], probability[main, one.auxiliary] = one.gain, one.probability
    runs = ("single runs", "pair runs")
    yield Method("gain", "curves and data: expected gain", gain, runs)
    yield Method("probability", "curves and data: probability of a gain", probability, runs)


def usual_method(gains: Gains) -> Method:
    """Whether an auxiliary task usually helps, whatever the main task is: its mean rank, from 0 to 1, among the
    auxiliary tasks of the other main tasks, in pairs that the main task has no part in."""
    tasks = sorted({task for pair in gains for task in pair})
    scores: Scores = {}
    for main in tasks:
        ranks: Dict[str, List[float]] = {}
        for other_main in tasks:
            of_other = {second: gain for (first, second), gain in gains.items() if first == other_main}
            of_other.pop(main, None)
            if other_main == main or len(of_other) < 2:
                continue
            for auxiliary, place in zip(of_other, rankdata(list(of_other.values()))):
                ranks.setdefault(auxiliary, []).append((place - 1) / (len(of_other) - 1))
        scores.update({(main, auxiliary): float(np.mean(of_one)) for auxiliary, of_one in ranks.items()})
    return Method("usual", "what helped the other main tasks", scores, ("single runs", "pair runs"))


def affinity_method(affinities: Affinities) -> Method:
    """Inter-task affinity measured while all tasks are trained, on a batch of each task's own."""
    scores = {(target, source): value for (source, target), value in affinities.items() if source != target}
    return Method("affinity", "affinity, texts of each task's own", scores, ("affinity run",))


def gradient_methods(measurements: Sequence[Measurement]) -> Iterator[Method]:
    """Affinity and cosine on texts apart, and on the same texts for the pairs of tasks that have some."""
    by_share: Dict[float, List[Measurement]] = {}
    for one in measurements:
        if one.source != one.target:
            by_share.setdefault(one.share, []).append(one)
    for measure, title in (("affinity", "affinity"), ("cosine", "cosine of gradients")):
        apart = {(one.target, one.source): getattr(one, measure) for one in by_share.get(0.0, [])}
        same = {(one.target, one.source): getattr(one, measure) for one in by_share.get(1.0, [])}
        parts = ("base", "affinities")
        yield Method(f"{measure}-apart", f"{title}, texts apart", apart, parts)
        yield Method(f"{measure}-shared", f"{title}, same texts where there are", {**apart, **same}, parts)


def shares_of(measurements: Sequence[Measurement], gains: Gains) -> List[Dict[str, Any]]:
    """How well affinity and cosine rank the auxiliary tasks that have texts in common with the main task, by the share
    of common texts in a measurement; a row each."""
    together = {(one.target, one.source) for one in measurements if one.share == 1.0 and one.source != one.target}
    rows = []
    for measure in ("affinity", "cosine"):
        for share in sorted({one.share for one in measurements}):
            scores = {
                (one.target, one.source): getattr(one, measure)
                for one in measurements
                if one.share == share and (one.target, one.source) in together
            }
            found = correlations(scores, {pair: gain for pair, gain in gains.items() if pair in together})
            rows.append({"measure": measure, "share": share, **mean_and_interval(found)})
    return rows


def surrogate_method(scores: SubsetScores) -> Method:
    """Linear surrogate models of trained subsets; each subset is predicted from all others."""
    number = len({subset for subset, _ in scores})
    title = f"surrogate of {number} random subsets"
    return Method("surrogate", title, relevances(scores), ("subset runs",), left_out(scores), number)


def surrogate_sizes(scores: SubsetScores, gains: Gains, step: int, repeats: int, seed: int) -> List[Dict[str, Any]]:
    """How well surrogates of fewer subsets rank pairs and subsets that they have not seen, the mean over main tasks and
    random choices of the subsets; a row each number."""
    generator = np.random.default_rng(seed)
    subsets = sorted({subset for subset, _ in scores})
    rows = []
    for number in [*range(step, len(subsets), step), len(subsets)]:
        pairs, held_out = [], []
        for _ in range(repeats if number < len(subsets) else 1):
            chosen = {subsets[index] for index in generator.permutation(len(subsets))[:number]}
            part = {key: score for key, score in scores.items() if key[0] in chosen}
            pairs += list(correlations(relevances(part), gains).values())
            held_out += list(subset_correlations(surrogate_method(part), part).values())
        rows.append(
            {
                "subsets": number,
                "pairs": float(np.mean(pairs)) if pairs else None,
                "held_out_subsets": float(np.mean(held_out)) if held_out else None,
            }
        )
    return rows


def grad_tag_methods(estimates: Mapping[str, Estimates]) -> Iterator[Method]:
    """Grad-TAG: its affinities, over subsets of three tasks and more; and what the pair itself is estimated to gain."""
    linear = {key: -loss for key, loss in estimates["linear"].items()}
    sizes = sorted({len(subset) for subset, _ in linear})
    parts = ("base", "gradients", "estimates")
    # All but pairs and the one subset of all tasks, which tell no two auxiliary tasks apart.
    middle = [size for size in sizes if 2 < size < sizes[-1]] or [size for size in sizes if size > 2][:1]
    yield Method("grad-tag", "Grad-TAG", subset_affinities(linear, middle), parts, linear)
    yield Method("grad-tag-pair", "Grad-TAG, of the pair itself", _pair_gains(linear), parts)
    network = {key: -loss for key, loss in estimates["network"].items()}
    if network:
        title = "Grad-TAG, of the pair, by the network at W* + P w"
        yield Method("grad-tag-network", title, _pair_gains(network), (*parts, "network estimates"))


def _pair_gains(values: Mapping[Tuple[Subset, str], float]) -> Scores:
    found = {}
    for (subset, main), value in values.items():
        if len(subset) == 2:
            (auxiliary,) = set(subset) - {main}
            found[main, auxiliary] = value - values[(main,), main]
    return found


def correlations(scores: Mapping[Tuple[str, str], float], gains: Gains) -> Dict[str, float]:
    """Spearman's rank correlation of scores and gains over the auxiliary tasks of each main task; none of a task whose
    scores or gains are all alike, or with fewer than three."""
    found = {}
    for main in sorted({main for main, _ in gains}):
        others = [other for first, other in gains if first == main]
        score = rank_correlation(
            [scores.get((main, other)) for other in others], [gains[main, other] for other in others]
        )
        if score is not None and not np.isnan(score[0]):
            found[main] = score[0]
    return found


def subset_correlations(method: Method, measured: SubsetScores) -> Dict[str, float]:
    """The same over the subsets with each main task, of their measured scores and what the method says of them."""
    found = {}
    for main, of_main in by_main(measured).items():
        predicted = [method.subset_score(subset, main) for subset in of_main]
        score = rank_correlation(predicted, list(of_main.values()))
        if score is not None and not np.isnan(score[0]):
            found[main] = score[0]
    return found


# Of the bootstrap over main tasks: its samples, their seed, and the interval in percent.
SAMPLES, SEED, INTERVAL = 10000, 1, 95


def mean_and_interval(by_task: Mapping[str, float], samples: int = SAMPLES) -> Dict[str, Any]:
    """The mean over main tasks, `rank_correlation`, the interval of a bootstrap over them, `low` and `high`, and their
    number, `mains`; empty where there is none."""
    values = np.array(list(by_task.values()))
    if not len(values):
        return {}
    found: Dict[str, Any] = {"rank_correlation": float(values.mean()), "mains": len(values)}
    if samples:
        drawn = np.random.default_rng(SEED).integers(len(values), size=(samples, len(values)))
        tails = ((100 - INTERVAL) / 2, (100 + INTERVAL) / 2)
        found["low"], found["high"] = np.percentile(values[drawn].mean(axis=1), tails).tolist()
    return found


def chosen_by_others(by_method: Mapping[str, Mapping[str, float]]) -> Dict[str, float]:
    """For each main task the rank correlation of the method that is best on the other main tasks: what the choice of a
    method among several may be trusted for."""
    mains = sorted({main for of_method in by_method.values() for main in of_method})
    found = {}
    for main in mains:
        others = {
            name: float(np.mean([score for task, score in of_method.items() if task != main]))
            for name, of_method in by_method.items()
            if main in of_method and len(of_method) > 1
        }
        if others:
            best = max(others, key=lambda name: others[name])
            found[main] = by_method[best][main]
    return found


def ceiling(repeats: Sequence[Gains]) -> Dict[str, float]:
    """How well the gains of one seed rank those of another, by main task: the mean over all pairs of seeds."""
    found: Dict[str, List[float]] = {}
    for number, first in enumerate(repeats):
        for second in repeats[number + 1 :]:
            for main, score in correlations(first, second).items():
                found.setdefault(main, []).append(score)
    return {main: float(np.mean(scores)) for main, scores in found.items()}


def within(gains: Gains, tasks: Sequence[str]) -> Gains:
    """The gains of pairs of some tasks."""
    return {pair: gain for pair, gain in gains.items() if set(pair) <= set(tasks)}


def subsets_within(scores: SubsetScores, tasks: Sequence[str]) -> SubsetScores:
    """The scores of subsets of some tasks."""
    return {key: score for key, score in scores.items() if set(key[0]) <= set(tasks)}

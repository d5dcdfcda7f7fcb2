"""Whether one system is better than another, by a paired bootstrap over the test set and over seeds.

Koehn 2004, "Statistical Significance Tests for Machine Translation Evaluation", and Berg-Kirkpatrick, Burkett and Klein
2012, "An Empirical Investigation of Statistical Significance in NLP", draw the test set anew; Sellam et al. 2022, "The
MultiBERTs", section 4, draw the seeds with it, so that the answer is about the way of training and not about the models
at hand. Owen 2007, "The pigeonhole bootstrap", shows that such a bootstrap of rows and columns errs on the side of no
difference. Several comparisons: Holm 1979, "A Simple Sequentially Rejective Multiple Test Procedure"; Dror et al. 2017,
"Replicability Analysis for Natural Language Processing", and 2018, "The Hitchhiker's Guide to Testing Statistical
Significance in NLP".
"""

import math
from dataclasses import dataclass
from typing import Any, List, Sequence, Tuple

import numpy as np
from scipy import stats

from research.paper.counts import f1_of_sums

# Samples that are drawn together: of a thousand sentences they take some megabytes.
_SAMPLES_AT_ONCE = 500


@dataclass
class Comparison:
    """How much better a system is than another.

    # Attributes

    differences : `List[float]`
        In F1 from 0 to 1, of each pair of runs; of ratios, their logarithms.
    p_value : `float`
        How probable a difference of the means as large as this one, in either direction, would be if there were none.
    interval : `Tuple[float, float]`
        The mean difference in the middle 95 % of the samples.
    """

    differences: List[float]
    p_value: float
    interval: Tuple[float, float]

    @property
    def mean(self) -> float:
        return float(np.mean(self.differences))

    @property
    def seeds_agree(self) -> bool:
        """Whether the same system is better in all pairs of runs."""
        return len(set(np.sign(self.differences))) == 1 and self.differences[0] != 0


def paired_bootstrap(
    kind: str, system: Sequence[np.ndarray], other: Sequence[np.ndarray], num_samples: int, seed: int
) -> Comparison:
    """Compares the runs of two systems, the first with the first and so on, on the same units: `contrast_bootstrap` of
    the one less the other."""
    return contrast_bootstrap(kind, [(1.0, system), (-1.0, other)], num_samples, seed)


def contrast_bootstrap(
    kind: str, terms: Sequence[Tuple[float, Sequence[np.ndarray]]], num_samples: int, seed: int
) -> Comparison:
    """A weighted sum of the F1 of several systems on the same units, such as one less another, or the difference of two
    such differences; the first runs of all systems belong together, the second, and so on.

    Each sample draws as many units as there are, and as many runs of each system, the same of all, both with
    replacement, and computes the mean of the sum over these runs on these units. The samples' sums are centred on the
    one that was measured, not on 0; so the p-value is the share of them that lie at least as far from it as it lies
    from 0, where the measured runs and test set count as one more sample: the p-value is never 0.

    Of few units or runs a bootstrap is too narrow (Hesterberg 2015, "What Teachers Should Know About the Bootstrap"):
    of two pairs of runs that differ by chance alone it would find a difference every second time at a level of 0.05, of
    three every fourth. So what the draw of `n` units adds to a sample's sum, and what the draw of `n` runs adds, is
    multiplied by `sqrt(n / x)`, where `x` is drawn from the chi-squared distribution of `n - 1` degrees of freedom.
    Where the sums are normal, this makes of the bootstrap's normal distribution Student's t.

    With one run of each system the units alone are drawn: the answer is about these models.

    # Parameters

    kind : `str`
        Of the counts, see `Counts`.
    terms : `Sequence[Tuple[float, Sequence[numpy.ndarray]]]`
        Of each system its weight in the sum, and the counts of each run, shape (num_units, num_counts).
    num_samples : `int`
    seed : `int`
        The same seed gives the same samples.

    # Raises

    ValueError
        Where there are fewer than two units: nothing tells how much others would differ.
    """
    # Each of shape (num_runs, num_units, num_counts)
    systems = [(weight, np.stack(runs)) for weight, runs in terms]
    num_runs, num_units, _ = systems[0][1].shape
    if num_units < 2:
        raise ValueError(f"a bootstrap needs at least two units, found {num_units}")
    # Shape: (num_runs,)
    measured: Any = sum(weight * f1_of_sums(kind, counts.sum(axis=1)) for weight, counts in systems)
    random = np.random.default_rng(seed)
    sampled = []
    for first in range(0, num_samples, _SAMPLES_AT_ONCE):
        size = min(_SAMPLES_AT_ONCE, num_samples - first)
        units = _times_drawn(random, num_units, size)
        # Of all runs on the units of each sample. Shape: (num_samples, num_runs)
        summed: Any = sum(weight * f1_of_sums(kind, units @ counts) for weight, counts in systems)
        differences = summed.T
        # How far the draw of the units moves the mean. Shape: (num_samples,)
        moved = _widening(random, num_units, size) * (differences.mean(axis=1) - measured.mean())
        if num_runs > 1:
            # How far that of the runs moves it on these units. Shape: (num_samples,)
            of_runs = (_times_drawn(random, num_runs, size) / num_runs * differences).sum(axis=1)
            moved += _widening(random, num_runs, size) * (of_runs - differences.mean(axis=1))
        sampled.append(moved)
    # Shape: (num_samples,)
    deviations = np.concatenate(sampled)
    # Sums of floats differ in their last digits.
    as_far = int((np.abs(deviations) >= abs(measured.mean()) - 1e-12).sum())
    low, high = (measured.mean() + np.percentile(deviations, [2.5, 97.5])).tolist()
    return Comparison(measured.tolist(), (as_far + 1) / (num_samples + 1), (low, high))


def compare_ratios(ours: Sequence[float], theirs: Sequence[float]) -> Comparison:
    """Student's t test of the logarithms of the ratios of pairs of positive numbers, such as updates, with the interval
    of 95 %. One pair, or several with the same ratio, such as counts of whole epochs, tell nothing of how much others
    would differ: p is then 1."""
    logarithms = np.log(ours) - np.log(theirs)
    mean, num_pairs = logarithms.mean(), len(logarithms)
    error = logarithms.std(ddof=1) / num_pairs**0.5 if num_pairs > 1 else 0.0
    if error < 1e-9:
        return Comparison(logarithms.tolist(), 1.0, (-math.inf, math.inf))
    half = stats.t.ppf(0.975, num_pairs - 1) * error
    p_value = float(2 * stats.t.sf(abs(mean) / error, num_pairs - 1))
    return Comparison(logarithms.tolist(), p_value, (float(mean - half), float(mean + half)))


def holm(p_values: Sequence[float]) -> List[float]:
    """The p-values of several comparisons, corrected for their number: below a level each, with a probability of no
    more than the level that any of them is below it by chance (Holm 1979, in any dependence)."""
    corrected, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(np.argsort(p_values, kind="stable")):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = largest
    return corrected


def p_text(p_value: float) -> str:
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def _times_drawn(random: np.random.Generator, number: int, num_samples: int) -> np.ndarray:
    """How often each of `number` things is among as many that are drawn; shape (num_samples, number)."""
    return random.multinomial(number, np.full(number, 1 / number), size=num_samples).astype(float)


def _widening(random: np.random.Generator, number: int, num_samples: int) -> np.ndarray:
    """The factors that make up for the few things that were drawn from; shape (num_samples,)."""
    return np.sqrt(number / random.chisquare(number - 1, size=num_samples))

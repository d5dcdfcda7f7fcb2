"""Whether one system is better than another on a test set, by the paired bootstrap.

Koehn 2004, "Statistical Significance Tests for Machine Translation Evaluation"; Berg-Kirkpatrick, Burkett and Klein
2012, "An Empirical Investigation of Statistical Significance in NLP", whose test this is, with two sides.
"""

from dataclasses import dataclass
from typing import List, Sequence, Tuple

import numpy as np

from hmtl.experiments.counts import f1_of_sums

# Samples that are drawn together: of a thousand sentences they take some megabytes.
_SAMPLES_AT_ONCE = 500


@dataclass
class Comparison:
    """How much better a system is than another.

    # Attributes

    differences : `List[float]`
        In F1 from 0 to 1, of each pair of runs.
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


def paired_bootstrap(
    kind: str, system: Sequence[np.ndarray], other: Sequence[np.ndarray], num_samples: int, seed: int
) -> Comparison:
    """Compares the runs of two systems, the first with the first and so on, on the same units.

    Each sample draws as many units as there are, with replacement, and computes the mean difference of all pairs of
    runs on these. The samples' differences are centred on the one that was measured, not on 0; so the p-value is the
    share of them that lie at least as far from it as it lies from 0, where the
    measured test set counts as one more sample: the p-value is never 0. The trained models are taken as they are: what
    other seeds would do is to be seen from the spread over seeds alone.

    # Parameters

    kind : `str`
        Of the counts, see `Counts`.
    system, other : `Sequence[numpy.ndarray]`
        The counts of each run, shape (num_units, num_counts).
    num_samples : `int`
    seed : `int`
        The same seed gives the same samples.
    """
    # Shape: (num_runs, num_units, num_counts)
    ours, theirs = np.stack(system), np.stack(other)
    num_units = ours.shape[1]
    measured = (f1_of_sums(kind, ours.sum(axis=1)) - f1_of_sums(kind, theirs.sum(axis=1))).tolist()
    random = np.random.default_rng(seed)
    sampled = []
    for first in range(0, num_samples, _SAMPLES_AT_ONCE):
        size = min(_SAMPLES_AT_ONCE, num_samples - first)
        # How often each unit is drawn. Shape: (num_samples, num_units)
        times = random.multinomial(num_units, np.full(num_units, 1 / num_units), size=size).astype(float)
        # Shape: (num_runs, num_samples)
        differences = f1_of_sums(kind, times @ ours) - f1_of_sums(kind, times @ theirs)
        sampled.append(differences.mean(axis=0))
    # Shape: (num_samples,)
    means = np.concatenate(sampled)
    distance = abs(np.mean(measured))
    # Sums of floats differ in their last digits.
    as_far = int((np.abs(means - np.mean(measured)) >= distance - 1e-12).sum())
    low, high = np.percentile(means, [2.5, 97.5]).tolist()
    return Comparison(measured, (as_far + 1) / (num_samples + 1), (low, high))

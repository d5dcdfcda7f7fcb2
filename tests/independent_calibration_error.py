"""The expected calibration error, counted bin by bin."""

from typing import Sequence


def error_bin_by_bin(probabilities: Sequence[float], are_right: Sequence[bool], num_bins: int) -> float:
    """The definition of Guo et al. 2017, equation 3, word for word."""
    total = 0.0
    for number in range(num_bins):
        low, high = number / num_bins, (number + 1) / num_bins
        within = [n for n, p in enumerate(probabilities) if low < p <= high or (p == 0 and number == 0)]
        if within:
            accuracy = sum(are_right[n] for n in within) / len(within)
            confidence = sum(probabilities[n] for n in within) / len(within)
            total += len(within) / len(probabilities) * abs(accuracy - confidence)
    return total

"""Grad-TAG: losses of fine-tuning on any subset of tasks, estimated from the gradients of one base model.

After Li, Sharma and Zhang 2024, "Scalable Multitask Learning Using Gradient-based Estimation of Task Affinity"
(arXiv 2409.06091). A sample's loss is `log(1 + exp(-m))` of its margin `m`, which near the base weights W* is
`m(W* + v) = m(W*) + g . v` with the gradient `g` of the margin. With a random projection P of few dimensions and
`v = P w`, to fine-tune on some samples is a logistic regression of `w` on the projected gradients `P^T g`.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import Dict, Iterable, List, Mapping, Sequence, Tuple

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import expit

# So many rows of a projection are made floats at once.
_ROWS = 65536
# Of a loss: below, margins have no gradient that a float can hold.
MIN_LOSS = 1e-6

Subset = Tuple[str, ...]
# The loss of a task after training on a subset: (subset, task) -> loss.
Estimates = Dict[Tuple[Subset, str], float]


def margins_of(losses: torch.Tensor) -> torch.Tensor:
    """The margins `m` with `losses = log(1 + exp(-m))`: of a loss `-log p` it is `log(p / (1 - p))`.

    Losses of any kind above 0 have one, such as the mean cross-entropy of a sentence. Shape of both: any.
    """
    losses = losses.clamp(min=MIN_LOSS)
    return -losses - torch.log1p(-torch.exp(-losses))


class Projection:
    """A random matrix P of signs / sqrt(dim), which keeps inner products in expectation (Johnson-Lindenstrauss).

    # Parameters

    num_parameters : `int`
    dim : `int`
        To how many dimensions; the error of an inner product falls with its root.
    seed : `int`
    """

    def __init__(self, num_parameters: int, dim: int, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        # Shape: (num_parameters, dim)
        self._signs = torch.randint(0, 2, (num_parameters, dim), generator=generator, dtype=torch.int8) * 2 - 1
        self._scale = dim**-0.5

    def project(self, gradients: torch.Tensor) -> torch.Tensor:
        """P^T g: (num_samples, num_parameters) -> (num_samples, dim)."""
        found = gradients.new_zeros(len(gradients), self._signs.size(1))
        for start in range(0, len(self._signs), _ROWS):
            rows = self._signs[start : start + _ROWS].to(gradients.dtype)
            found += gradients[:, start : start + _ROWS] @ rows
        return found * self._scale

    def lift(self, vector: torch.Tensor) -> torch.Tensor:
        """P w, a change of the parameters: (dim,) -> (num_parameters,)."""
        parts = [
            self._signs[start : start + _ROWS].to(vector.dtype) @ vector for start in range(0, len(self._signs), _ROWS)
        ]
        return torch.cat(parts) * self._scale


@dataclass
class Linearized:
    """The samples of a task, linearized at the base weights.

    # Attributes

    margins : `np.ndarray`
        At the base weights. Shape: `(num_samples,)`
    gradients : `np.ndarray`
        Of the margins, projected. Shape: `(num_samples, dim)`
    """

    margins: np.ndarray
    gradients: np.ndarray

    def loss(self, weights: np.ndarray) -> float:
        """The mean loss where the base weights are changed by P w; shape of `weights`: `(dim,)`."""
        return float(np.logaddexp(0.0, -(self.margins + self.gradients @ weights)).mean())


def fine_tuned(tasks: Sequence[Linearized], ridge: float) -> np.ndarray:
    """The change w of the base weights that fine-tuning on some tasks makes: the minimum of the sum of the tasks' mean
    losses and `ridge / 2 |w|^2`.

    Each task weighs alike, whatever its number of samples, as in training by as many updates of each. Shape: `(dim,)`
    """
    # Shapes: (num_samples, dim), (num_samples,), (num_samples,)
    gradients = np.concatenate([task.gradients for task in tasks])
    margins = np.concatenate([task.margins for task in tasks])
    weights = np.concatenate([np.full(len(task.margins), 1 / len(task.margins)) for task in tasks])

    def loss_and_slope(w: np.ndarray) -> Tuple[float, np.ndarray]:
        moved = margins + gradients @ w
        loss = weights @ np.logaddexp(0.0, -moved) + ridge / 2 * w @ w
        return loss, -gradients.T @ (weights * expit(-moved)) + ridge * w

    start = np.zeros(gradients.shape[1])
    options = {"maxiter": 500, "ftol": 1e-12, "gtol": 1e-8}
    return minimize(loss_and_slope, start, jac=True, method="L-BFGS-B", options=options).x


# How far fine-tuning goes is chosen among these by the validation losses of all tasks together.
RIDGES = tuple(10.0**power for power in range(-4, 4))


def best_ridge(train: Mapping[str, Linearized], validation: Mapping[str, Linearized]) -> float:
    """The ridge with which fine-tuning on all tasks leaves the lowest sum of their validation losses: no score of any
    subset is looked at."""

    def total(ridge: float) -> float:
        change = fine_tuned(list(train.values()), ridge)
        return sum(task.loss(change) for task in validation.values())

    return min(RIDGES, key=total)


def estimate_losses(
    subsets: Iterable[Subset], train: Mapping[str, Linearized], validation: Mapping[str, Linearized], ridge: float
) -> Estimates:
    """The validation loss of each member of each subset after fine-tuning on the subset."""
    found: Estimates = {}
    for subset in subsets:
        change = fine_tuned([train[task] for task in subset], ridge)
        found.update({(subset, task): validation[task].loss(change) for task in subset})
    return found


def all_subsets(tasks: Sequence[str], sizes: Iterable[int]) -> List[Subset]:
    """All subsets of these sizes, the tasks of each in alphabetical order."""
    return [subset for size in sizes for subset in combinations(sorted(tasks), size)]


def subset_affinities(values: Mapping[Tuple[Subset, str], float], sizes: Iterable[int]) -> Dict[Tuple[str, str], float]:
    """How well a main task does beside an auxiliary task, `(main, auxiliary)`: the mean of its values over all subsets
    of these sizes that hold both (their section 3.1, as of Li, Ju, Sharma and Zhang 2023)."""
    wanted = set(sizes)
    sums: Dict[Tuple[str, str], List[float]] = {}
    for (subset, main), value in values.items():
        if len(subset) in wanted:
            for auxiliary in subset:
                if auxiliary != main:
                    sums.setdefault((main, auxiliary), []).append(value)
    return {pair: sum(of_pair) / len(of_pair) for pair, of_pair in sums.items()}

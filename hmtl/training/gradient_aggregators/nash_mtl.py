"""The Nash bargaining solution of several tasks' gradients."""

import torch

from hmtl.common.devices import moved
from hmtl.training.gradient_aggregators.gradient_aggregator import GradientAggregator

# Added to the diagonal of the matrix of the normalised gradients' products. It bounds the weights where gradients
# cancel out, and is larger than errors of rounding.
RIDGE = 1e-5
# Newton's method ends when its decrement, which bounds the distance from the minimum, is this small, or after so many
# steps.
TOLERANCE = 1e-12
MAX_STEPS = 100


@GradientAggregator.register("nash_mtl")
class NashMTL(GradientAggregator):
    """The sum of the gradients with weights alpha for which G G^T alpha = 1 / alpha (Navon et al. 2022, section 3).

    Among the updates of one length, it is that with the largest product of the tasks' gains, whatever the sizes of the
    gradients. The scale is the paper's: sqrt(num_tasks) long whatever the gradients are, and near zero where they
    cancel out.

    The condition says that alpha minimises alpha^T G G^T alpha / 2 - sum of log alpha_i, which is convex: a few Newton
    steps solve it, where the paper solves a sequence of convex programs. It is solved anew for every update, so that
    nothing is remembered. Tasks with a zero gradient get no weight.
    """

    def __call__(self, gradients: torch.Tensor) -> torch.Tensor:
        # Shape: (num_tasks, num_tasks)
        products = (gradients @ gradients.T).cpu().double()
        lengths = products.diagonal().sqrt()
        present = lengths > 0
        weights = torch.zeros_like(lengths)
        # Shape: (num_present, num_present)
        cosines = products[present][:, present] / torch.outer(lengths[present], lengths[present])
        weights[present] = _bargain(cosines) / lengths[present]
        return moved(weights.to(gradients.dtype), gradients.device) @ gradients


def _bargain(cosines: torch.Tensor) -> torch.Tensor:
    """The positive alpha with (cosines + RIDGE I) alpha = 1 / alpha, shape (num_tasks,), by damped Newton steps."""
    matrix = cosines + RIDGE * torch.eye(len(cosines), dtype=cosines.dtype)
    alpha = torch.ones(len(cosines), dtype=cosines.dtype)
    for _ in range(MAX_STEPS):
        gradient = matrix @ alpha - 1 / alpha
        step = torch.linalg.solve(matrix + torch.diag(1 / alpha**2), gradient)
        # Newton's decrement squared
        decrement = gradient @ step
        if decrement < TOLERANCE:
            break
        # A step that is damped in this way keeps alpha above 0 and lowers every self-concordant function; this is one.
        alpha = alpha - step / (1 + decrement.sqrt())
    return alpha

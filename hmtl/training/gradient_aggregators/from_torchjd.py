"""Aggregators of TorchJD, a library of methods for conflicting gradients (Quinton and Rey 2024)."""

import math
from typing import Any

import torch
from allennlp.common.checks import ConfigurationError

from hmtl.common.devices import moved
from hmtl.training.gradient_aggregators.gradient_aggregator import GradientAggregator


class TorchJDAggregator(GradientAggregator):
    """A sum of the tasks' gradients, with weights that a class of `torchjd.aggregation` finds from their products.

    A new one is a subclass with the `weighting`, registered by a name. The products alone go to the CPU, once an
    update. Methods that average the gradients are multiplied by the number of tasks, to be on the scale of a sum.

    # Parameters

    options : `Any`
        For the weighting.

    # Raises

    `ConfigurationError`
        Where TorchJD or a solver that the weighting needs is not installed.
    """

    # The name of the class in `torchjd.aggregation`, less `Weighting`
    weighting: str

    def __init__(self, **options: Any) -> None:
        try:
            from torchjd import aggregation

            self._weighting = getattr(aggregation, f"{self.weighting}Weighting")(**options)
        except ImportError as error:
            raise ConfigurationError(
                f"gradient aggregator {self.weighting} needs TorchJD and its solvers: pip install 'hmtl[conflicts]'"
            ) from error

    def scale(self, num_tasks: int) -> float:
        """The factor for TorchJD's weights with which equal gradients are combined to their sum."""
        return num_tasks

    def weights(self, products: torch.Tensor) -> torch.Tensor:
        """The weight of each gradient, shape (num_tasks,), given their products, of shape (num_tasks, num_tasks)."""
        return self._weighting(products) * self.scale(len(products))

    def __call__(self, gradients: torch.Tensor) -> torch.Tensor:
        # Shape: (num_tasks, num_tasks)
        products = (gradients @ gradients.T).cpu()
        total = products.trace()
        if total == 0:
            return gradients.sum(dim=0)
        # Weights do not change when all gradients are scaled alike. TorchJD would take small gradients for zero.
        weights = self.weights(products / total)
        return moved(weights.to(gradients.dtype), gradients.device) @ gradients


class DualConeAggregator(TorchJDAggregator):
    """Projects to the cone of the updates that harm no task, to first order.

    The cone depends on the gradients' directions alone. With gradients of length 1, and their lengths as preferences,
    the ridge of TorchJD's solver (1e-4) does not keep a task with a small gradient from being heard.
    """

    def weights(self, products: torch.Tensor) -> torch.Tensor:
        # Shape: (num_tasks,)
        lengths = products.diagonal().sqrt()
        divisors = torch.where(lengths > 0, lengths, 1.0)
        self._weighting.pref_vector = lengths
        return self._weighting(products / torch.outer(divisors, divisors)) / divisors


@GradientAggregator.register("upgrad")
class UPGrad(DualConeAggregator):
    """Each gradient is projected to where it harms no task, to first order (Quinton and Rey 2024).

    The outcomes are summed, where the paper takes their mean.
    """

    weighting = "UPGrad"


@GradientAggregator.register("dual_proj")
class DualProj(DualConeAggregator):
    """The sum of the gradients is projected to where it harms no task (Lopez-Paz and Ranzato 2017, equation 11)."""

    weighting = "DualProj"


@GradientAggregator.register("pcgrad")
class PCGrad(TorchJDAggregator):
    """From each gradient its conflict with the others is taken, one after the other in random order (Yu et al. 2020).

    Algorithm 1 sums the outcomes, and so do we.
    """

    weighting = "PCGrad"

    def scale(self, num_tasks: int) -> float:
        return 1.0


@GradientAggregator.register("cagrad")
class CAGrad(TorchJDAggregator):
    """Near the mean gradient, the direction that is best for the task that gains least (Liu et al. 2021).

    Theirs is the mean gradient and up to `c` times its length in another direction; it is multiplied by the number of
    tasks and divided by 1 + c. Zero where the tasks' gradients (nearly) cancel out.

    # Parameters

    c : `float`, optional (default = `0.5`)
        0 gives `sum`; above 1 the losses' mean need not fall.
    """

    weighting = "CAGrad"

    def __init__(self, c: float = 0.5) -> None:
        if not 0 <= c < math.inf:
            raise ConfigurationError(f"gradient aggregator 'cagrad': c is {c}; it must be at least 0")
        super().__init__(c=c)
        self._c = c

    def scale(self, num_tasks: int) -> float:
        return num_tasks / (1 + self._c)


@GradientAggregator.register("mgda")
class MGDA(TorchJDAggregator):
    """The shortest of all weighted means of the gradients (Désidéri 2012; Sener and Koltun 2018, algorithm 2).

    Multiplied by the number of tasks. Zero where the gradients cancel out; the task with the smallest gradient leads.
    """

    weighting = "MGDA"


@GradientAggregator.register("imtl_g")
class IMTLG(TorchJDAggregator):
    """The combination with weights of sum 1 that every task's gradient has the same projection on (Liu et al. 2021).

    Impartial multi-task learning, the variant for gradients. Multiplied by the number of tasks. A weight may be below
    0, and where gradients nearly cancel out the weights, and the update, may be large.
    """

    weighting = "IMTLG"


@GradientAggregator.register("aligned_mtl")
class AlignedMTL(TorchJDAggregator):
    """The mean of the gradients once they are made orthogonal and equally long (Senushkin et al. 2023, algorithm 1).

    As long as the smallest singular value of their matrix: the update is small where gradients nearly depend on one
    another. Multiplied by the number of tasks.
    """

    weighting = "AlignedMTL"

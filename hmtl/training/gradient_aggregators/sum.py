"""The sum of the gradients."""

import torch

from hmtl.training.gradient_aggregators.gradient_aggregator import GradientAggregator


@GradientAggregator.register("sum")
class SumAggregator(GradientAggregator):
    """The gradient of the summed losses."""

    def __call__(self, gradients: torch.Tensor) -> torch.Tensor:
        return gradients.sum(dim=0)

"""Draws tasks in proportion to weights that the user gives."""

from typing import Dict

from allennlp.common.checks import ConfigurationError

from hmtl.training.task_samplers.task_sampler import TaskSampler, checked_num_updates


@TaskSampler.register("weights")
class WeightsSampler(TaskSampler):
    """p_i is proportional to a given weight.

    # Parameters

    weights : `Dict[str, float]`
        One for each task, above 0; they need not sum to 1.
    num_updates : `int`, optional
        The updates in an epoch; by default as many as there are batches. With it, and numbers of batches as weights, a
        task of which a part of the data is left out has as many updates as with all of them.
    """

    def __init__(self, weights: Dict[str, float], num_updates: int = None) -> None:
        if num_updates is not None:
            self.num_updates = checked_num_updates(num_updates)
        for task, weight in weights.items():
            if not weight > 0:
                raise ConfigurationError(f"sampler 'weights': the weight of '{task}' is {weight}; it must be above 0")
        self._weights = weights

    def probabilities(self, num_batches: Dict[str, int], epoch: int) -> Dict[str, float]:
        if set(self._weights) != set(num_batches):
            raise ConfigurationError(
                f"sampler 'weights' must weigh each of {sorted(num_batches)}, and weighs {sorted(self._weights)}"
            )
        total = sum(self._weights.values())
        return {task: self._weights[task] / total for task in num_batches}

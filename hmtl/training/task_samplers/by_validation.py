"""Draws tasks more often whose validation scores are low."""

from typing import Any, Dict, List

from allennlp.common.checks import ConfigurationError

from hmtl.training.task_samplers.task_sampler import TaskSampler


@TaskSampler.register("by_validation")
class ByValidationSampler(TaskSampler):
    """p_i is proportional to 1 / (min(1, S_i / b_i) ** alpha + epsilon), S_i being the task's last validation score.

    The explicit schedule of Jean, Firat and Johnson 2019. The reference b_i is what the task could reach, such as the
    score of a model trained on it alone. Before the first validation the tasks are drawn uniformly.

    # Parameters

    references : `Dict[str, float]`, optional
        b_i, on the scale of the validation metric (a score of 85.3 % is 0.853). A task without one is held against the
        best score it has had in this run; while that is 0, it counts as reached.
    alpha : `float`, optional (default = `1.0`)
        The higher, the more draws go to tasks that fall short; 0 is `uniform`.
    epsilon : `float`, optional (default = `0.05`)
        A task with score 0 is drawn (1 + epsilon) / epsilon times as often as one at its reference.

    # Raises

    `ConfigurationError`
        Where a reference is not above 0 and at most 1, or is that of an unknown task; where `epsilon` is not above 0
        or `alpha` is below 0; where a task has no score, or one that is negative or not a number.
    """

    def __init__(self, references: Dict[str, float] = None, alpha: float = 1.0, epsilon: float = 0.05) -> None:
        for task, reference in (references or {}).items():
            if not 0 < reference <= 1:
                raise ConfigurationError(
                    f"sampler 'by_validation': the reference of '{task}' is {reference}; "
                    "it must be above 0 and at most 1 (85.3 % is 0.853)"
                )
        if not alpha >= 0 or not epsilon > 0:
            raise ConfigurationError(
                f"sampler 'by_validation': alpha must be at least 0 and epsilon above 0; they are {alpha} and {epsilon}"
            )
        self._references = references or {}
        self._alpha = alpha
        self._epsilon = epsilon
        self._scores: Dict[str, float] = {}
        self._best: Dict[str, float] = {}

    def probabilities(self, num_batches: Dict[str, int], epoch: int) -> Dict[str, float]:
        unknown = sorted(set(self._references) - set(num_batches))
        if unknown:
            raise ConfigurationError(
                f"sampler 'by_validation' has references for {unknown}, and the tasks are {sorted(num_batches)}"
            )
        if not self._scores:
            return dict.fromkeys(num_batches, 1 / len(num_batches))
        _refuse_missing(sorted(set(num_batches) - set(self._scores)))
        weights = {task: 1 / (self._share_reached(task) ** self._alpha + self._epsilon) for task in num_batches}
        total = sum(weights.values())
        return {task: weight / total for task, weight in weights.items()}

    def end_epoch(self, scores: Dict[str, float]) -> None:
        if not scores:
            _refuse_missing(["any task"])
        for task, score in scores.items():
            if not score >= 0:
                raise ConfigurationError(
                    f"sampler 'by_validation': the validation score of '{task}' is {score}; "
                    "it must be a metric from 0 up that rises as the task improves, such as '+f1' and not '-loss'"
                )
        self._scores = dict(scores)
        self._best = {task: max(score, self._best.get(task, 0.0)) for task, score in scores.items()}

    def state_dict(self) -> Dict[str, Any]:
        return {"scores": dict(self._scores), "best": dict(self._best)}

    def load_state_dict(self, state: Dict[str, Any]) -> None:
        self._scores, self._best = dict(state["scores"]), dict(state["best"])

    def _share_reached(self, task: str) -> float:
        reference = self._references.get(task, self._best[task])
        return min(1.0, self._scores[task] / reference) if reference > 0 else 1.0


def _refuse_missing(tasks: List[str]) -> None:
    if tasks:
        raise ConfigurationError(
            f"sampler 'by_validation' got no validation score for {', '.join(tasks)}: give each task validation data"
        )

"""What a row gets: one label, several, or a number; the layer that says it, its loss, and what is decided by it."""

import math
from typing import Any, Dict, List, Literal, NamedTuple, Optional, Sequence, Tuple, Union, get_args

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, kl_div, mse_loss, one_hot

from hmtl.common.devices import on_host
from hmtl.metrics import LabelScores, NumberScores
from hmtl.tasks.task_head import OptionError

# What each row of a layer has.
ValuesName = Literal["label", "labels", "number"]
Value = Union[str, float]


class Decided(NamedTuple):
    """The values of each row, and the probability of each; numbers have none."""

    values: List[List[Value]]
    scores: Optional[List[List[float]]] = None


class Values(torch.nn.Module):
    """A linear layer over the features of rows, with the loss and the metric of what it says.

    `forward` turns features, shape (batch_size, dim), into scores, shape (batch_size, num_outputs), in float32. `loss`
    gets them with `target_labels`, shape (batch_size, num_labels, 1), padded with -1, or `target_number`, shape
    (batch_size, 1), of which the other is `None`, and returns the mean `loss` of rows and their number, `loss_count`.

    # Attributes

    labels : `List[str]`
        Those that its outputs stand for; none where it gives a number.
    metric : `Union[LabelScores, NumberScores]`
    has_probabilities : `bool`
        Whether each output is a label, or a number, that has a probability.
    """

    has_probabilities = True
    # What either gets differs, and `count` knows.
    metric: Any

    def __init__(self, dim: int, num_outputs: int, labels: Sequence[str] = ()) -> None:
        super().__init__()
        self.projection = torch.nn.Linear(dim, num_outputs)
        self.labels = list(labels)
        self.metric = NumberScores()

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.projection(features).float()

    def loss(
        self, scores: torch.Tensor, target_labels: Optional[torch.Tensor], target_number: Optional[torch.Tensor]
    ) -> Dict[str, torch.Tensor]:
        raise NotImplementedError

    def probabilities(self, scores: torch.Tensor) -> torch.Tensor:
        """That of each output: by default one of them is right. Shape: (batch_size, num_outputs)"""
        return scores.softmax(-1)

    def decide(self, scores: torch.Tensor, threshold_logit: float = 0.0) -> Decided:
        """What is predicted of each row."""
        raise NotImplementedError

    def count(self, predicted: List[List[Value]], gold: List[List[Value]]) -> None:
        """Counts rows for the metric."""
        self.metric(predicted, gold)

    def start_from_data(self, gold: List[List[Value]]) -> None:
        """Sets weights by the values of the training data; by default nothing comes of it."""


class OneLabel(Values):
    """A softmax over the labels; the loss is the cross-entropy. A label that training never saw has no part in it."""

    def __init__(self, dim: int, labels: Sequence[str]) -> None:
        super().__init__(dim, len(labels), labels)
        self.metric = LabelScores()

    def loss(
        self, scores: torch.Tensor, target_labels: Optional[torch.Tensor], target_number: Optional[torch.Tensor]
    ) -> Dict[str, torch.Tensor]:
        if target_labels is None:
            return {}
        # A row whose label is not known, and a batch of such rows, has none. Shape: (batch_size,)
        targets = torch.nn.functional.pad(target_labels[..., 0], (0, 1), value=-1)[:, 0]
        return _mean(cross_entropy(scores, targets, ignore_index=-1, reduction="sum"), (targets >= 0).sum())

    def decide(self, scores: torch.Tensor, threshold_logit: float = 0.0) -> Decided:
        probabilities, best = on_host(*self.probabilities(scores).max(-1))
        return Decided([[self.labels[number]] for number in best.tolist()], probabilities.unsqueeze(-1).tolist())


class SeveralLabels(Values):
    """A sigmoid for each label; the loss is the binary cross-entropy, summed over labels. A row has those whose
    probability reaches the threshold, perhaps none."""

    def __init__(self, dim: int, labels: Sequence[str]) -> None:
        super().__init__(dim, len(labels), labels)
        self.metric = LabelScores(one_label=False)

    def loss(
        self, scores: torch.Tensor, target_labels: Optional[torch.Tensor], target_number: Optional[torch.Tensor]
    ) -> Dict[str, torch.Tensor]:
        if target_labels is None:
            return {}
        # Padding counts as one label more, which is left out. Shape: (batch_size, num_rows, num_labels)
        rows = one_hot(target_labels[..., 0] + 1, scores.size(1) + 1)[..., 1:]
        # Shape: (batch_size, num_labels)
        targets = rows.sum(1).clamp(max=1).to(scores.dtype)
        loss = binary_cross_entropy_with_logits(scores, targets, reduction="sum")
        return _mean(loss, loss.new_full((), len(scores)))

    def probabilities(self, scores: torch.Tensor) -> torch.Tensor:
        return scores.sigmoid()

    def decide(self, scores: torch.Tensor, threshold_logit: float = 0.0) -> Decided:
        is_found, probabilities = on_host(scores >= threshold_logit, self.probabilities(scores))
        found = [[number for number, each in enumerate(row) if each] for row in is_found.tolist()]
        return Decided(
            [[self.labels[number] for number in row] for row in found],
            [[of_row[number] for number in row] for row, of_row in zip(found, probabilities.tolist())],
        )


class Number(Values):
    """A number as it is; the loss is the squared error. It starts at the mean of the training data."""

    has_probabilities = False

    def __init__(self, dim: int, num_outputs: int = 1) -> None:
        super().__init__(dim, num_outputs)

    def loss(
        self, scores: torch.Tensor, target_labels: Optional[torch.Tensor], target_number: Optional[torch.Tensor]
    ) -> Dict[str, torch.Tensor]:
        if target_number is None:
            return {}
        return _mean(self._losses(scores, target_number.float()).sum(), scores.new_full((), len(scores)))

    def decide(self, scores: torch.Tensor, threshold_logit: float = 0.0) -> Decided:
        return Decided(self._numbers(scores).unsqueeze(-1).tolist())

    def count(self, predicted: List[List[Value]], gold: List[List[Value]]) -> None:
        self.metric([row[0] for row in predicted], [row[0] for row in gold])

    def start_from_data(self, gold: List[List[Value]]) -> None:
        numbers = [float(row[0]) for row in gold]
        with torch.no_grad():
            self.projection.bias.fill_(sum(numbers) / max(1, len(numbers)))

    def _losses(self, scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """(batch_size, num_outputs) and (batch_size, 1) -> the part of each output in the loss"""
        return mse_loss(scores, targets, reduction="none")

    def _numbers(self, scores: torch.Tensor) -> torch.Tensor:
        """(batch_size, num_outputs) -> (batch_size,)"""
        return scores[:, 0]


class ExpectedNumber(Number):
    """A distribution over the whole numbers of a range, whose expected value is the number (Tai, Socher and Manning
    2015, "Improved Semantic Representations From Tree-Structured Long Short-Term Memory Networks", section 4.2; JMT,
    section 2.4).

    The target of a number y is the sparse distribution that has 1 - (y - floor(y)) at floor(y), and the rest at the
    whole number above; numbers beyond the range count as its ends. The loss is the Kullback-Leibler divergence of the
    predicted distribution from the target.

    # Parameters

    dim : `int`
    lowest, highest : `int`
        The ends of the range, both included.
    """

    has_probabilities = True
    steps: torch.Tensor

    def __init__(self, dim: int, lowest: int, highest: int) -> None:
        super().__init__(dim, highest - lowest + 1)
        self.register_buffer("steps", torch.arange(lowest, highest + 1, dtype=torch.float), persistent=False)

    def start_from_data(self, gold: List[List[Value]]) -> None:
        """All numbers start as likely."""

    def targets(self, numbers: torch.Tensor) -> torch.Tensor:
        """The sparse distribution of each number: (batch_size, 1) -> (batch_size, num_outputs)"""
        # A number is as far from both of its neighbours as is left for the other one.
        return (1 - (numbers.clamp(self.steps[0], self.steps[-1]) - self.steps).abs()).clamp(min=0)

    def _losses(self, scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return kl_div(scores.log_softmax(-1), self.targets(targets), reduction="none")

    def _numbers(self, scores: torch.Tensor) -> torch.Tensor:
        return (self.probabilities(scores) * self.steps).sum(-1)


def values_of(name: str, dim: int, labels: Sequence[str], number_range: Optional[Tuple[int, int]]) -> Values:
    """The layer for what each row has, by the option `values`."""
    if name == "label":
        return OneLabel(dim, labels)
    if name == "labels":
        return SeveralLabels(dim, labels)
    return Number(dim) if number_range is None else ExpectedNumber(dim, *number_range)


def check_values(values: str, number_range: Optional[Sequence[Any]]) -> None:
    """Raises `OptionError` for options that no reader and no head can have."""
    if values not in get_args(ValuesName):
        raise OptionError(f"values must be {', '.join(map(repr, get_args(ValuesName)))}, not '{values}'")
    if number_range is None:
        return
    if values != "number":
        raise OptionError(f"number_range is for the values 'number', not '{values}'; leave it out")
    ends = list(number_range)
    if len(ends) != 2 or not all(type(end) is int for end in ends) or ends[0] >= ends[1]:
        raise OptionError(f"number_range is {ends}; expected two whole numbers, the lower first, such as [1, 5]")


def number_fault(number: Value, number_range: Optional[Sequence[int]]) -> Optional[str]:
    """What is wrong with the number of a row, or `None`."""
    if isinstance(number, str) or not math.isfinite(number):
        return f"{number!r} is no number"
    if number_range is not None and not number_range[0] <= number <= number_range[1]:
        return f"{number} lies outside the range from {number_range[0]} to {number_range[1]}"
    return None


def _mean(total: torch.Tensor, count: torch.Tensor) -> Dict[str, torch.Tensor]:
    count = count.to(total.dtype)
    return {"loss": total / count.clamp(min=1), "loss_count": count}

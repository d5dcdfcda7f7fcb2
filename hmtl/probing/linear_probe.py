"""A linear classifier whose training stops where held-out examples are predicted worse."""

import math
from typing import Tuple

import numpy
import torch

# Of the examples, held out to stop training.
HELD_OUT = 0.1
BATCH_SIZE, LEARNING_RATE = 256, 2e-3
# Held-out examples are predicted after each pass, or after as many updates where a pass has fewer.
MIN_UPDATES = 10
# The rate is halved where their cross-entropy falls by a smaller part; training ends after so many such in a row.
MIN_IMPROVEMENT, PATIENCE, MAX_VALIDATIONS = 2e-3, 4, 100


class LinearProbe:
    """Softmax regression, trained by Adam; before training every class is equally probable.

    Of the weights after each validation, those with the least cross-entropy of the held-out examples are kept, the
    initial ones among them: where nothing can be learnt, nothing is.

    # Parameters

    num_classes : `int`
    seed : `int`
        Of which examples are held out, and of the order of the others.
    device : `torch.device`, optional (default = the CPU)
    """

    def __init__(self, num_classes: int, seed: int, device: torch.device = None) -> None:
        self._num_classes = num_classes
        self._seed = seed
        self._device = device or torch.device("cpu")

    def fit(self, vectors: numpy.ndarray, labels: numpy.ndarray) -> "LinearProbe":
        """Trains on vectors of shape (num_examples, dim) with labels from 0 to `num_classes` - 1 (num_examples,)."""
        generator = torch.Generator().manual_seed(self._seed)
        inputs, targets = self._tensor(vectors), torch.as_tensor(labels, dtype=torch.long, device=self._device)
        # Shape: (num_examples,)
        order = torch.randperm(len(inputs), generator=generator)
        num_held_out = math.ceil(HELD_OUT * len(inputs))
        held_out, rest = order[:num_held_out].to(self._device), order[num_held_out:]
        self._layer = torch.nn.Linear(inputs.size(1), self._num_classes, device=self._device)
        torch.nn.init.zeros_(self._layer.weight)
        torch.nn.init.zeros_(self._layer.bias)
        if len(rest):
            self._train(inputs, targets, rest, (inputs[held_out], targets[held_out]), generator)
        return self

    def log_probabilities(self, vectors: numpy.ndarray) -> numpy.ndarray:
        """The natural logarithm of each class's probability: (num_examples, num_classes)."""
        with torch.inference_mode():
            # Shape: (num_examples, num_classes)
            return torch.log_softmax(self._layer(self._tensor(vectors)).double(), dim=-1).cpu().numpy()

    def accuracy(self, vectors: numpy.ndarray, labels: numpy.ndarray) -> float:
        """From 0 to 1."""
        return float((self.log_probabilities(vectors).argmax(axis=1) == labels).mean())

    def _train(
        self,
        inputs: torch.Tensor,
        targets: torch.Tensor,
        rest: torch.Tensor,
        held_out: Tuple[torch.Tensor, torch.Tensor],
        generator: torch.Generator,
    ) -> None:
        optimizer = torch.optim.Adam(self._layer.parameters(), lr=LEARNING_RATE)
        passes = math.ceil(MIN_UPDATES / math.ceil(len(rest) / BATCH_SIZE))
        best, best_loss, failures = self._state(), self._loss(*held_out), 0
        for _ in range(MAX_VALIDATIONS):
            for _ in range(passes):
                shuffled = rest[torch.randperm(len(rest), generator=generator)].to(self._device)
                for batch in shuffled.split(BATCH_SIZE):
                    optimizer.zero_grad()
                    # Shape: ()
                    loss = torch.nn.functional.cross_entropy(self._layer(inputs[batch]), targets[batch])
                    loss.backward()
                    optimizer.step()
            found = self._loss(*held_out)
            improved = found < (1 - MIN_IMPROVEMENT) * best_loss
            if found < best_loss:
                best, best_loss = self._state(), found
            if improved:
                failures = 0
                continue
            failures += 1
            if failures == PATIENCE:
                break
            for group in optimizer.param_groups:
                group["lr"] /= 2
        self._layer.load_state_dict(best)

    def _loss(self, inputs: torch.Tensor, targets: torch.Tensor) -> float:
        with torch.inference_mode():
            return torch.nn.functional.cross_entropy(self._layer(inputs), targets).item()

    def _state(self) -> dict:
        return {name: tensor.clone() for name, tensor in self._layer.state_dict().items()}

    def _tensor(self, vectors: numpy.ndarray) -> torch.Tensor:
        return torch.as_tensor(vectors, dtype=torch.float32, device=self._device)


def standardized(vectors: numpy.ndarray, by: numpy.ndarray) -> numpy.ndarray:
    """Vectors with each dimension shifted and scaled such that it has mean 0 and variance 1 in others, `by`."""
    deviation = by.std(axis=0)
    # A dimension that is constant stays at 0.
    return (vectors - by.mean(axis=0)) / numpy.where(deviation > 1e-6, deviation, 1.0)

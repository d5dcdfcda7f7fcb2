"""A linear classifier, and how many bits labels take for one who has the vectors and it (Voita & Titov 2020)."""

import math
from dataclasses import dataclass, field
from typing import Dict, List, Sequence, Tuple, Union

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

    def correct(self, vectors: numpy.ndarray, labels: numpy.ndarray) -> numpy.ndarray:
        """Of each example whether the most probable class is its label. Shape: (num_examples,)"""
        return self.log_probabilities(vectors).argmax(axis=1) == labels

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


# The parts of the data after which the probe is trained anew (Voita & Titov 2020, section 2.2).
FRACTIONS = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.0625, 0.125, 0.25, 0.5, 1.0)


@dataclass(frozen=True)
class DescriptionLength:
    """The online code of labels.

    # Attributes

    kbits : `float`
        The length of the code, in thousands of bits.
    uniform_kbits : `float`
        The length of the code that knows nothing: every class is equally probable.
    blocks : `Dict[int, float]`
        The thousands of bits of each block, by the number of examples up to its end.
    """

    kbits: float
    uniform_kbits: float
    blocks: Dict[int, float] = field(default_factory=dict)

    @property
    def compression(self) -> float:
        """How many times shorter than the uniform code; 1 where the vectors tell nothing of the labels."""
        return self.uniform_kbits / self.kbits if self.kbits else math.inf


def description_length(
    vectors: numpy.ndarray,
    labels: Union[Sequence[int], numpy.ndarray],
    num_classes: int,
    seed: int,
    fractions: Sequence[float] = FRACTIONS,
    device: torch.device = None,
) -> DescriptionLength:
    """The online code length of labels, given the vectors (Voita & Titov 2020, equation 4).

    The first block is coded uniformly, each other one by a linear probe trained on all blocks before it. Examples come
    in random order. Vectors are standardised by all of them: who decodes knows all vectors, and no labels.

    # Parameters

    vectors : `numpy.ndarray`
        Shape (num_examples, dim).
    labels : `Sequence[int]` or `numpy.ndarray`
        From 0 to `num_classes` - 1.
    num_classes : `int`
    seed : `int`
        Of the order of the examples, and of the probes.
    fractions : `Sequence[float]`, optional (default = `FRACTIONS`)
        Where blocks end, ascending to 1.
    device : `torch.device`, optional (default = the CPU)
        Where probes are trained.

    # Raises

    ValueError
        Where there are no examples, not as many labels, or labels out of range.
    """
    classes = numpy.asarray(labels)
    if not len(vectors) or len(vectors) != len(classes):
        raise ValueError(f"{len(vectors)} vectors and {len(classes)} labels; expected as many, one at least")
    if classes.min() < 0 or classes.max() >= num_classes:
        raise ValueError(f"labels from {classes.min()} to {classes.max()}; expected 0 to {num_classes - 1}")
    order = numpy.random.default_rng(seed).permutation(len(classes))
    # Shape: (num_examples, dim)
    inputs = standardized(vectors, vectors)[order]
    classes = classes[order]
    ends = block_ends(len(classes), fractions)
    bits = {ends[0]: ends[0] * math.log2(num_classes)}
    for start, end in zip(ends, ends[1:]):
        probe = LinearProbe(num_classes, seed, device).fit(inputs[:start], classes[:start])
        # Shape: (end - start, num_classes)
        log_probabilities = probe.log_probabilities(inputs[start:end])
        bits[end] = -float(log_probabilities[numpy.arange(end - start), classes[start:end]].sum()) / math.log(2)
    return DescriptionLength(
        kbits=sum(bits.values()) / 1000,
        uniform_kbits=len(classes) * math.log2(num_classes) / 1000,
        blocks={end: length / 1000 for end, length in bits.items()},
    )


def block_ends(num_examples: int, fractions: Sequence[float] = FRACTIONS) -> List[int]:
    """The number of examples up to the end of each block; of few examples some fractions have the same."""
    return sorted({math.ceil(round(fraction * num_examples, 6)) for fraction in fractions})

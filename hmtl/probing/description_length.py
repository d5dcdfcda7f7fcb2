"""How many bits labels take for one who has the vectors: minimum description length (Voita & Titov 2020)."""

import math
from dataclasses import dataclass, field
from typing import Dict, List, Sequence, Union

import numpy
import torch

from hmtl.probing.linear_probe import LinearProbe, standardized

# The parts of the data after which the probe is trained anew (section 2.2 there).
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

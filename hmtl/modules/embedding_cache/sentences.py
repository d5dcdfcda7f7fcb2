"""Single sentences of a padded batch."""

import hashlib
from typing import Dict, List, NamedTuple

import numpy
import torch

Tensors = Dict[str, torch.Tensor]


class Sentence(NamedTuple):
    """A row of a batch without its padding.

    # Attributes

    arrays : `Dict[str, numpy.ndarray]`
        What the token indexer made of it, by the names of the embedder's inputs.
    num_tokens : `int`
    """

    arrays: Dict[str, numpy.ndarray]
    num_tokens: int

    @property
    def key(self) -> bytes:
        """16 bytes that stand for the text as the indexer gives it, whatever the integers' type."""
        digest = hashlib.blake2b(digest_size=16)
        for name, array in sorted(self.arrays.items()):
            digest.update(f"{name}{array.shape}".encode())
            digest.update(array.astype("<i4").tobytes())
        return digest.digest()


def split(inputs: Tensors, lengths: Dict[str, torch.Tensor], num_tokens: torch.Tensor) -> List[Sentence]:
    """The sentences of a batch.

    # Parameters

    inputs : `Dict[str, torch.Tensor]`
        Shapes (batch_size, length, ...).
    lengths : `Dict[str, torch.Tensor]`
        How many entries of each input are no padding, row by row. Shapes (batch_size,).
    num_tokens : `torch.Tensor`
        Shape (batch_size,).
    """
    arrays = {name: tensor.cpu().numpy() for name, tensor in inputs.items()}
    counts = {name: count.tolist() for name, count in lengths.items()}
    return [
        Sentence({name: array[row, : counts[name][row]] for name, array in arrays.items()}, tokens)
        for row, tokens in enumerate(num_tokens.tolist())
    ]


def collate(sentences: List[Sentence], device: torch.device) -> Tensors:
    """The padded batch of some sentences."""
    return {
        name: torch.nn.utils.rnn.pad_sequence(
            [torch.from_numpy(sentence.arrays[name]) for sentence in sentences], batch_first=True
        ).to(device)
        for name in sentences[0].arrays
    }

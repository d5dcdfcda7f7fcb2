"""Spans and relations as a short list of index rows: the target tensors are built from it on the device."""

from typing import Dict, List, Sequence, Tuple

import torch
from allennlp.data import Vocabulary
from allennlp.data.fields import Field

from hmtl.errors import UserError

PADDING = -1


class LabelledIndicesField(Field[torch.Tensor]):
    """Rows of token indices, each with a label of a vocabulary namespace.

    The tensor has shape (num_rows, row_length + 1), the label's index last, and is padded with rows of -1.

    # Parameters

    rows : `Sequence[Tuple[int, ...]]`
        `(start, end)` for a span, `(token of arg1, token of arg2)` for a relation; `row_length` numbers each.
    labels : `Sequence[str]`
        The label of each row.
    label_namespace : `str`
        The vocabulary namespace of the labels; it should end in `labels`, so that it has no unknown entry.
    allow_unknown : `bool`, optional (default = `False`)
        Leave out rows whose label is not in the vocabulary (they are no targets) instead of raising an error.
    row_length : `int`, optional (default = `2`)
        The numbers in a row.

    # Raises

    UserError
        When indexed with a vocabulary that lacks a label, unless `allow_unknown`.
    """

    __slots__ = ["rows", "labels", "label_namespace", "allow_unknown", "row_length", "_indexed"]

    def __init__(
        self,
        rows: Sequence[Tuple[int, ...]],
        labels: Sequence[str],
        label_namespace: str,
        allow_unknown: bool = False,
        row_length: int = 2,
    ) -> None:
        self.rows = rows
        self.labels = labels
        self.label_namespace = label_namespace
        self.allow_unknown = allow_unknown
        self.row_length = row_length
        self._indexed: List[Tuple[int, ...]] = []

    def count_vocab_items(self, counter: Dict[str, Dict[str, int]]) -> None:
        for label in self.labels:
            counter[self.label_namespace][label] += 1

    def index(self, vocab: Vocabulary) -> None:
        known = vocab.get_token_to_index_vocabulary(self.label_namespace)
        unknown = sorted(set(self.labels) - set(known))
        if unknown and not self.allow_unknown:
            raise UserError(
                f"unknown label '{unknown[0]}' in namespace '{self.label_namespace}', which knows: "
                f"{', '.join(sorted(known)) or 'none'}. Correct the data, name the label under "
                f"vocabulary.tokens_to_add.{self.label_namespace}, or set allow_unknown_labels in the dataset reader "
                "to count such items as missed"
            )
        self._indexed = [(*row, known[label]) for row, label in zip(self.rows, self.labels) if label in known]

    @property
    def indexed(self) -> List[Tuple[int, ...]]:
        """The rows with the index of their label, once the field is indexed."""
        return self._indexed

    def get_padding_lengths(self) -> Dict[str, int]:
        return {"num_rows": len(self._indexed)}

    def as_tensor(self, padding_lengths: Dict[str, int]) -> torch.Tensor:
        padding = [(PADDING,) * (self.row_length + 1)] * (padding_lengths["num_rows"] - len(self._indexed))
        # Shape: (num_rows, row_length + 1)
        return torch.tensor(self._indexed + padding, dtype=torch.long).view(-1, self.row_length + 1)

    def empty_field(self) -> "LabelledIndicesField":
        return LabelledIndicesField([], [], self.label_namespace, self.allow_unknown, self.row_length)

    def __len__(self) -> int:
        return len(self.rows)

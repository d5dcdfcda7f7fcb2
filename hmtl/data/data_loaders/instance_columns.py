"""All instances of a task, indexed, in arrays: memory grows with their tokens, and batches are slices.

Each field is a column, whose batches come out as AllenNLP's `Batch` would make them.
"""

from itertools import chain
from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

import numpy as np
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import Field, Instance, TokenIndexer, Vocabulary
from allennlp.data.fields import ListField, MetadataField, TensorField

from hmtl.data.data_loaders.indexed_words import IndexedWords, Ragged, are_alike, index_words, ragged
from hmtl.data.fields import PADDING, DistinctTextsField, LabelledIndicesField, WordsField


class Column:
    """A field of all instances."""

    def batch(self, indices: np.ndarray) -> Any:
        """What the model gets for some instances; `indices` has shape (batch_size,)."""
        raise NotImplementedError


class AnyColumn(Column):
    """Fields of any kind, indexed, which pad themselves."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self._fields = fields

    def batch(self, indices: np.ndarray) -> Any:
        fields = [self._fields[index] for index in indices]
        lengths = [field.get_padding_lengths() for field in fields]
        longest = {key: max(length.get(key, 0) for length in lengths) for key in lengths[0]}
        return fields[0].batch_tensors([field.as_tensor(longest) for field in fields])


class MetadataColumn(Column):
    """Objects that are handed on."""

    def __init__(self, fields: Sequence[MetadataField]) -> None:
        self._objects = [field.metadata for field in fields]

    def batch(self, indices: np.ndarray) -> List[Any]:
        return [self._objects[index] for index in indices]


class TensorColumn(Column):
    """Tensors that differ in their first dimension alone."""

    def __init__(self, rows: Ragged, padding: Any, dtype: Any) -> None:
        self._rows = rows
        self._padding = padding
        self._dtype = dtype

    def batch(self, indices: np.ndarray) -> torch.Tensor:
        # Shape: (batch_size, most rows, ...)
        return torch.from_numpy(self._rows.padded(indices, self._padding, self._dtype))


class Numbering(Dict[Any, int]):
    """Numbers distinct things from 0, in the order in which they are first looked up."""

    def __missing__(self, thing: Any) -> int:
        self[thing] = len(self)
        return self[thing]


class TextTable:
    """The texts of all tasks with the same token indexers: each distinct word and sequence of words is kept once.

    Add all text before the first batch.

    # Parameters

    token_indexers : `Dict[str, TokenIndexer]`
        How words become numbers.
    vocab : `Vocabulary`
        Where they are looked up.
    """

    def __init__(self, token_indexers: Dict[str, TokenIndexer], vocab: Vocabulary) -> None:
        self.token_indexers = token_indexers
        self._vocab: Optional[Vocabulary] = vocab
        self._words: Dict[str, int] = Numbering()
        self._distinct: Dict[Tuple[int, ...], int] = Numbering()
        self._indexed: Dict[str, IndexedWords] = {}
        self._sequences: Optional[Ragged] = None

    def add(self, sequences: Sequence[WordsField]) -> np.ndarray:
        """Keeps the words of some sequences and returns the sequences' numbers; equal ones have the same."""
        number = self._words.__getitem__
        return np.array([self._distinct[tuple(map(number, sequence.words))] for sequence in sequences])

    def finish(self) -> None:
        """Indexes all words."""
        assert self._vocab is not None
        sequences = ragged(self._distinct, np.int64)
        words = list(self._words)
        self._indexed = {
            name: index_words(indexer, words, sequences, self._vocab) for name, indexer in self.token_indexers.items()
        }
        self._sequences = sequences
        self._vocab = None
        self._words.clear()
        self._distinct.clear()

    def tensors(self, sequences: np.ndarray, is_list: bool) -> Dict[str, Dict[str, torch.Tensor]]:
        """The tensors of some sequences, by token indexer and key, each of shape (*sequences.shape, length, ...).

        Sequence -1 is an empty one; for `is_list` see `IndexedWords.tensors`.
        """
        assert self._sequences is not None
        rows = sequences.ravel()
        # Shape: (num_rows, longest row)
        words = self._sequences.padded(rows, -1, np.int64)
        return {
            name: {
                # Shape: (*sequences.shape, length, ...)
                key: tensor.view(*sequences.shape, *tensor.shape[1:])
                for key, tensor in indexed.tensors(rows, words, is_list).items()
            }
            for name, indexed in self._indexed.items()
        }


class TextColumn(Column):
    """A sequence of words, or a list of them, in each instance."""

    def __init__(self, texts: TextTable, sequences: Sequence[WordsField]) -> None:
        self._texts = texts
        self._sequences = texts.add(sequences)

    def batch(self, indices: np.ndarray) -> Dict[str, Dict[str, torch.Tensor]]:
        return self._texts.tensors(self._sequences[indices], is_list=False)


class TextListColumn(Column):
    """A list of sequences of words in each instance."""

    def __init__(self, texts: TextTable, lists: Sequence[Sequence[WordsField]]) -> None:
        self._texts = texts
        sequences = texts.add([sequence for sequences in lists for sequence in sequences])
        self._sequences = Ragged(sequences, list(map(len, lists)))

    def batch(self, indices: np.ndarray) -> Dict[str, Dict[str, torch.Tensor]]:
        # Shape: (batch_size, most sequences)
        return self._texts.tensors(self._sequences.padded(indices, -1, np.int64), is_list=True)


class DistinctTextsColumn(Column):
    """A list of sequences of words in each instance, of which a batch has each distinct one once."""

    def __init__(self, texts: TextTable, lists: Sequence[Sequence[WordsField]]) -> None:
        self._texts = texts
        sequences = texts.add([sequence for sequences in lists for sequence in sequences])
        self._sequences = Ragged(sequences, list(map(len, lists)))

    def batch(self, indices: np.ndarray) -> Dict[str, Any]:
        # Shape: (batch_size, most sequences)
        sequences = self._sequences.padded(indices, PADDING, np.int64)
        distinct, numbers = np.unique(sequences, return_inverse=True)
        # Padding comes first among them.
        num_padding = int(distinct[0] == PADDING)
        numbers = numbers.reshape(sequences.shape) - num_padding
        return {
            "texts": self._texts.tensors(distinct[num_padding:], is_list=False),
            "numbers": torch.from_numpy(numbers),
        }


class ColumnBuilder:
    """Makes columns of the fields of any number of tasks.

    # Parameters

    vocab : `Vocabulary`
        With what fields are indexed.
    """

    def __init__(self, vocab: Vocabulary) -> None:
        self._vocab = vocab
        self._texts: List[TextTable] = []

    def column(self, fields: List[Any]) -> Column:
        """The column of one field of all instances of a task; the fields are of one class and not indexed yet."""
        if type(fields[0]) is MetadataField:
            return MetadataColumn(fields)
        is_list = isinstance(fields[0], ListField)
        token_indexers = _common_indexers(chain.from_iterable(fields) if is_list else fields)
        if token_indexers is not None:
            texts = self._texts_with(token_indexers)
            if not is_list:
                return TextColumn(texts, fields)
            column = DistinctTextsColumn if type(fields[0]) is DistinctTextsField else TextListColumn
            return column(texts, [field.field_list for field in fields])
        for field in fields:
            field.index(self._vocab)
        if type(fields[0]) is LabelledIndicesField and len({field.row_length for field in fields}) == 1:
            rows = ragged((field.indexed for field in fields), np.int64, (fields[0].row_length + 1,))
            return TensorColumn(rows, PADDING, np.int64)
        if type(fields[0]) is TensorField and _differ_in_length_alone(fields):
            values = torch.cat([field.tensor for field in fields]).numpy()
            return TensorColumn(Ragged(values, list(map(len, fields))), fields[0].padding_value, values.dtype)
        return AnyColumn(fields)

    def finish(self) -> None:
        """Indexes what words there are; to be called once, after the last column."""
        for texts in self._texts:
            texts.finish()

    def _texts_with(self, token_indexers: Dict[str, TokenIndexer]) -> TextTable:
        for texts in self._texts:
            if are_alike(texts.token_indexers, token_indexers):
                return texts
        self._texts.append(TextTable(token_indexers, self._vocab))
        return self._texts[-1]


def _common_indexers(fields: Iterable[Any]) -> Optional[Dict[str, TokenIndexer]]:
    """The token indexers of all fields, if they have the same and hold words."""
    found: Optional[Dict[str, TokenIndexer]] = None
    for field in fields:
        if type(field) is not WordsField:
            return None
        if found is None:
            found = field.token_indexers
        elif field.token_indexers is not found:
            return None
    return found


def _differ_in_length_alone(fields: Sequence[TensorField]) -> bool:
    """Whether the tensors have the same number of dimensions, all but the first alike, and the same padding."""
    first = fields[0].tensor
    return first.dtype != torch.bfloat16 and all(
        field.tensor.dim() == first.dim() > 0
        and field.tensor.shape[1:] == first.shape[1:]
        and field.tensor.dtype == first.dtype
        and field.padding_value == fields[0].padding_value
        for field in fields
    )


class IndexedInstances:
    """The fields of all instances of a task as columns.

    Batches hold the tensors that AllenNLP's `Batch` makes of the same instances, padded alike.

    # Parameters

    instances : `Sequence[Instance]`
        Instances that are not indexed yet, all with the same fields.
    builder : `ColumnBuilder`
        Makes the columns; `finish` it before the first batch.

    # Raises

    ConfigurationError
        Where instances differ in their fields.
    """

    def __init__(self, instances: Sequence[Instance], builder: ColumnBuilder) -> None:
        kinds = {name: type(field) for name, field in instances[0].fields.items()}
        for instance in instances:
            if {name: type(field) for name, field in instance.fields.items()} != kinds:
                raise ConfigurationError(
                    f"all instances of a task must have the same fields; one has {sorted(kinds)}, "
                    f"another {sorted(instance.fields)}, or fields of other classes"
                )
        self._columns: Dict[str, Column] = {
            name: builder.column([instance.fields[name] for instance in instances]) for name in kinds
        }

    def batch(self, indices: Sequence[int]) -> Dict[str, Any]:
        """The tensors of some instances."""
        rows = np.asarray(indices, dtype=np.int64)
        return {name: column.batch(rows) for name, column in self._columns.items()}

    def metadata(self, indices: Sequence[int]) -> List[Any]:
        """The field `metadata` of some instances; of instances without this field nothing."""
        if "metadata" not in self._columns:
            return []
        return self._columns["metadata"].batch(np.asarray(indices, dtype=np.int64))


def batch_of(instances: List[Instance], vocab: Vocabulary) -> Dict[str, Any]:
    """The tensors of instances that are used once."""
    builder = ColumnBuilder(vocab)
    indexed = IndexedInstances(instances, builder)
    builder.finish()
    return indexed.batch(range(len(instances)))

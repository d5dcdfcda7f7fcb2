"""All instances of a task, indexed, in arrays: memory grows with their tokens, and batches are slices.

Each field is a column, whose batches come out as AllenNLP's `Batch` would make them. Columns take instances one by one,
as they are read, and before there is a vocabulary: words and labels have numbers of their own until then, so that no
instance is kept.
"""

import pickle
from array import array
from collections.abc import Sequence as AbstractSequence
from itertools import islice
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Union, overload

import numpy as np
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import sanitize
from allennlp.data import Field, Instance, TokenIndexer, Vocabulary
from allennlp.data.fields import ListField, MetadataField, TensorField

from hmtl.data.data_loaders.indexed_words import IndexedWords, Ragged, RaggedBuilder, are_alike, index_words
from hmtl.data.data_loaders.made_once import PICKLING_ERRORS
from hmtl.data.fields import (
    PADDING,
    DistinctTextsField,
    LabelledIndicesField,
    WordsField,
    count_words,
    counts_word_by_word,
)
from hmtl.errors import UserError

# What `Instance.count_vocab_items` fills: namespace, item, count.
Counts = Dict[str, Dict[str, int]]
# Sequences whose words are counted at once.
_COUNTED_AT_ONCE = 1 << 16
# Rows of metadata that one pickle holds: classes, keys and labels stand in it once, and all rows are opened together.
_ROWS_OF_A_PICKLE = 4
# How many texts that an earlier task has and this one leaves out are passed over to find the next one among them.
_LOOKED_AHEAD = 16


class Column:
    """A field of all instances."""

    def add(self, field: Any, fields: Mapping[str, Field]) -> None:
        """Takes the field of one more instance, which has these `fields`, none indexed yet."""
        raise NotImplementedError

    def finish(self, vocab: Vocabulary) -> None:
        """Indexes what was added; to be called once, after the last field, and after the texts are indexed."""

    def batch(self, indices: np.ndarray) -> Any:
        """What the model gets for some instances; `indices` has shape (batch_size,)."""
        raise NotImplementedError


class AnyColumn(Column):
    """Fields of any kind, which index and pad themselves."""

    def __init__(self) -> None:
        self._fields: List[Field] = []

    def add(self, field: Any, fields: Mapping[str, Field]) -> None:
        self._fields.append(field)

    def finish(self, vocab: Vocabulary) -> None:
        for field in self._fields:
            field.index(vocab)

    def batch(self, indices: np.ndarray) -> Any:
        fields = [self._fields[index] for index in indices]
        lengths = [field.get_padding_lengths() for field in fields]
        longest = {key: max(length.get(key, 0) for length in lengths) for key in lengths[0]}
        return fields[0].batch_tensors([field.as_tensor(longest) for field in fields])


class Rows(AbstractSequence):
    """Some objects of a `MetadataColumn`, which are made when the first of them is asked for.

    # Parameters

    are_kept : `bool`
        Whether they are made once, all of them; each is made anew otherwise, whenever it is asked for.
    """

    def __init__(self, column: "MetadataColumn", indices: Sequence[int], are_kept: bool) -> None:
        self._column = column
        self._indices = indices
        self._are_kept = are_kept
        self._made: Optional[List[Any]] = None

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, place: int) -> Any: ...

    @overload
    def __getitem__(self, place: slice) -> List[Any]: ...

    def __getitem__(self, place: Union[int, slice]) -> Any:
        if self._are_kept and self._made is None:
            self._made = [self._column[index] for index in self._indices]
        if self._made is not None:
            return self._made[place]
        chosen = self._indices[place]
        return self._column[chosen] if isinstance(chosen, int) else [self._column[index] for index in chosen]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AbstractSequence) and list(self) == list(other)

    def __repr__(self) -> str:
        return repr(list(self))

    def __reduce__(self) -> Tuple[Any, ...]:
        # A pickle or a copy has these rows, not the column with those of all instances.
        return list, (list(self),)

    def to_json(self) -> List[Any]:
        """What AllenNLP's `sanitize` asks for, where a head hands on its metadata."""
        return sanitize(list(self))


class MetadataColumn(Column):
    """Objects that are handed on, equal to those that were added. They are kept pickled; of a dictionary without the
    words that a text of the instance has, too.

    # Parameters

    columns : `Mapping[str, Column]`
        All columns of the instances, by the names of their fields.
    """

    def __init__(self, columns: Mapping[str, Column]) -> None:
        self._columns = columns
        # Of the first dictionary, the keys that have the words of a text, and the name of its field.
        self._texts: Optional[Dict[str, str]] = None
        # All pickles, and where each ends, behind 0.
        self._pickles: Any = bytearray()
        self._ends: Any = array("q", [0])
        # The rows of the next one.
        self._waiting: List[Any] = []
        # The rows of those that cannot be, by their number.
        self._objects: Dict[int, List[Any]] = {}

    def __getitem__(self, index: int) -> Any:
        number, place = divmod(index, _ROWS_OF_A_PICKLE)
        rows = self._objects.get(number)
        if rows is None:
            rows = pickle.loads(memoryview(self._pickles)[self._ends[number] : self._ends[number + 1]])
        found = rows[place]
        if type(found) is tuple:
            return found[0]
        texts = {}
        for key, name in (self._texts or {}).items():
            column = self._columns[name]
            assert isinstance(column, WordsColumn)
            texts[key] = column.words(index)
        return {**found, **texts}

    def add(self, field: Any, fields: Mapping[str, Field]) -> None:
        value = field.metadata
        kept: Any = (value,)
        if type(value) is dict:
            if self._texts is None:
                self._texts = self._texts_of(value, fields)
            # A dictionary that is not like the first one is kept whole, in a tuple, as is what is none.
            if all(_are_words_of(value.get(key), fields[name]) for key, name in self._texts.items()):
                kept = {**value, **dict.fromkeys(self._texts)}
        self._waiting.append(kept)
        if len(self._waiting) == _ROWS_OF_A_PICKLE:
            self._pickle()

    def finish(self, vocab: Vocabulary) -> None:
        if self._waiting:
            self._pickle()
        self._pickles, self._ends = np.frombuffer(self._pickles, np.uint8), np.array(self._ends)

    def batch(self, indices: np.ndarray) -> Rows:
        return Rows(self, indices.tolist(), are_kept=True)

    def _pickle(self) -> None:
        try:
            self._pickles += pickle.dumps(self._waiting, protocol=5)
        except PICKLING_ERRORS:
            self._objects[len(self._ends) - 1] = self._waiting
        self._ends.append(len(self._pickles))
        self._waiting = []

    def _texts_of(self, value: Dict[str, Any], fields: Mapping[str, Field]) -> Dict[str, str]:
        """The keys whose values are the words of a text, and the names of its field."""
        return {
            key: name
            for key, words in value.items()
            for name, column in self._columns.items()
            if isinstance(column, WordsColumn) and _are_words_of(words, fields[name])
        }


def _are_words_of(value: Any, field: Any) -> bool:
    """Whether a value is the list that a text holds, or a list of those that a list of texts holds."""
    if type(field) is WordsField:
        return value is field.words
    texts = field.field_list
    return type(value) is list and len(value) == len(texts) and all(map(_is_list_of, value, texts))


def _is_list_of(value: Any, text: WordsField) -> bool:
    return value is text.words


class LabelledIndicesColumn(Column):
    """Rows of numbers, each with a label.

    # Parameters

    like : `LabelledIndicesField`
        A field with the options of all.
    """

    def __init__(self, like: LabelledIndicesField) -> None:
        self._like = like.empty_field()
        self._labels: Dict[str, int] = Numbering()
        self._builder = RaggedBuilder(np.int64, (like.row_length + 1,))
        self._rows: Optional[Ragged] = None

    def add(self, field: Any, fields: Mapping[str, Field]) -> None:
        like = self._like
        if (field.label_namespace, field.allow_unknown, field.row_length) != (
            like.label_namespace,
            like.allow_unknown,
            like.row_length,
        ):
            raise ConfigurationError(
                f"all instances of a task must have rows of {like.row_length} numbers and labels of the namespace "
                f"'{like.label_namespace}', as the first; one has {field.row_length} and '{field.label_namespace}'"
            )
        number = self._labels.__getitem__
        self._builder.add([(*row, number(label)) for row, label in zip(field.rows, field.labels)])

    def finish(self, vocab: Vocabulary) -> None:
        """
        # Raises

        UnknownLabel
            Where the vocabulary lacks a label that is not allowed to be unknown.
        """
        rows, labels = self._builder.finish(), list(self._labels)
        known = vocab.get_token_to_index_vocabulary(self._like.label_namespace)
        # Shape: (num_labels,); -1 for labels that the vocabulary lacks
        numbers = np.array([known.get(label, -1) for label in labels], dtype=np.int64)
        # Shape: (rows of all instances, row_length + 1)
        values = rows.values.astype(np.int64)
        found = numbers[values[:, -1]]
        # Shape: (rows of all instances,)
        owners = np.repeat(np.arange(len(rows)), rows.lengths(np.arange(len(rows))))
        is_known = found >= 0
        if not is_known.all() and not self._like.allow_unknown:
            owner = int(owners[is_known.argmin()])
            field = self._like.empty_field()
            field.labels = [labels[row[-1]] for row in rows[owner]]
            try:
                field.index(vocab)
            except UserError as error:
                raise UnknownLabel(owner, str(error)) from None
        values[:, -1] = found
        self._rows = Ragged(values[is_known], np.bincount(owners[is_known], minlength=len(rows)))

    def batch(self, indices: np.ndarray) -> torch.Tensor:
        assert self._rows is not None
        # Shape: (batch_size, most rows, row_length + 1)
        return torch.from_numpy(self._rows.padded(indices, PADDING, np.int64))


class UnknownLabel(UserError):
    """A label that the vocabulary lacks; `instance` is the number of the first instance with one."""

    def __init__(self, instance: int, message: str) -> None:
        super().__init__(message)
        self.instance = instance


class TensorColumn(Column):
    """Tensors, in one array where they differ in their first dimension alone.

    # Parameters

    first : `TensorField`
        The first of them, of one dimension at least.
    """

    def __init__(self, first: TensorField) -> None:
        self._padding = first.padding_value
        # Shape: (0, ...)
        self._like = first.tensor[:0].numpy()
        self._values = bytearray()
        self._lengths = array("i")
        self._rows: Optional[Ragged] = None
        # In place of the array, once a tensor has another shape.
        self._any: Optional[AnyColumn] = None

    def add(self, field: Any, fields: Mapping[str, Field]) -> None:
        if self._any is None and not self._is_like_the_first(field):
            self._any = AnyColumn()
            for values in self._array():
                # Kept in fewer bits.
                self._any.add(TensorField(torch.tensor(values.astype(self._like.dtype)), self._padding), fields)
            self._values.clear()
        if self._any is not None:
            self._any.add(field, fields)
        else:
            self._values += field.tensor.numpy().tobytes()
            self._lengths.append(len(field.tensor))

    def finish(self, vocab: Vocabulary) -> None:
        if self._any is None:
            self._rows = self._array()
            self._values = bytearray()

    def batch(self, indices: np.ndarray) -> torch.Tensor:
        if self._any is not None:
            return self._any.batch(indices)
        assert self._rows is not None
        # Shape: (batch_size, longest tensor, ...)
        return torch.from_numpy(self._rows.padded(indices, self._padding, self._like.dtype))

    def _array(self) -> Ragged:
        values = np.frombuffer(bytes(self._values), self._like.dtype)
        # Shape: (total_length, ...)
        return Ragged(values.reshape(sum(self._lengths), *self._like.shape[1:]), self._lengths)

    def _is_like_the_first(self, field: TensorField) -> bool:
        tensor = field.tensor
        return (
            tensor.dim() == self._like.ndim
            and tensor.shape[1:] == self._like.shape[1:]
            and tensor.dtype == torch.from_numpy(self._like).dtype
            and field.padding_value == self._padding
        )


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
    """

    def __init__(self, token_indexers: Dict[str, TokenIndexer]) -> None:
        self.token_indexers = token_indexers
        self._last_indexers = token_indexers
        self._numbers: Dict[str, int] = Numbering()
        # The bytes of the numbers of its words stand for a sequence: they are an array already, and small.
        self._distinct: Dict[bytes, int] = Numbering()
        # The lists that were added in the first pass over texts and their numbers: tasks that read the same documents
        # have the same lists, mostly in the same order. The next one is expected at `_place`.
        self._lists: List[List[str]] = []
        self._numbers_of_lists = array("i")
        self._place = 0
        self._words: List[str] = []
        self._sequences: Optional[Ragged] = None
        self._indexed: Dict[str, IndexedWords] = {}

    def add(self, text: WordsField) -> int:
        """Keeps the words of a text and returns the number of their sequence; equal ones have the same.

        # Raises

        ConfigurationError
            Where the text has other token indexers.
        """
        if type(text) is not WordsField or text.token_indexers is not self._last_indexers:
            if type(text) is not WordsField or not are_alike(self.token_indexers, text.token_indexers):
                raise ConfigurationError("the texts of all instances of a task must have the same token indexers")
            self._last_indexers = text.token_indexers
        words, place = text.words, self._place
        for ahead in range(place, min(place + _LOOKED_AHEAD, len(self._lists))):
            if self._lists[ahead] is words:
                self._place = ahead + 1
                return self._numbers_of_lists[ahead]
        number = self._distinct[array("i", map(self._numbers.__getitem__, words)).tobytes()]
        if place == len(self._lists):
            self._lists.append(words)
            self._numbers_of_lists.append(number)
            self._place += 1
        return number

    def begin_pass(self) -> None:
        """Another task begins, which may read what the first has read."""
        self._place = 0

    def end_passes(self) -> None:
        """What comes from here on are other lists."""
        self._lists, self._numbers_of_lists, self._place = [], array("i"), 0

    def count(self, sequences: np.ndarray, counter: Counts) -> None:
        """Counts the words of some sequences, which may be there several times, before all are indexed."""
        times = np.bincount(sequences, minlength=len(self._distinct))
        # Shape: (num_distinct_words,)
        totals = np.zeros(len(self._numbers), dtype=np.int64)
        distinct, first = iter(self._distinct), 0
        while part := list(islice(distinct, _COUNTED_AT_ONCE)):
            rows = _rows_of(part)
            # Shape: (words of all these sequences,)
            weights = np.repeat(times[first : first + len(part)], rows.lengths(np.arange(len(part))))
            totals += np.bincount(rows.values, weights, minlength=len(totals)).astype(np.int64)
            first += len(part)
        words = [(word, count) for word, count in zip(self._numbers, totals.tolist()) if count]
        for indexer in self.token_indexers.values():
            count_words(indexer, words, counter)

    def finish(self, vocab: Vocabulary) -> None:
        """Indexes all words."""
        self._words = list(self._numbers)
        self._sequences = _rows_of(list(self._distinct))
        self._numbers.clear()
        self._distinct.clear()
        self._indexed = {
            name: index_words(indexer, self._words, self._sequences, vocab)
            for name, indexer in self.token_indexers.items()
        }

    def words(self, sequence: int) -> List[str]:
        """The words of a sequence, once all are indexed."""
        assert self._sequences is not None
        return [self._words[number] for number in self._sequences[sequence].tolist()]

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


def _rows_of(sequences: Sequence[bytes]) -> Ragged:
    """Sequences of numbers of words, each as the bytes of an array."""
    size = array("i").itemsize
    return Ragged(np.frombuffer(b"".join(sequences), np.intc), [len(sequence) // size for sequence in sequences])


class WordsColumn(Column):
    """Words, as sequences of a table.

    # Parameters

    texts : `TextTable`
        Has the words.
    """

    def __init__(self, texts: TextTable) -> None:
        self.texts = texts

    def sequences(self) -> np.ndarray:
        """The numbers that the sequences have in the table, so far. Shape: (num_sequences,)"""
        raise NotImplementedError

    def words(self, index: int) -> List[Any]:
        """The words of an instance, once all are indexed."""
        raise NotImplementedError


class TextColumn(WordsColumn):
    """A sequence of words in each instance."""

    def __init__(self, texts: TextTable) -> None:
        super().__init__(texts)
        self._sequences: Any = array("i")

    def add(self, field: Any, fields: Mapping[str, Field]) -> None:
        self._sequences.append(self.texts.add(field))

    def sequences(self) -> np.ndarray:
        return np.array(self._sequences)

    def finish(self, vocab: Vocabulary) -> None:
        self._sequences = np.array(self._sequences)

    def words(self, index: int) -> List[str]:
        return self.texts.words(self._sequences[index])

    def batch(self, indices: np.ndarray) -> Dict[str, Dict[str, torch.Tensor]]:
        return self.texts.tensors(self._sequences[indices], is_list=False)


class TextListColumn(WordsColumn):
    """A list of sequences of words in each instance."""

    def __init__(self, texts: TextTable) -> None:
        super().__init__(texts)
        self._builder = RaggedBuilder(np.int64)
        self._sequences: Optional[Ragged] = None

    def add(self, field: Any, fields: Mapping[str, Field]) -> None:
        self._builder.add([self.texts.add(text) for text in field.field_list])

    def sequences(self) -> np.ndarray:
        return self._builder.rows().values

    def finish(self, vocab: Vocabulary) -> None:
        self._sequences = self._builder.finish()

    def words(self, index: int) -> List[List[str]]:
        assert self._sequences is not None
        return [self.texts.words(number) for number in self._sequences[index].tolist()]

    def batch(self, indices: np.ndarray) -> Dict[str, Any]:
        assert self._sequences is not None
        # Shape: (batch_size, most sequences)
        return self.texts.tensors(self._sequences.padded(indices, PADDING, np.int64), is_list=True)


class DistinctTextsColumn(TextListColumn):
    """A list of sequences of words in each instance, of which a batch has each distinct one once."""

    def batch(self, indices: np.ndarray) -> Dict[str, Any]:
        assert self._sequences is not None
        # Shape: (batch_size, most sequences)
        sequences = self._sequences.padded(indices, PADDING, np.int64)
        distinct, numbers = np.unique(sequences, return_inverse=True)
        # Padding comes first among them.
        num_padding = int(distinct[0] == PADDING)
        numbers = numbers.reshape(sequences.shape) - num_padding
        return {
            "texts": self.texts.tensors(distinct[num_padding:], is_list=False),
            "numbers": torch.from_numpy(numbers),
        }


class ColumnBuilder:
    """Makes columns for the fields of any number of tasks, which share their texts."""

    def __init__(self) -> None:
        self._texts: List[TextTable] = []

    def columns(self, instance: Instance) -> Dict[str, Column]:
        """A column for each field of instances like this one, which is not added yet."""
        for texts in self._texts:
            texts.begin_pass()
        columns: Dict[str, Column] = {}
        for name, field in instance.fields.items():
            columns[name] = MetadataColumn(columns) if type(field) is MetadataField else self._column(field)
        return columns

    def end_passes(self) -> None:
        """The last instance is added; until then the lists of words of all of them are kept."""
        for texts in self._texts:
            texts.end_passes()

    def finish(self, vocab: Vocabulary) -> None:
        """Indexes what words there are; to be called once, after the last instance and before columns are finished."""
        self.end_passes()
        for texts in self._texts:
            texts.finish(vocab)

    def _column(self, field: Any) -> Column:
        text = field.field_list[0] if isinstance(field, ListField) else field
        if type(text) is WordsField:
            texts = self._texts_with(text.token_indexers)
            if text is field:
                return TextColumn(texts)
            return DistinctTextsColumn(texts) if type(field) is DistinctTextsField else TextListColumn(texts)
        if type(field) is LabelledIndicesField:
            return LabelledIndicesColumn(field)
        if type(field) is TensorField and field.tensor.dim() > 0 and field.tensor.dtype != torch.bfloat16:
            return TensorColumn(field)
        return AnyColumn()

    def _texts_with(self, token_indexers: Dict[str, TokenIndexer]) -> TextTable:
        for texts in self._texts:
            if are_alike(texts.token_indexers, token_indexers):
                return texts
        self._texts.append(TextTable(token_indexers))
        return self._texts[-1]


class IndexedInstances:
    """The fields of all instances of a task as columns.

    Batches hold the tensors that AllenNLP's `Batch` makes of the same instances, padded alike.

    # Parameters

    instances : `Iterable[Instance]`
        Instances that are not indexed yet, all with the same fields and token indexers. None is kept.
    builder : `ColumnBuilder`
        Makes the columns. Finish it, and then this, before the first batch.
    counter : `Optional[Counts]`, optional (default = `None`)
        Where the instances are counted for a vocabulary: as by their own `count_vocab_items`, in the same order.

    # Raises

    ConfigurationError
        Where instances differ in their fields.
    """

    def __init__(self, instances: Iterable[Instance], builder: ColumnBuilder, counter: Optional[Counts] = None) -> None:
        self._columns: Dict[str, Column] = {}
        kinds: Dict[str, type] = {}
        counted_at_once: List[WordsColumn] = []
        counted_one_by_one: List[str] = []
        for instance in instances:
            fields = instance.fields
            found = {name: type(field) for name, field in fields.items()}
            if not self._columns:
                self._columns, kinds = builder.columns(instance), found
                counted_at_once = _counted_at_once(self._columns.values())
                counted_one_by_one = [name for name, column in self._columns.items() if column not in counted_at_once]
            elif found != kinds:
                raise ConfigurationError(
                    f"all instances of a task must have the same fields; one has {sorted(kinds)}, "
                    f"another {sorted(fields)}, or fields of other classes"
                )
            for name, column in self._columns.items():
                column.add(fields[name], fields)
            if counter is not None:
                for name in counted_one_by_one:
                    fields[name].count_vocab_items(counter)
        if counter is not None and counted_at_once:
            sequences = np.concatenate([column.sequences() for column in counted_at_once])
            counted_at_once[0].texts.count(sequences, counter)

    def finish(self, vocab: Vocabulary) -> None:
        """Indexes all that are no words.

        # Raises

        UnknownLabel
            Where the vocabulary lacks a label.
        """
        # Labels last, so that an instance can be named whose label is refused.
        for column in sorted(self._columns.values(), key=lambda column: isinstance(column, LabelledIndicesColumn)):
            column.finish(vocab)

    def batch(self, indices: Sequence[int]) -> Dict[str, Any]:
        """The tensors of some instances."""
        rows = np.asarray(indices, dtype=np.int64)
        return {name: column.batch(rows) for name, column in self._columns.items()}

    def metadata(self, indices: Sequence[int]) -> Sequence[Any]:
        """The field `metadata` of some instances, each made anew whenever it is asked for; of instances without this
        field nothing."""
        column = self._columns.get("metadata")
        return Rows(column, indices, are_kept=False) if isinstance(column, MetadataColumn) else []


def _counted_at_once(columns: Iterable[Column]) -> List[WordsColumn]:
    """The columns of words, if these can be counted after the last instance: texts of several tables may meet the same
    words, whose order is then that of the instances."""
    found = [column for column in columns if isinstance(column, WordsColumn)]
    is_one_table = len({id(column.texts) for column in found}) == 1
    return found if is_one_table and counts_word_by_word(found[0].texts.token_indexers) else []


def batch_of(instances: List[Instance], vocab: Vocabulary) -> Dict[str, Any]:
    """The tensors of instances that are used once."""
    builder = ColumnBuilder()
    indexed = IndexedInstances(instances, builder)
    builder.finish(vocab)
    indexed.finish(vocab)
    return indexed.batch(range(len(instances)))

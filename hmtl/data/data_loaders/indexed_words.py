"""What token indexers make of sequences of words, in compact arrays: a common indexer sees each distinct word once.

Rows of unequal length stand in one array, one behind the other: see `Ragged`.
"""

from array import array
from collections import defaultdict
from itertools import chain
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence, Union, cast

import numpy as np
import torch
from allennlp.data import TokenIndexer, Vocabulary
from allennlp.data.token_indexers import (
    ELMoTokenCharactersIndexer,
    PretrainedTransformerMismatchedIndexer,
    TokenCharactersIndexer,
)
from allennlp.data.token_indexers.token_indexer import IndexedTokenList
from allennlp.data.tokenizers import Token
from allennlp.nn.util import batch_tensor_dicts

from hmtl.common.allennlp_internals import (
    makes_same_word_pieces,
    min_num_characters,
    min_num_tokens,
    word_pieces_cached,
)
from hmtl.data.fields import is_characters, is_single_id
from hmtl.data.token_indexers import TransformerIndexer


class Ragged:
    """Rows of unequal length behind one another in one array; row -1 is empty.

    Beside a `ListArray` of pyarrow, which holds the same two arrays: of 70,000 sentences of 1.2 million words, all in
    the smallest integers that hold them, 3.3 MB and 2.7 MB; a padded batch of 32 takes 14 microseconds here, 26 by
    `ListArray.take`, which leaves the padding to numpy, and 314 by a `datasets.Dataset` in its numpy format (one core,
    pyarrow 26, datasets 5.2). pyarrow would bring 170 MB of libraries.

    # Parameters

    values : `numpy.ndarray`
        All rows in a line, shape (total_length, *shape_of_an_item).
    lengths : `Union[Sequence[int], numpy.ndarray]`
        The length of each row.
    """

    def __init__(self, values: np.ndarray, lengths: Union[Sequence[int], np.ndarray]) -> None:
        self.values = downcast(values)
        # Shape: (num_rows + 1,); the last row is empty, and -1 its number
        self._lengths = np.append(np.asarray(lengths, dtype=np.int32), np.int32(0))
        # Shape: (num_rows + 1,)
        self._starts = np.concatenate([[0], np.cumsum(self._lengths[:-1], dtype=np.int64)])

    def __len__(self) -> int:
        return len(self._lengths) - 1

    def __getitem__(self, row: int) -> np.ndarray:
        if not 0 <= row < len(self):
            raise IndexError(row)
        return self.values[self._starts[row] : self._starts[row] + self._lengths[row]]

    def __iter__(self) -> Iterator[np.ndarray]:
        for start, length in zip(self._starts[:-1], self._lengths[:-1]):
            yield self.values[start : start + length]

    @property
    def nbytes(self) -> int:
        """The memory that the rows take, in bytes."""
        return self.values.nbytes + self._lengths.nbytes + self._starts.nbytes

    def lengths(self, rows: np.ndarray) -> np.ndarray:
        """The lengths of some rows, of the shape of `rows`."""
        return self._lengths[rows]

    def padded(self, rows: np.ndarray, padding: Any, dtype: Any, length: Optional[int] = None) -> np.ndarray:
        """Some rows as one array, padded to `length`, or to the longest of them.

        # Returns

        `numpy.ndarray`
            Shape (*rows.shape, length, *shape_of_an_item).
        """
        lengths = self.lengths(rows)
        if length is None:
            length = int(lengths.max(initial=0))
        positions = np.arange(length)
        # Shape: (*rows.shape, length)
        inside = positions < lengths[..., None]
        sources = self._starts[rows][..., None] + positions
        # Shape: (*rows.shape, length, *shape_of_an_item)
        result = np.full((*inside.shape, *self.values.shape[1:]), padding, dtype=dtype)
        result[inside] = self.values[sources[inside]]
        return result


class RaggedBuilder:
    """Takes rows one by one: of numbers, or of sequences of numbers of one shape.

    # Parameters

    dtype : `numpy.dtype`
        That of the numbers. Integers have to fit into 32 bits.
    shape_of_an_item : `Sequence[int]`, optional (default = `()`)
    """

    def __init__(self, dtype: Any, shape_of_an_item: Sequence[int] = ()) -> None:
        self._dtype = np.dtype(np.intc if np.dtype(dtype).kind == "i" else dtype)
        self._shape = shape_of_an_item
        # Arrays know no truth values.
        self._items = array("b" if self._dtype.kind == "b" else self._dtype.char)
        self._lengths = array("i")

    def add(self, row: Sequence[Any]) -> None:
        self._lengths.append(len(row))
        items: Iterable[Any] = row
        for _ in self._shape:
            items = chain.from_iterable(items)
        self._items.extend(items)

    def rows(self) -> Ragged:
        """All rows so far."""
        # Shape: (total_length, *shape_of_an_item)
        values = np.array(self._items).view(self._dtype).reshape(sum(self._lengths), *self._shape)
        return Ragged(values, self._lengths)

    def finish(self) -> Ragged:
        """All rows, which are not kept here any longer."""
        rows = self.rows()
        del self._items[:], self._lengths[:]
        return rows


def ragged(rows: Iterable[Sequence[Any]], dtype: Any, shape_of_an_item: Sequence[int] = ()) -> Ragged:
    """`Ragged` from rows of items: numbers, or sequences of numbers of one shape."""
    builder = RaggedBuilder(dtype, shape_of_an_item)
    for row in rows:
        builder.add(row)
    return builder.finish()


def downcast(values: np.ndarray) -> np.ndarray:
    """The same integers in the smallest type of 1 to 8 bytes that holds them; other values as they are."""
    if values.dtype.kind != "i":
        return values
    lowest, highest = values.min(initial=0), values.max(initial=0)
    for kind in (np.int8, np.int16, np.int32):
        if np.iinfo(kind).min <= lowest and highest <= np.iinfo(kind).max:
            return values.astype(kind)
    return values


Tensors = Dict[str, torch.Tensor]
Indexed = List[IndexedTokenList]


class IndexedWords:
    """What one token indexer makes of sequences of words.

    A subclass holds it and makes padded tensors from it: those that the indexer makes itself, sequence by sequence.
    """

    def tensors(self, rows: np.ndarray, words: np.ndarray, is_list: bool) -> Tensors:
        """The tensors of some sequences, each of shape (num_rows, length, ...).

        # Parameters

        rows : `numpy.ndarray`
            The sequences' numbers, shape (num_rows,); -1 is an empty one.
        words : `numpy.ndarray`
            The numbers of their words, shape (num_rows, longest row), padded with -1.
        is_list : `bool`
            Whether the rows are parts of lists, which AllenNLP pads to a length of at least 1 each way.
        """
        raise NotImplementedError


class SingleIds(IndexedWords):
    """One number a word, or numbers of a fixed shape: a table of distinct words.

    # Parameters

    key : `str`
        The name of the indexer's tensor.
    table : `numpy.ndarray`
        Shape (num_distinct_words, ...).
    min_length : `int`
        Sequences are padded to this length at least.
    """

    def __init__(self, key: str, table: np.ndarray, min_length: int) -> None:
        self._key = key
        # Shape: (num_distinct_words + 1, ...); the last row, number -1, is padding
        self._table = downcast(np.concatenate([table, np.zeros_like(table[:1])]))
        self._min_length = min_length

    def tensors(self, rows: np.ndarray, words: np.ndarray, is_list: bool) -> Tensors:
        words = _lengthened(words, max(self._min_length, int(is_list)))
        # Shape: (num_rows, length, ...)
        return {self._key: torch.from_numpy(self._table[words].astype(np.int64))}


class Characters(IndexedWords):
    """The characters of each distinct word.

    # Parameters

    key : `str`
        The name of the indexer's tensor.
    characters : `Ragged`
        One row a distinct word.
    min_length, min_word_length : `int`
        Sequences and words are padded to these lengths at least.
    """

    def __init__(self, key: str, characters: Ragged, min_length: int, min_word_length: int) -> None:
        self._key = key
        self._characters = characters
        self._min_length = min_length
        self._min_word_length = min_word_length

    def tensors(self, rows: np.ndarray, words: np.ndarray, is_list: bool) -> Tensors:
        words = _lengthened(words, max(self._min_length, int(is_list)))
        longest = int(self._characters.lengths(words).max(initial=0))
        length = max(longest, self._min_word_length, int(is_list))
        # Shape: (num_rows, length, characters in the longest word)
        return {self._key: torch.from_numpy(self._characters.padded(words, 0, np.int64, length))}


class WordPieces(IndexedWords):
    """Several sequences of numbers, truth values or pairs for each sequence of words: those of a transformer.

    # Parameters

    indexer : `TokenIndexer`
        What made them; it says how they are padded.
    indexed : `Iterable[IndexedTokenList]`
        What the indexer made of each sequence; none is empty. It is gone through once.
    """

    def __init__(self, indexer: TokenIndexer, indexed: Iterable[IndexedTokenList]) -> None:
        self._indexer = indexer
        sequences = iter(indexed)
        first = next(sequences)
        lengths = {key: len(items) + 1 for key, items in first.items()}
        # Shape of each: (length of the first sequence + 1, ...), so that the last item is padding
        example = indexer.as_padded_tensor_dict(first, lengths)
        self._padding = {key: tensor[-1].numpy() for key, tensor in example.items()}
        builders = {key: RaggedBuilder(padding.dtype, padding.shape) for key, padding in self._padding.items()}
        for tokens in chain([first], sequences):
            for key, builder in builders.items():
                builder.add(tokens[key])
        self._rows = {key: builder.finish() for key, builder in builders.items()}

    def tensors(self, rows: np.ndarray, words: np.ndarray, is_list: bool) -> Tensors:
        min_length = max(min_num_tokens(self._indexer), int(is_list))
        lengths = {key: max(int(kept.lengths(rows).max()), min_length) for key, kept in self._rows.items()}
        tensors = {
            # Shape: (num_rows, length, ...)
            key: torch.from_numpy(kept.padded(rows, self._padding[key], self._padding[key].dtype, lengths[key]))
            for key, kept in self._rows.items()
        }
        if rows.min() >= 0:
            return tensors
        # The indexer pads a sequence without words in its own way.
        empty = self._indexer.as_padded_tensor_dict(self._indexer.get_empty_token_list(), lengths)
        is_empty = torch.from_numpy(rows < 0)
        return {
            key: torch.where(is_empty.view(-1, *[1] * (tensor.dim() - 1)), empty[key].view(tensor.shape[1:]), tensor)
            for key, tensor in tensors.items()
        }


class AnyIndexer(IndexedWords):
    """What any indexer makes, padded by the indexer sequence by sequence, as AllenNLP does.

    # Parameters

    indexer : `TokenIndexer`
        What made it.
    indexed : `Indexed`
        What the indexer made of each sequence.
    """

    def __init__(self, indexer: TokenIndexer, indexed: Indexed) -> None:
        self._indexer = indexer
        self._indexed = indexed

    def tensors(self, rows: np.ndarray, words: np.ndarray, is_list: bool) -> Tensors:
        lengths: Dict[str, int] = defaultdict(int)
        for row in rows[rows >= 0]:
            for key, length in self._indexer.get_padding_lengths(self._indexed[row]).items():
                lengths[key] = max(lengths[key], length, int(is_list))
        sequences = (self._indexed[row] if row >= 0 else self._indexer.get_empty_token_list() for row in rows)
        return batch_tensor_dicts([self._indexer.as_padded_tensor_dict(tokens, dict(lengths)) for tokens in sequences])


def index_words(indexer: TokenIndexer, words: Sequence[str], sequences: Ragged, vocab: Vocabulary) -> IndexedWords:
    """What the indexer makes of sequences of words.

    # Parameters

    words : `Sequence[str]`
        The distinct words.
    sequences : `Ragged`
        The sequences, as numbers of words.
    """
    min_length = min_num_tokens(indexer)
    if is_single_id(indexer) or is_characters(indexer) or type(indexer) is ELMoTokenCharactersIndexer:
        ((key, items),) = indexer.tokens_to_indices(_tokens(words), vocab).items()
        if is_characters(indexer):
            return Characters(
                key, ragged(items, np.int64), min_length, min_num_characters(cast(TokenCharactersIndexer, indexer))
            )
        return SingleIds(key, np.asarray(items, dtype=np.int64), min_length)
    texts = ([words[number] for number in row] for row in sequences)
    if type(indexer) is TransformerIndexer:
        return WordPieces(indexer, indexer.index_texts(texts))
    indexed = (indexer.tokens_to_indices(_tokens(text), vocab) for text in texts)
    if type(indexer) is PretrainedTransformerMismatchedIndexer:
        with word_pieces_cached(indexer):
            return WordPieces(indexer, indexed)
    return AnyIndexer(indexer, list(indexed))


def are_alike(first: Dict[str, TokenIndexer], second: Dict[str, TokenIndexer]) -> bool:
    """Whether two tasks' token indexers make the same of the same words, under the same names in the same order."""
    return list(first) == list(second) and all(map(_is_like, first.values(), second.values()))


def _is_like(first: TokenIndexer, second: TokenIndexer) -> bool:
    if type(first) is PretrainedTransformerMismatchedIndexer and type(second) is PretrainedTransformerMismatchedIndexer:
        return makes_same_word_pieces(first, second)
    return first == second


def _tokens(words: Iterable[str]) -> List[Token]:
    return [Token(word) for word in words]


def _lengthened(words: np.ndarray, length: int) -> np.ndarray:
    """Rows of words, padded with -1 to a length of at least `length`."""
    # Shape: (num_rows, max(longest row, length))
    return np.pad(words, [(0, 0), (0, max(0, length - words.shape[1]))], constant_values=-1)

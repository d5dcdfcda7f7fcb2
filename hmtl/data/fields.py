"""Fields without an object for each token or span: words as plain strings, spans and relations as index rows."""

from itertools import repeat
from typing import Dict, Iterable, List, Optional, Sequence, Tuple, cast

import torch
from allennlp.data import TextFieldTensors, TokenIndexer, Vocabulary
from allennlp.data.fields import Field, ListField, TextField
from allennlp.data.token_indexers import (
    ELMoTokenCharactersIndexer,
    PretrainedTransformerMismatchedIndexer,
    SingleIdTokenIndexer,
    TokenCharactersIndexer,
)
from allennlp.data.tokenizers import CharacterTokenizer, Token

from hmtl.common.allennlp_internals import adds_tokens, character_namespace, character_tokenizer, feature_name
from hmtl.common.checks import did_you_mean
from hmtl.data.token_indexers import TransformerIndexer
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
            near = did_you_mean(unknown[0], known, "").replace("did", " Did", 1)
            raise UserError(
                f"unknown label '{unknown[0]}' in namespace '{self.label_namespace}', which knows: "
                f"{', '.join(sorted(known)) or 'none'}.{near} Correct the data, name the label under "
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


# These have vocabularies of their own.
_COUNT_NOTHING = (ELMoTokenCharactersIndexer, PretrainedTransformerMismatchedIndexer, TransformerIndexer)


class WordsField(TextField):
    """A `TextField` of words that have nothing but their text.

    `tokens` makes new `Token`s at each access, so that every token indexer works; the common ones count the words
    themselves.

    # Parameters

    words : `List[str]`
        The words; the list is kept, not copied.
    token_indexers : `Dict[str, TokenIndexer]`, optional (default = `None`)
        How words become numbers; they may be set later.
    """

    __slots__ = ["words"]

    def __init__(self, words: List[str], token_indexers: Optional[Dict[str, TokenIndexer]] = None) -> None:
        super().__init__([], token_indexers)
        self.words = words

    @property
    def tokens(self) -> List[Token]:
        return [Token(word) for word in self.words]

    @tokens.setter
    def tokens(self, tokens: List[Token]) -> None:
        self.words = [token.ensure_text() for token in tokens]

    def count_vocab_items(self, counter: Dict[str, Dict[str, int]]) -> None:
        for indexer in self.token_indexers.values():
            count_words(indexer, zip(self.words, repeat(1)), counter)

    def sequence_length(self) -> int:
        return len(self.words)

    def __len__(self) -> int:
        return len(self.words)


class SentencesField(ListField):
    """The sentences of a document. Its length, by which batches are sorted, is that of all of them, in words."""

    def __len__(self) -> int:
        return sum(map(len, self.field_list))


class DistinctTextsField(ListField):
    """Texts of an instance that others of its batch may have, too, as `WordsField`s, at least one.

    `PerTaskDataLoader` makes two tensors of a batch: `texts`, the tensors of its distinct texts, shapes
    (num_texts, length, ...), and `numbers`, shape (batch_size, most texts of an instance), which of them each instance
    has, padded with -1.
    """


def index_texts(
    texts: Sequence[List[str]], token_indexers: Dict[str, TokenIndexer], vocab: Vocabulary
) -> TextFieldTensors:
    """The tensors of texts of such words, padded alike. Shapes: (num_texts, length, ...)"""
    fields = [WordsField(words, token_indexers) for words in texts]
    for field in fields:
        field.index(vocab)
    lengths = [field.get_padding_lengths() for field in fields]
    longest = {key: max(row[key] for row in lengths) for key in lengths[0]}
    return fields[0].batch_tensors([field.as_tensor(longest) for field in fields])


def is_single_id(indexer: TokenIndexer) -> bool:
    """Whether the indexer gives each word one number by its text alone."""
    return (
        type(indexer) is SingleIdTokenIndexer
        and indexer.namespace is not None
        and feature_name(indexer) == "text"
        and not adds_tokens(indexer)
    )


def is_characters(indexer: TokenIndexer) -> bool:
    """Whether the indexer gives each word the numbers of its characters, as they are."""
    if type(indexer) is not TokenCharactersIndexer or adds_tokens(indexer):
        return False
    tokenizer = character_tokenizer(indexer)
    return type(tokenizer) is CharacterTokenizer and vars(tokenizer) == vars(CharacterTokenizer())


def counts_word_by_word(token_indexers: Dict[str, TokenIndexer]) -> bool:
    """Whether a vocabulary is the same when each distinct word is counted once, as often as it occurs, in the order in
    which words first occur: then each of the indexers counts in a namespace of its own, by what a word is alone."""
    namespaces = []
    for indexer in token_indexers.values():
        if is_single_id(indexer):
            namespaces.append(indexer.namespace)  # type: ignore[attr-defined]
        elif is_characters(indexer):
            namespaces.append(character_namespace(cast(TokenCharactersIndexer, indexer)))
        elif type(indexer) not in _COUNT_NOTHING:
            return False
    return len(set(namespaces)) == len(namespaces)


def count_words(indexer: TokenIndexer, words: Iterable[Tuple[str, int]], counter: Dict[str, Dict[str, int]]) -> None:
    """Counts as the indexer's own method would, word by word, each so many times."""
    if is_single_id(indexer):
        counts = counter[indexer.namespace]  # type: ignore[attr-defined]
        lowercase = indexer.lowercase_tokens  # type: ignore[attr-defined]
        for word, times in words:
            counts[word.lower() if lowercase else word] += times
    elif is_characters(indexer):
        counts = counter[character_namespace(cast(TokenCharactersIndexer, indexer))]
        for word, times in words:
            for character in word:
                counts[character] += times
    elif type(indexer) not in _COUNT_NOTHING:
        for word, times in words:
            for _ in range(times):
                indexer.count_vocab_items(Token(word), counter)

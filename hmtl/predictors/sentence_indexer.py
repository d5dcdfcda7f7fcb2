"""Sentences as tensors, each distinct word indexed once."""

from typing import Dict, List, NamedTuple, Optional, Set, Tuple

import torch
from allennlp.data import TextFieldTensors, Token, TokenIndexer, Vocabulary
from allennlp.data.fields import TextField
from allennlp.data.token_indexers import ELMoTokenCharactersIndexer, SingleIdTokenIndexer, TokenCharactersIndexer

from hmtl.common.allennlp_internals import adds_tokens, min_num_characters, min_num_tokens

# What these make of a token depends on nothing but the token.
_BY_WORD = (SingleIdTokenIndexer, TokenCharactersIndexer, ELMoTokenCharactersIndexer)
# Words that are remembered: with more it starts anew, and longer ones are forgotten at once.
MAX_WORDS, MAX_CHARACTERS = 2**15, 64


class SentenceIndexer:
    """What AllenNLP makes of a batch of `TextField`s, without a field for each sentence or a token for each word.

    Words are remembered from one call to the next.

    # Parameters

    indexers : `Dict[str, TokenIndexer]`
        Those of AllenNLP that look at single words are asked once a word; any other indexes each sentence, as ever.
    vocab : `Vocabulary`
    """

    def __init__(self, indexers: Dict[str, TokenIndexer], vocab: Vocabulary) -> None:
        self._vocab = vocab
        self._by_word = {name: indexer for name, indexer in indexers.items() if _looks_at_single_words(indexer)}
        self._by_sentence = {name: indexer for name, indexer in indexers.items() if name not in self._by_word}
        self._known = _Words({}, {})

    def __call__(self, groups: List[List[List[str]]]) -> List[TextFieldTensors]:
        """The tensors of each group of sentences, padded alike within it; shapes (num_sentences, length, ...)."""
        output: List[TextFieldTensors] = [{} for _ in groups]
        if self._by_sentence:
            output = [self._index_sentences(sentences) for sentences in groups]
        if self._by_word:
            known = self._learn({word for sentences in groups for sentence in sentences for word in sentence})
            for tensors, sentences in zip(output, groups):
                self._add_words(tensors, sentences, known)
        return output

    def _learn(self, words: Set[str]) -> "_Words":
        """All words that are remembered, these among them. Other threads may do the same: what is there is kept."""
        known = self._known
        new = sorted(words - known.rows.keys())
        if not new:
            return known
        if len(known.rows) + len(new) > MAX_WORDS:
            known, new = _Words({}, {}), sorted(words)
        tables = dict(known.tables)
        tokens = [Token(word) for word in new]
        for name, indexer in self._by_word.items():
            indexed = indexer.tokens_to_indices(tokens, self._vocab)
            padded = indexer.as_padded_tensor_dict(indexed, indexer.get_padding_lengths(indexed))
            for key, rows in padded.items():
                tables[name, key] = _stack(tables.get((name, key)), rows)
        # Row 0 is padding.
        first = len(known.rows) + 1
        learned = _Words({**known.rows, **{word: first + number for number, word in enumerate(new)}}, tables)
        if max(map(len, new)) <= MAX_CHARACTERS:
            self._known = learned
        return learned

    def _add_words(self, tensors: TextFieldTensors, sentences: List[List[str]], known: "_Words") -> None:
        length = max(map(len, sentences))
        row_of = known.rows.__getitem__
        # Shape: (num_sentences, length)
        rows = torch.tensor([[*map(row_of, words), *[0] * (length - len(words))] for words in sentences])
        for (name, key), table in known.tables.items():
            # Shape: (num_sentences, length, ...)
            tensors.setdefault(name, {})[key] = _without_empty_columns(table[rows], self._by_word[name])

    def _index_sentences(self, sentences: List[List[str]]) -> TextFieldTensors:
        fields = [TextField([Token(word) for word in words], self._by_sentence) for words in sentences]
        for field in fields:
            field.index(self._vocab)
        lengths = [field.get_padding_lengths() for field in fields]
        padding = {key: max(row[key] for row in lengths) for key in lengths[0]}
        return fields[0].batch_tensors([field.as_tensor(padding) for field in fields])


class _Words(NamedTuple):
    """The row of each word in the tables, and a table for each tensor of each indexer."""

    rows: Dict[str, int]
    tables: Dict[Tuple[str, str], torch.Tensor]


def _looks_at_single_words(indexer: TokenIndexer) -> bool:
    # Subclasses may look at neighbours. Start tokens, end tokens and a least length concern whole sentences.
    return type(indexer) in _BY_WORD and not adds_tokens(indexer) and not min_num_tokens(indexer)


def _stack(table: Optional[torch.Tensor], rows: torch.Tensor) -> torch.Tensor:
    """Appends rows to a table, both padded to the same width. A new table begins with a row of zeros, for padding."""
    if table is None:
        table = rows.new_zeros(1, *rows.shape[1:])
    if table.dim() > 1:
        width = max(table.size(1), rows.size(1))
        table, rows = (torch.nn.functional.pad(part, (0, width - part.size(1))) for part in (table, rows))
    return torch.cat([table, rows])


def _without_empty_columns(tensor: torch.Tensor, indexer: TokenIndexer) -> torch.Tensor:
    """Without the columns of characters that no word of this batch has."""
    if not isinstance(indexer, TokenCharactersIndexer):
        return tensor
    width = int((tensor != 0).flatten(0, 1).any(0).sum())
    return tensor[..., : max(width, min_num_characters(indexer))]

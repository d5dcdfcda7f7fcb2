"""A sequence of words as plain strings; `Token`s are made for those alone who ask for them."""

from typing import Dict, List, Optional, cast

from allennlp.data import TokenIndexer
from allennlp.data.fields import TextField
from allennlp.data.token_indexers import (
    ELMoTokenCharactersIndexer,
    PretrainedTransformerMismatchedIndexer,
    SingleIdTokenIndexer,
    TokenCharactersIndexer,
)
from allennlp.data.tokenizers import CharacterTokenizer, Token

from hmtl.common.allennlp_internals import adds_tokens, character_namespace, character_tokenizer, feature_name
from hmtl.data.token_indexers import TransformerIndexer

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
            _count(indexer, self.words, counter)

    def sequence_length(self) -> int:
        return len(self.words)

    def __len__(self) -> int:
        return len(self.words)


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


def _count(indexer: TokenIndexer, words: List[str], counter: Dict[str, Dict[str, int]]) -> None:
    """Counts as the indexer's own method would, word by word."""
    if is_single_id(indexer):
        counts = counter[indexer.namespace]  # type: ignore[attr-defined]
        for word in map(str.lower, words) if indexer.lowercase_tokens else words:  # type: ignore[attr-defined]
            counts[word] += 1
    elif is_characters(indexer):
        counts = counter[character_namespace(cast(TokenCharactersIndexer, indexer))]
        for character in "".join(words):
            counts[character] += 1
    elif type(indexer) not in _COUNT_NOTHING:
        for word in words:
            indexer.count_vocab_items(Token(word), counter)

"""The reference is what AllenNLP makes of a `TextField` for each sentence."""

from typing import Any, Dict, List, Type

import pytest
import torch
from allennlp.data import TextFieldTensors, Token, TokenIndexer, Vocabulary
from allennlp.data.batch import Batch
from allennlp.data.fields import TextField
from allennlp.data.instance import Instance
from allennlp.data.token_indexers import (
    ELMoTokenCharactersIndexer,
    PretrainedTransformerMismatchedIndexer,
    SingleIdTokenIndexer,
    TokenCharactersIndexer,
)
from allennlp.data.tokenizers import CharacterTokenizer

from hmtl.data.token_indexers import TransformerIndexer
from hmtl.predictors import sentence_indexer
from hmtl.predictors.sentence_indexer import SentenceIndexer

BATCHES = [
    [[["Tom", "met", "Ada", "."]]],
    [[["a"]], [["Tom", "xylophones", "Tom"], ["é", "🙂"]]],
    [[["met", "a", "pneumonoultramicroscopicsilicovolcanoconiosis" * 2]], [["of", "it"]]],
    [[["it"]], [["Ada", "of", "Oslo"], ["it"]]],
]


class Backwards(SingleIdTokenIndexer):
    """An indexer that looks at more than one word at a time."""

    def tokens_to_indices(self, tokens: List[Token], vocabulary: Vocabulary) -> Dict[str, List[int]]:
        return super().tokens_to_indices(tokens[::-1], vocabulary)


def vocabulary() -> Vocabulary:
    words = ["tom", "Tom", "met", "Ada", "it", "of"]
    return Vocabulary(tokens_to_add={"tokens": words, "token_characters": list("Tomeadxylphn"), "chars": list("aeo")})


def reference(indexers: Dict[str, TokenIndexer], sentences: List[List[str]], vocab: Vocabulary) -> TextFieldTensors:
    fields = [TextField([Token(word) for word in sentence], indexers) for sentence in sentences]
    batch = Batch([Instance({"text": field}) for field in fields])
    batch.index_instances(vocab)
    return batch.as_tensor_dict()["text"]  # type: ignore[return-value]


def assert_equal(found: TextFieldTensors, expected: TextFieldTensors) -> None:
    assert found.keys() == expected.keys()
    for name, tensors in expected.items():
        assert found[name].keys() == tensors.keys()
        for key, tensor in tensors.items():
            assert torch.equal(found[name][key], tensor), (name, key)


INDEXERS: Dict[str, Dict[str, Any]] = {
    "words": {"tokens": SingleIdTokenIndexer()},
    "lower": {"tokens": SingleIdTokenIndexer(lowercase_tokens=True)},
    "words and characters": {
        "tokens": SingleIdTokenIndexer(),
        "token_characters": TokenCharactersIndexer(min_padding_length=3),
    },
    "wide": {"c": TokenCharactersIndexer("chars", CharacterTokenizer(lowercase_characters=True), min_padding_length=9)},
    "start and end": {"tokens": SingleIdTokenIndexer(start_tokens=["@"], end_tokens=["@", "it"])},
    "at least": {"tokens": SingleIdTokenIndexer(token_min_padding_length=6)},
    "elmo": {"elmo": ELMoTokenCharactersIndexer()},
    "a subclass": {"tokens": Backwards(), "words": SingleIdTokenIndexer()},
}


@pytest.mark.parametrize("name", list(INDEXERS))
def test_tensors_are_those_of_text_fields(name: str) -> None:
    indexers, vocab = INDEXERS[name], vocabulary()
    index = SentenceIndexer(indexers, vocab)
    for groups in [*BATCHES, *BATCHES]:  # the second time all words are known
        for found, sentences in zip(index(groups), groups, strict=True):
            assert_equal(found, reference(indexers, sentences, vocab))


@pytest.mark.parametrize("kind", [PretrainedTransformerMismatchedIndexer, TransformerIndexer])
def test_a_transformer_indexes_sentences(transformer: str, kind: Type[TokenIndexer]) -> None:
    indexers = {
        "transformer": kind(transformer),
        "token_characters": TokenCharactersIndexer(min_padding_length=3),
    }
    index = SentenceIndexer(indexers, vocabulary())
    for groups in BATCHES:
        for found, sentences in zip(index(groups), groups, strict=True):
            assert_equal(found, reference(indexers, sentences, vocabulary()))


def test_each_word_is_indexed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: List[str] = []

    def record(self: SingleIdTokenIndexer, tokens: List[Token], vocab: Vocabulary) -> Dict[str, List[int]]:
        asked.extend(str(token) for token in tokens)
        return original(self, tokens, vocab)

    original = SingleIdTokenIndexer.tokens_to_indices
    monkeypatch.setattr(SingleIdTokenIndexer, "tokens_to_indices", record)
    index = SentenceIndexer({"tokens": SingleIdTokenIndexer()}, vocabulary())
    index([[["it", "is", "it"]], [["is"]]])
    index([[["is", "it", "so"]]])
    assert sorted(asked) == ["is", "it", "so"]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentence_indexer, "MAX_WORDS", 5)
    indexers, vocab = INDEXERS["words and characters"], vocabulary()
    index = SentenceIndexer(indexers, vocab)
    for number in range(20):
        sentences = [[f"w{number}", "it", f"Tom{number}"], ["it"]]
        assert_equal(index([sentences])[0], reference(indexers, sentences, vocab))
        assert len(index._known.rows) <= 5
    # More words at once than are remembered, and one that is too long to be.
    sentences = [[f"x{number}" for number in range(9)], ["y" * 1000]]
    assert_equal(index([sentences])[0], reference(indexers, sentences, vocab))
    assert len(index._known.rows) <= 5

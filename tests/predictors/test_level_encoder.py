"""Vectors of texts are those of a plain forward pass, whatever texts share their batch."""

import random
from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy
import pytest
import torch
from allennlp.data import Batch
from allennlp.data.fields import ListField, TextField
from allennlp.data.instance import Instance
from allennlp.data.tokenizers import Token

import hmtl
from hmtl.document import Document
from hmtl.errors import UserError
from hmtl.models import HMTL
from hmtl.predictors import HMTLPredictor
from hmtl.predictors.hmtl_predictor import document_reader
from hmtl.predictors.level_encoder import POOLINGS, UNITS, both_ends, last_token

WORDS = ["Ada", "Lovelace", "London", "wrote", "to", "engines", "of", "unseenword", "."]
LEVELS = ["embedding", "words", "ner", "coref"]


def texts_of(count: int) -> List[Dict[str, Any]]:
    choose = random.Random(5)
    return [
        {
            "doc_key": f"text {number}",
            "sentences": [choose.choices(WORDS, k=choose.randint(1, 20)) for _ in range(choose.randint(1, 4))],
        }
        for number in range(count)
    ]


TEXTS = texts_of(30)


@pytest.fixture(scope="module")
def predictor(tiny_run: Path) -> HMTLPredictor:
    return HMTLPredictor.load(tiny_run)


@pytest.fixture(scope="module")
def token_vectors(tiny_run: Path) -> List[Dict[str, List[numpy.ndarray]]]:
    """Of each text alone, through AllenNLP's own fields and `HMTL.encode`: the tokens, by level and sentence."""
    model = HMTL.from_archive(tiny_run)
    assert model.reader is not None
    indexers = document_reader(model.reader).token_indexers
    table = model.text_field_embedder.token_embedder_tokens.weight
    found = []
    for text in TEXTS:
        sentences = text["sentences"]
        field = ListField([TextField([Token(word) for word in sentence], indexers) for sentence in sentences])
        batch = Batch([Instance({"text": field})])
        batch.index_instances(model.vocab)
        with torch.no_grad():
            encodings = model.encode(batch.as_tensor_dict()["text"])
            levels = {
                "embedding": encodings.embedding("document")[0].numpy(),
                "ner": encodings.output("ner", "document")[0].numpy(),
                "coref": encodings.output("coref", "document")[0].numpy(),
                "words": table[
                    [model.vocab.get_token_index(word.lower(), "tokens") for row in sentences for word in row]
                ].numpy(),
            }
        ends = numpy.cumsum(list(map(len, sentences)))
        found.append({level: numpy.split(matrix[: ends[-1]], ends[:-1]) for level, matrix in levels.items()})
    return found


def by_hand(tokens: numpy.ndarray, pooling: str) -> numpy.ndarray:
    half = tokens.shape[1] // 2
    return {
        "max": tokens.max(0),
        "average": tokens.mean(0),
        "first": tokens[0],
        "last": tokens[-1],
        "ends": numpy.concatenate([tokens[-1, :half], tokens[0, half:]]),
    }[pooling]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("level", LEVELS)
def test_vectors_are_pooled_tokens_of_a_plain_forward_pass(
    predictor: HMTLPredictor, token_vectors: List[Dict[str, List[numpy.ndarray]]], level: str, unit: str
) -> None:
    for pooling in POOLINGS:
        if pooling == "ends" and level in ("embedding", "words"):
            continue
        found = list(predictor.embed(TEXTS, level, pooling, unit, batch_size=7))
        assert [each.doc_key for each in found] == [text["doc_key"] for text in TEXTS]
        for each, tokens in zip(found, token_vectors, strict=True):
            rows = tokens[level] if unit == "sentence" else [numpy.concatenate(tokens[level])]
            numpy.testing.assert_allclose(each.vectors, [by_hand(row, pooling) for row in rows], atol=1e-6)
            assert each.vectors.dtype == numpy.float32


def test_what_a_text_gets_does_not_depend_on_the_others(predictor: HMTLPredictor) -> None:
    for unit in UNITS:
        alone = [next(predictor.embed([text], "coref", "average", unit)).vectors for text in TEXTS]
        for order in (TEXTS, TEXTS[::-1]):
            together = [each.vectors for each in predictor.embed(iter(order), "coref", "average", unit, batch_size=11)]
            for one, other in zip(alone if order is TEXTS else alone[::-1], together, strict=True):
                numpy.testing.assert_allclose(one, other, atol=1e-6)


def test_an_endless_stream_is_read_as_it_is_asked_for(predictor: HMTLPredictor) -> None:
    read = 0

    def stream() -> Any:
        nonlocal read
        while True:
            read += 1
            yield "Ada wrote."

    next(predictor.embed(stream(), batch_size=2))
    assert read == 16


def test_ends_are_the_last_states_of_both_directions() -> None:
    lstm = torch.nn.LSTM(3, 4, bidirectional=True, batch_first=True)
    lengths = [5, 2, 1]
    inputs = torch.randn(3, 5, 3)
    packed = torch.nn.utils.rnn.pack_padded_sequence(inputs, torch.tensor(lengths), batch_first=True)
    output, (states, _) = lstm(packed)
    vectors, _ = torch.nn.utils.rnn.pad_packed_sequence(output, batch_first=True)
    mask = torch.arange(5) < torch.tensor(lengths).unsqueeze(1)
    torch.testing.assert_close(both_ends(vectors, mask), torch.cat([states[0], states[1]], -1))
    assert torch.equal(last_token(vectors, mask)[1], vectors[1, 1])


def test_raw_texts_are_split_and_sentences_have_vectors_of_their_own(predictor: HMTLPredictor) -> None:
    text = "Ada wrote to Charles. She lived in London."
    (found,) = predictor.embed([text], unit="sentence")
    assert found.text.sentences == [["Ada", "wrote", "to", "Charles", "."], ["She", "lived", "in", "London", "."]]
    (tokens,) = predictor.embed([{"sentences": found.text.sentences}], unit="sentence")
    numpy.testing.assert_array_equal(found.vectors, tokens.vectors)
    assert found.doc_key == "document" and found.vectors.shape[0] == 2


def test_texts_without_tokens_are_refused(predictor: HMTLPredictor) -> None:
    texts = ["Ada wrote.", " \n", {"sentences": []}, {"text": 3}, "London."]
    vectors = predictor.embed(texts)
    next(vectors)
    with pytest.raises(UserError, match="the text has no tokens, and so no vector"):
        next(vectors)
    errors: List[Tuple[int, str]] = []
    found = list(predictor.embed(texts, on_error=lambda number, error: errors.append((number, str(error)))))
    assert len(found) == 2 and [number for number, _ in errors] == [1, 2, 3]
    assert "'text' is int" in errors[2][1]


@pytest.mark.parametrize(
    "options, message",
    [
        ({"level": "pos"}, "the model has no level 'pos'; it has: embedding, ner, emd, .*words"),
        ({"pooling": "mean"}, "no pooling 'mean'; expected one of: max, average, first, last, ends"),
        ({"unit": "token"}, "no unit 'token'; expected one of: text, sentence"),
        (
            {"pooling": "ends"},
            "'ends' is for levels with a bidirectional encoder of their own, and embedding has none; expected one of: "
            "ner, emd",
        ),
    ],
)
def test_what_cannot_be_is_named_at_once(predictor: HMTLPredictor, options: Dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        predictor.embed(["Ada."], **options)


def test_another_precision_gives_nearly_the_same(tiny_run: Path, predictor: HMTLPredictor) -> None:
    texts = TEXTS[:5]
    expected = numpy.concatenate([each.vectors for each in predictor.embed(texts, "ner")])
    other = HMTLPredictor.load(tiny_run, precision="bf16")
    found = numpy.concatenate([each.vectors for each in other.embed(texts, "ner")])
    numpy.testing.assert_allclose(found, expected, atol=0.02)
    assert found.dtype == numpy.float32


def test_the_model_and_the_run_embed_too(tiny_run: Path, predictor: HMTLPredictor) -> None:
    texts = ["Ada wrote to Charles. She lived.", "London."]
    expected = [each.vectors for each in predictor.embed(texts, "ner", "max")]
    by_sentence = [each.vectors for each in predictor.embed(texts, "ner", "max", "sentence")]
    model = HMTL.from_archive(tiny_run)
    model.train()
    found = list(model.embed(texts, "ner", "max"))
    assert [vector.shape for vector in found] == [(model.encoding_dim("ner"),)] * 2
    numpy.testing.assert_array_equal(numpy.stack(found), numpy.concatenate(expected))
    for one, other in zip(model.embed(texts, "ner", "max", "sentence"), by_sentence, strict=True):
        numpy.testing.assert_array_equal(one, other)
    numpy.testing.assert_array_equal(next(model.embed(texts[1], "ner", "max")), expected[1][0])
    run = hmtl.load(tiny_run)
    document = Document("d", [["London", "."]])
    numpy.testing.assert_array_equal(run.embed([texts[0], document], "ner", "max"), numpy.concatenate(expected))
    assert run.embed(texts, "ner", "max", "sentence").shape == (3, model.encoding_dim("ner"))
    assert run.embed([]).shape == (0, 0)

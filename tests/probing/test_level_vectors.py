"""Vectors of levels are those of a plain forward pass, and taking them changes nothing."""

from pathlib import Path
from typing import Dict, List

import numpy
import pytest
import torch
from allennlp.common import Params
from allennlp.data import Batch, Vocabulary
from allennlp.data.fields import TextField
from allennlp.data.instance import Instance
from allennlp.data.token_indexers import SingleIdTokenIndexer
from allennlp.data.tokenizers import Token

from hmtl.data.token_indexers import TransformerIndexer
from hmtl.errors import UserError
from hmtl.models.hmtl import HMTL, load_hmtl_archive
from hmtl.predictors.hmtl_predictor import document_reader
from hmtl.probing import LevelVectors
from hmtl.tasks import TaggingReader

SENTENCES = [
    ["Ada", "Lovelace", "lived", "in", "London", "."],
    ["Yes"],
    ["She", "wrote", "to", "Charles", "Babbage", ",", "who", "built", "engines", "of", "brass", "."],
    ["unseenword", "London"],
    ["Yes"],
] + [["London"] * length for length in range(1, 40)]


@pytest.fixture(scope="module")
def vectors(tiny_run: Path) -> LevelVectors:
    return LevelVectors.load(tiny_run, batch_size=7)


@pytest.fixture(scope="module")
def expected(tiny_run: Path) -> List[Dict[str, numpy.ndarray]]:
    """Each sentence alone, through AllenNLP's own fields and `HMTL.encode`."""
    archive = load_hmtl_archive(tiny_run)
    model = archive.model.eval()
    indexers = document_reader(archive.validation_dataset_reader).token_indexers
    found = []
    for sentence in SENTENCES:
        field = TextField([Token(word) for word in sentence], indexers)
        batch = Batch([Instance({"text": field})])
        batch.index_instances(model.vocab)
        # Shape (each): (1, 1, sentence_length, ...): a document of one sentence.
        text = {
            name: {key: tensor.unsqueeze(0) for key, tensor in tensors.items()}
            for name, tensors in batch.as_tensor_dict()["text"].items()
        }
        with torch.no_grad():
            encodings = model.encode(text)
            row = {task: encodings.output(task, "sentence")[0].numpy() for task in model.tasks}
            row["embedding"] = encodings.embedding("sentence")[0].numpy()
            row["words"] = model.text_field_embedder.token_embedder_tokens.weight[
                [model.vocab.get_token_index(word.lower(), "tokens") for word in sentence]
            ].numpy()
        found.append(row)
    return found


def test_levels_are_the_embedding_and_the_tasks_bottom_up(vectors: LevelVectors) -> None:
    assert vectors.levels[0] == "embedding"
    assert sorted(vectors.levels[1:]) == ["coref", "emd", "ner", "relation"]
    assert vectors.levels.index("ner") < vectors.levels.index("emd") < vectors.levels.index("coref")


def test_token_vectors_are_those_of_a_plain_forward_pass(
    vectors: LevelVectors, expected: List[Dict[str, numpy.ndarray]]
) -> None:
    levels = [*vectors.levels, "words"]
    found = list(vectors.token_vectors(SENTENCES, levels))
    assert len(found) == len(SENTENCES)
    for row, other in zip(found, expected):
        assert list(row) == levels
        for level in levels:
            assert row[level].dtype == numpy.float32
            numpy.testing.assert_allclose(row[level], other[level], atol=1e-6)


def test_sentence_vectors_are_pooled_token_vectors(
    vectors: LevelVectors, expected: List[Dict[str, numpy.ndarray]]
) -> None:
    found = vectors.sentence_vectors(SENTENCES, ["coref", "embedding", "words"], ["average", "max"])
    assert set(found) == {(level, how) for level in ("coref", "embedding", "words") for how in ("max", "average")}
    for (level, pooling), matrix in found.items():
        by_hand = [getattr(row[level], {"max": "max", "average": "mean"}[pooling])(axis=0) for row in expected]
        numpy.testing.assert_allclose(matrix, numpy.stack(by_hand), atol=1e-6)
        assert matrix.dtype == numpy.float32 and matrix.shape[1] == vectors.dim(level)


def test_levels_that_are_joined_stand_side_by_side(
    vectors: LevelVectors, expected: List[Dict[str, numpy.ndarray]]
) -> None:
    levels = ["ner+words", "words"]
    for row, other in zip(vectors.token_vectors(SENTENCES, levels), expected, strict=True):
        assert list(row) == levels
        by_hand = numpy.concatenate([other["ner"], other["words"]], axis=1)
        numpy.testing.assert_allclose(row["ner+words"], by_hand, atol=1e-6)
    pooled = vectors.sentence_vectors(SENTENCES, levels, ["max"])["ner+words", "max"]
    maxima = [numpy.concatenate([row["ner"].max(0), row["words"].max(0)]) for row in expected]
    numpy.testing.assert_allclose(pooled, numpy.stack(maxima), atol=1e-6)
    # Words have no ends, and so have not both.
    assert vectors.known_pairs(["ner+words", "ner"], ["ends"]) == [("ner", "ends")]
    with pytest.raises(UserError, match="no level 'pos'; it has"):
        vectors.known_levels(["ner+pos"])


def test_the_order_of_sentences_does_not_matter(vectors: LevelVectors) -> None:
    forward = vectors.sentence_vectors(SENTENCES, ["emd"], ["max"])["emd", "max"]
    backward = vectors.sentence_vectors(SENTENCES[::-1], ["emd"], ["max"])["emd", "max"]
    numpy.testing.assert_allclose(forward, backward[::-1], atol=1e-6)


def test_the_model_is_untouched(vectors: LevelVectors) -> None:
    model = vectors.model
    model.train()
    model.heads["ner"].eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    requires_grad = [parameter.requires_grad for parameter in model.parameters()]
    vectors.sentence_vectors(SENTENCES, vectors.levels, ["max"])
    next(vectors.token_vectors(SENTENCES, vectors.levels))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert [module.training for module in model.modules()] == modes
    assert [parameter.requires_grad for parameter in model.parameters()] == requires_grad
    assert all(parameter.grad is None for parameter in model.parameters())


def test_fingerprints_follow_weights_and_vocabulary(tiny_run: Path, vectors: LevelVectors) -> None:
    other = LevelVectors.load(tiny_run)
    assert other.fingerprint == vectors.fingerprint
    changed = LevelVectors.load(tiny_run)
    with torch.no_grad():
        next(changed.model.encoders["coref"].parameters())[0, 0] += 1e-3
    extended = LevelVectors.load(tiny_run)
    extended.model.vocab.add_token_to_namespace("zeppelin", "tokens")
    assert len({other.fingerprint, changed.fingerprint, extended.fingerprint}) == 3


@pytest.mark.parametrize("level", ["pos", "Embedding"])
def test_a_level_that_does_not_exist_is_named(vectors: LevelVectors, level: str) -> None:
    with pytest.raises(UserError, match=f"no level '{level}'; it has: embedding, ner, emd, .*words"):
        vectors.token_vectors(SENTENCES, [level])


def test_what_else_cannot_be_is_named(vectors: LevelVectors, tiny_run: Path) -> None:
    with pytest.raises(UserError, match="no pooling 'mean'; expected one of: max, average"):
        vectors.sentence_vectors(SENTENCES, ["ner"], ["mean"])
    with pytest.raises(UserError, match="sentence 1, counted from 0, has no tokens"):
        vectors.token_vectors([["a"], []], ["ner"])
    with pytest.raises(UserError, match="a batch of 0 sentences"):
        LevelVectors.load(tiny_run, batch_size=0)


def test_the_transformer_is_its_part_of_the_embedding(vectors: LevelVectors, transformer: str) -> None:
    """Named such that other parts stand before it and after it."""
    words = {"type": "embedding", "num_embeddings": 3, "embedding_dim": 5}
    parts = {"a": {**words}, "b": {"type": "hmtl_transformer", "model_name": transformer}, "c": {**words}}
    levels = {"names": {"encoder": {"type": "pass_through"}, "head": {"type": "hmtl_crf"}}}
    config = {"text_field_embedder": {"token_embedders": parts}, "levels": levels}
    vocab = Vocabulary(tokens_to_add={"names_labels": ["A", "B"], "tokens": ["rain"]})
    model = HMTL.from_params(Params(config), vocab=vocab).eval()
    single, pieces = SingleIdTokenIndexer(), TransformerIndexer(transformer)
    reader = TaggingReader("names", token_indexers={"a": single, "b": pieces, "c": single})
    found = LevelVectors(model, reader)
    sentences = [["rain", "met", "brass", "."], ["met", "rain"]]
    alone = LevelVectors(model, reader).token_vectors(sentences, ["transformer"])
    for sentence, both, only in zip(sentences, found.token_vectors(sentences, ["transformer", "embedding"]), alone):
        field = TextField([Token(word) for word in sentence], {"b": pieces})
        field.index(vocab)
        tensors = {
            name: tensor.unsqueeze(0) for name, tensor in field.as_tensor(field.get_padding_lengths())["b"].items()
        }
        with torch.no_grad():
            expected = model.text_field_embedder.token_embedder_b(**tensors)[0].numpy()
        numpy.testing.assert_allclose(both["transformer"], expected, atol=1e-6)
        numpy.testing.assert_array_equal(both["transformer"], both["embedding"][:, 5:13])
        numpy.testing.assert_allclose(only["transformer"], expected, atol=1e-6)
    assert found.has_transformer and found.dim("transformer") == 8 and "transformer" not in found.levels
    assert not vectors.has_transformer
    with pytest.raises(UserError, match="no level 'transformer'"):
        vectors.known_levels(["transformer"])

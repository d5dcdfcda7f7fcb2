from pathlib import Path

import pytest
import torch
from allennlp.data import Token, Vocabulary
from allennlp.data.batch import Batch
from allennlp.data.fields import TextField
from allennlp.data.instance import Instance
from allennlp.data.token_indexers import PretrainedTransformerMismatchedIndexer
from transformers import BertConfig, BertModel, BertTokenizerFast

from hmtl.modules import TransformerEmbedder


@pytest.fixture(scope="module")
def bert(tmp_path_factory) -> str:
    """The folder of a random BERT of two layers."""
    folder: Path = tmp_path_factory.mktemp("bert")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "the", "cat", "sat", "##s", "."]
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 8}
    BertModel(BertConfig(vocab_size=len(words), **sizes)).save_pretrained(folder)
    return str(folder)


def text(model_name, *sentences, max_length=16):
    indexers = {"transformer": PretrainedTransformerMismatchedIndexer(model_name, max_length=max_length)}
    # A token that no word piece spells stays in place.
    sentences = sentences or ("the cats \xa0 sat .",)
    batch = Batch([Instance({"text": TextField([Token(t) for t in s.split(" ")], indexers)}) for s in sentences])
    batch.index_instances(Vocabulary())
    return batch.as_tensor_dict()["text"]["transformer"]


def test_a_frozen_encoder_gives_the_same_vectors_while_training(bert):
    embedder = TransformerEmbedder(bert).train()
    tensors = text(bert)
    first = embedder(**tensors)
    assert first.shape == (1, 5, 8)
    assert torch.equal(first, embedder(**tensors))
    assert torch.equal(first, embedder.eval()(**tensors))
    assert embedder.train().training and not embedder._matched_embedder.transformer_model.training


def test_of_a_frozen_encoder_the_scalar_mix_alone_learns(bert):
    embedder = TransformerEmbedder(bert).train()
    embedder(**text(bert)).sum().backward()
    learning = {name for name, parameter in embedder.named_parameters() if parameter.grad is not None}
    assert learning and all("scalar_mix" in name for name in learning)


def test_a_fine_tuned_encoder_has_dropout_and_gradients(bert):
    embedder = TransformerEmbedder(bert, train_parameters=True).train()
    tensors = text(bert)
    assert not torch.equal(embedder(**tensors), embedder(**tensors))
    embedder(**tensors).sum().backward()
    assert embedder._matched_embedder.transformer_model.embeddings.word_embeddings.weight.grad is not None


def test_the_vectors_are_the_means_of_the_word_pieces_of_transformers_itself(bert):
    embedder = TransformerEmbedder(bert, last_layer_only=True)
    encoder, tokenizer = BertModel.from_pretrained(bert).eval(), BertTokenizerFast.from_pretrained(bert)
    with torch.no_grad():
        pieces = encoder(**tokenizer("the cats sat .", return_tensors="pt")).last_hidden_state[0]
        vectors = embedder(**text(bert))[0]
    assert torch.allclose(vectors[0], pieces[1], atol=1e-6)
    assert torch.allclose(vectors[1], pieces[2:4].mean(0), atol=1e-6)
    assert torch.allclose(vectors[3], pieces[4], atol=1e-6)


LONG = "the cats sat . a cat sat . the b sat"


@pytest.mark.parametrize("cache_gib", [1.0, 3e-7])
@pytest.mark.parametrize("last_layer_only", [False, True])
def test_remembered_vectors_are_those_computed(bert, cache_gib, last_layer_only):
    plain = TransformerEmbedder(bert, last_layer_only=last_layer_only, max_length=8)
    cached = TransformerEmbedder(bert, last_layer_only=last_layer_only, max_length=8, cache_gib=cache_gib)
    cached.load_state_dict(plain.state_dict())
    # The pieces of "cats" may be one token or two; a long text is read in parts.
    for sentences in (["the cats sat", "a cat ."], ["a cat .", LONG], ["the cat ##s sat", "the cats sat"]) * 2:
        tensors = text(bert, *sentences, max_length=8)
        expected, found = plain(**tensors), cached(**tensors)
        assert found.shape == expected.shape
        # What stands at padding means nothing.
        assert torch.allclose(found[tensors["mask"]], expected[tensors["mask"]], atol=1e-6)
    assert (len(cached._cache) == 4) == (cache_gib == 1.0)
    assert cached._free_bytes >= 0


def test_what_is_remembered_is_not_computed_again(bert):
    embedder = TransformerEmbedder(bert, cache_gib=1.0).train()
    calls = []
    embedder._matched_embedder.transformer_model.register_forward_hook(lambda *_: calls.append(1))
    first = embedder(**text(bert, "the cat", "a cat sat"))
    assert torch.equal(embedder(**text(bert, "the cat", "a cat sat")), first)
    assert torch.equal(embedder(**text(bert, "the cat"))[0], first[0, :2])
    assert len(calls) == 1
    # The weights of the layers still learn.
    embedder(**text(bert, "the cat")).sum().backward()
    assert all(parameter.grad is not None for parameter in embedder._scalar_mix.parameters())


def test_a_trained_encoder_remembers_nothing(bert):
    embedder = TransformerEmbedder(bert, train_parameters=True, cache_gib=1.0)
    embedder(**text(bert))
    assert not embedder._cache

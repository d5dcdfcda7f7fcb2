import copy
import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from _jsonnet import evaluate_snippet
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import Token, Vocabulary
from allennlp.data.batch import Batch
from allennlp.data.fields import TextField
from allennlp.data.instance import Instance
from allennlp.data.token_indexers import PretrainedTransformerMismatchedIndexer
from allennlp.modules.token_embedders import TokenEmbedder
from transformers import BertConfig, BertModel, BertTokenizerFast, CTRLConfig, CTRLModel

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
    store = cached.cache.store(cached)
    assert (len(store) == 4) == (cache_gib == 1.0)
    assert store.free_bytes >= 0


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
    assert embedder.cache is None


@pytest.mark.parametrize("last_layer_only", [False, True])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_remembered_vectors_are_those_of_the_numbers_in_use(bert, dtype, last_layer_only):
    plain = TransformerEmbedder(bert, last_layer_only=last_layer_only)
    cached = TransformerEmbedder(bert, last_layer_only=last_layer_only, cache_gib=1.0)
    cached.load_state_dict(plain.state_dict())
    tensors = text(bert, "the cats sat", "a cat .")
    mask = tensors["mask"]
    # What is kept is computed in 32 bits, whichever comes first.
    for enabled in (True, False, True):
        with torch.autocast("cpu", dtype=dtype, enabled=enabled):
            expected, found = plain(**tensors), cached(**tensors)
        assert found.dtype == expected.dtype
        tolerance = torch.finfo(dtype if enabled else torch.float32).eps
        assert torch.allclose(found[mask], expected[mask], atol=8 * tolerance, rtol=0)
    assert len(cached.cache.store(cached)) == 2


def gradients_of(embedder):
    found = {name: p.grad.clone() for name, p in embedder.named_parameters() if p.grad is not None}
    embedder.zero_grad(set_to_none=True)
    return found


def bytes_kept(embedder, tensors):
    """What the forward pass keeps for the backward pass beside the weights, each storage once."""
    storages = {}
    weights = {parameter.untyped_storage().data_ptr() for parameter in embedder.parameters()}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        embedder(**tensors)
    return sum(storages.values())


@pytest.mark.parametrize("last_layer_only", [False, True])
def test_checkpointing_changes_no_number_and_keeps_less(bert, last_layer_only):
    plain, checkpointed = (
        TransformerEmbedder(
            bert, train_parameters=True, last_layer_only=last_layer_only, gradient_checkpointing=checkpointing
        ).train()
        for checkpointing in (False, True)
    )
    checkpointed.load_state_dict(plain.state_dict())
    tensors = text(bert, LONG, LONG, max_length=64)
    outputs, gradients, kept = [], [], []
    for embedder in (plain, checkpointed):
        # Dropout is drawn a second time for the layers that are computed again, and must be the same.
        torch.manual_seed(1)
        kept.append(bytes_kept(embedder, tensors))
        torch.manual_seed(1)
        outputs.append(embedder(**tensors))
        outputs[-1].square().sum().backward()
        gradients.append(gradients_of(embedder))
    torch.testing.assert_close(*outputs, rtol=1e-5, atol=1e-5)
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, rtol=1e-5, atol=1e-5)
    assert kept[1] < 0.5 * kept[0]


def test_checkpointing_of_a_frozen_encoder_is_refused(bert):
    with pytest.raises(ConfigurationError, match="a frozen encoder is not trained; set train_parameters to true"):
        TransformerEmbedder(bert, gradient_checkpointing=True)


def test_checkpointing_that_transformers_cannot_do_is_refused(bert, tmp_path):
    BertTokenizerFast.from_pretrained(bert).save_pretrained(tmp_path)
    CTRLModel(CTRLConfig(vocab_size=12, n_embd=8, n_layer=1, n_head=2, dff=8)).save_pretrained(tmp_path)
    with pytest.raises(ConfigurationError, match=r"transformers has no gradient checkpointing for .*\(CTRLModel\)"):
        TransformerEmbedder(str(tmp_path), train_parameters=True, gradient_checkpointing=True)


def test_weights_have_the_same_names_with_every_option(bert):
    plain = TransformerEmbedder(bert, train_parameters=True)
    other = TransformerEmbedder(bert, train_parameters=True, gradient_checkpointing=True, compile=True)
    assert plain.state_dict().keys() == other.state_dict().keys()
    torch.nn.init.normal_(other._matched_embedder.transformer_model.embeddings.word_embeddings.weight)
    plain.load_state_dict(other.state_dict())
    for name, value in copy.deepcopy(other).state_dict().items():
        assert torch.equal(value, plain.state_dict()[name])


def test_the_library_of_configurations_knows_both_options(bert):
    snippet = f"""
        local embedders = import 'lib/embedders.libsonnet';
        embedders.transformer('{bert}', train=true, gradient_checkpointing=true, compile=true).embedders.transformer
    """
    place = Path(__file__).resolve().parents[2] / "configs" / "snippet.jsonnet"
    embedder = TokenEmbedder.from_params(Params(json.loads(evaluate_snippet(str(place), snippet))))
    transformer = embedder._matched_embedder.transformer_model
    assert transformer.is_gradient_checkpointing and transformer._compiled_call_impl is not None
    plain = TransformerEmbedder(bert)._matched_embedder.transformer_model
    assert not plain.is_gradient_checkpointing and plain._compiled_call_impl is None


# Without dropout, whose random numbers a compiled encoder draws in another order; one layer compiles sooner than two.
SIMPLE = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "num_hidden_layers": 1}


def warnings_of(caplog):
    """Those of the embedder: while it compiles, torch logs under many names."""
    return [r.getMessage() for r in caplog.records if r.name == "hmtl.modules.transformer_embedder"]


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("g++") is None and "CXX" not in os.environ, reason="torch.compile needs a C++ compiler"
)
@pytest.mark.parametrize("checkpointing", [False, True])
def test_compiled_or_not_the_numbers_are_the_same(bert, checkpointing, caplog, tmp_path):
    torch.compiler.reset()
    # AllenNLP keeps the encoders that it has loaded by their name, whatever their options.
    bert = shutil.copytree(bert, str(tmp_path / "bert"))
    options = {"train_parameters": True, "transformer_kwargs": SIMPLE}
    plain = TransformerEmbedder(bert, **options).train()
    compiled = TransformerEmbedder(bert, compile=True, gradient_checkpointing=checkpointing, **options).train()
    compiled.load_state_dict(plain.state_dict())
    assert compiled._matched_embedder.transformer_model._compiled_call_impl is not None
    # Batches of different shapes.
    for sentences in (["the cats sat", "a cat ."], ["a cat sat .", "b", LONG]):
        tensors = text(bert, *sentences, max_length=64)
        outputs, gradients = [], []
        for embedder in (plain, compiled):
            outputs.append(embedder(**tensors))
            outputs[-1].square().sum().backward()
            gradients.append(gradients_of(embedder))
        torch.testing.assert_close(*outputs, rtol=1e-5, atol=1e-5)
        for name, gradient in gradients[0].items():
            torch.testing.assert_close(gradients[1][name], gradient, rtol=1e-4, atol=1e-4)
        # What the output does not depend on gets zeros instead of nothing.
        assert not any(gradients[1][name].any() for name in gradients[1].keys() - gradients[0].keys())
    # It did not fall back.
    assert not warnings_of(caplog)
    assert compiled._matched_embedder.transformer_model._compiled_call_impl is not None


@pytest.mark.slow
def test_without_a_compiler_a_warning_says_so(bert, caplog):
    import torch._inductor.config as inductor

    torch.compiler.reset()
    plain, compiled = TransformerEmbedder(bert), TransformerEmbedder(bert, compile=True)
    compiled.load_state_dict(plain.state_dict())
    tensors = text(bert)
    with inductor.patch({"cpp.cxx": (None, "no-such-compiler"), "force_disable_caches": True}):
        first, second = compiled(**tensors), compiled(**tensors)
    assert torch.equal(first, plain(**tensors)) and torch.equal(second, first)
    (warning,) = warnings_of(caplog)
    assert "torch.compile failed, and the encoder runs without it" in warning
    assert "no-such-compiler" in warning and "\n" not in warning

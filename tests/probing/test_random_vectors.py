"""Random encoders have the shape of the trained ones, and none of their trained weights."""

import json
from pathlib import Path

import torch

from hmtl.cli import main
from hmtl.probing import LevelVectors
from hmtl.probing.controls import random_vectors


def test_all_trained_weights_are_drawn_anew(tiny_run: Path) -> None:
    trained = LevelVectors.load(tiny_run)
    drawn = random_vectors(tiny_run, seed=3)
    assert drawn.levels == trained.levels and not drawn.model.training
    weights = dict(drawn.model.named_parameters())
    assert {name: weight.shape for name, weight in weights.items()} == {
        name: weight.shape for name, weight in trained.model.named_parameters()
    }
    for name, weight in trained.model.named_parameters():
        if weight.dim() > 1:  # biases begin at zero
            assert not torch.allclose(weight, weights[name]), name


def test_weights_follow_the_seed_alone(tiny_run: Path) -> None:
    state = torch.random.get_rng_state()
    first = random_vectors(tiny_run, seed=3).fingerprint
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.rand(3)
    assert random_vectors(tiny_run, seed=3).fingerprint == first
    assert random_vectors(tiny_run, seed=4).fingerprint != first


def test_what_is_frozen_stays(tiny_run: Path, tmp_path: Path) -> None:
    """Of a run whose word vectors are frozen, and were trained before."""
    run = tmp_path / "run"
    words = "model.text_field_embedder.token_embedders.tokens.trainable"
    overrides = json.dumps({words: False, "trainer.num_epochs": 1})
    main(["train", str(Path(__file__).parents[1] / "fixtures" / "tiny.jsonnet"), "-s", str(run), "-o", overrides])
    trained, drawn = LevelVectors.load(run), random_vectors(run, seed=3)
    name = "text_field_embedder.token_embedder_tokens.weight"
    assert torch.equal(drawn.model.state_dict()[name], trained.model.state_dict()[name])
    assert not torch.equal(
        next(drawn.model.encoders["ner"].parameters()), next(trained.model.encoders["ner"].parameters())
    )

"""Files of weights, against what safetensors itself reads."""

import stat
from pathlib import Path

import pytest
import torch
from allennlp.nn.initializers import PretrainedModelInitializer
from safetensors.torch import load_file, load_model

from hmtl.common.files import write_json
from hmtl.common.weights import (
    all_weights,
    find_weights,
    is_safetensors,
    load_into,
    load_weights,
    main_weights,
    save_weights,
)
from hmtl.errors import UserError


class Tied(torch.nn.Module):
    """Its decoder has the encoder's weight."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = torch.nn.Embedding(5, 3)
        self.decoder = torch.nn.Linear(3, 5)
        self.decoder.weight = self.encoder.weight
        self.register_buffer("no_rows", torch.zeros(0, 3))
        self.register_buffer("nothing", torch.zeros(0))
        self.register_buffer("count", torch.tensor(7))


def test_tied_weights_are_stored_once_and_tied_again(tmp_path: Path) -> None:
    model = Tied()
    save_weights(tmp_path / "w.safetensors", model.state_dict())
    assert set(load_file(tmp_path / "w.safetensors")) == {
        "encoder.weight",
        "decoder.bias",
        "no_rows",
        "nothing",
        "count",
    }
    # The library's own loader understands which name stands for which.
    for load in (load_into, load_model):
        other = Tied()
        load(other, tmp_path / "w.safetensors")
        for name, tensor in model.state_dict().items():
            assert torch.equal(other.state_dict()[name], tensor)
        assert other.decoder.weight is other.encoder.weight
    found = load_weights(tmp_path / "w.safetensors")
    assert found.keys() == model.state_dict().keys()


def test_weights_come_back_whatever_their_layout(tmp_path: Path) -> None:
    whole = torch.randn(4, 6)
    weights = {
        "whole": whole,
        "rows": whole[1:3],
        "columns": whole[:, ::2],
        "turned": whole.t(),
        "first": whole[:1],
        "half": torch.randn(3).half(),
        "bits": torch.tensor([True, False]),
        "integers": torch.arange(3),
    }
    save_weights(tmp_path / "w.safetensors", weights)
    found = load_weights(tmp_path / "w.safetensors")
    assert found.keys() == weights.keys()
    for name, tensor in weights.items():
        assert found[name].dtype == tensor.dtype and torch.equal(found[name], tensor), name


def test_the_content_tells_the_format(tmp_path: Path) -> None:
    weights = {"a": torch.randn(2, 3)}
    save_weights(tmp_path / "new.th", weights)
    torch.save(weights, tmp_path / "old.safetensors")
    torch.save(weights, tmp_path / "legacy.th", _use_new_zipfile_serialization=False)
    kinds = {name: is_safetensors(tmp_path / name) for name in ("new.th", "old.safetensors", "legacy.th")}
    assert kinds == {"new.th": True, "old.safetensors": False, "legacy.th": False}
    for name in kinds:
        assert torch.equal(load_weights(tmp_path / name)["a"], weights["a"])


def test_the_newer_format_comes_first(tmp_path: Path) -> None:
    for name in (
        "best.th",
        "best_ner.th",
        "best_ner.safetensors",
        "model_state_e1_b0.th",
        "best_emd.safetensors.partial",
    ):
        (tmp_path / name).touch()
    assert find_weights(tmp_path, "best_ner") == tmp_path / "best_ner.safetensors"
    assert find_weights(tmp_path, "best") == main_weights(tmp_path) == tmp_path / "best.th"
    assert find_weights(tmp_path, "best_emd") is None
    assert all_weights(tmp_path, "best_*") == {"best_ner": tmp_path / "best_ner.safetensors"}
    (tmp_path / "weights.th").touch()
    assert main_weights(tmp_path) == tmp_path / "weights.th"


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, small_disk: None) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(path, {"a": torch.ones(3)})
    before = path.read_bytes()
    with pytest.raises(UserError, match="w.safetensors: cannot be written: file too large"):
        save_weights(path, {"a": torch.ones(100_000)})
    assert path.read_bytes() == before and [each.name for each in tmp_path.iterdir()] == ["w.safetensors"]
    with pytest.raises(UserError, match="cannot be written: no such file or directory"):
        save_weights(tmp_path / "missing" / "w.safetensors", {"a": torch.ones(3)})


def test_the_file_may_be_read_by_whom_the_others_may(tmp_path: Path) -> None:
    write_json(tmp_path / "config.json", {})
    save_weights(tmp_path / "w.safetensors", {"a": torch.ones(3)})
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert len(modes) == 1


def test_weights_that_a_class_may_lack(tmp_path: Path) -> None:
    class Positions(torch.nn.Module):
        authorized_missing_keys = [r"position_ids$"]

        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(2))
            self.register_buffer("position_ids", torch.arange(2))

    model = torch.nn.Sequential(Positions())
    save_weights(tmp_path / "w.safetensors", {"0.weight": torch.zeros(2)})
    load_into(model, tmp_path / "w.safetensors")
    assert not model.state_dict()["0.weight"].any()
    save_weights(tmp_path / "w.safetensors", {"0.position_ids": torch.arange(2)})
    with pytest.raises(UserError, match=r"w.safetensors: damaged, .*missing: 0.weight"):
        load_into(model, tmp_path / "w.safetensors")


def test_the_pretrained_initializer_reads_safetensors_and_tied_weights(tmp_path):
    tied = torch.randn(3)
    save_weights(tmp_path / "best.safetensors", {"a": tied, "b": tied})
    initializer = PretrainedModelInitializer(str(tmp_path / "best.safetensors"))
    for name in ("a", "b"):
        parameter = torch.nn.Parameter(torch.zeros(3))
        initializer(parameter, name)
        assert torch.equal(parameter.data, tied)

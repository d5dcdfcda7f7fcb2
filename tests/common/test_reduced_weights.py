"""Weights in 16 and 8 bits, against a plain reference number by number."""

from pathlib import Path
from typing import List, Tuple

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from hmtl.common.reduced_weights import expanded, reduced
from hmtl.common.weights import load_into, load_weights, save_weights
from hmtl.errors import UserError


def quantised_by_hand(row: List[float]) -> Tuple[List[int], float]:
    """A row in whole numbers from -127 to 127, and their factor, in double precision."""
    factor = max(abs(number) for number in row) / 127
    return [round(number / factor) for number in row], factor


def matrix(*shape: int) -> torch.Tensor:
    """Rows of very different sizes, some with one number that is far larger than the others."""
    tensor = torch.randn(shape) * torch.logspace(-4, 2, shape[0]).reshape(-1, *(1 for _ in shape[1:]))
    tensor[::5].flatten(1)[:, 0] *= 50
    return tensor


def test_eight_bits_are_those_of_the_reference_and_no_number_is_off_by_more_than_half_a_step() -> None:
    weights = {"matrix": matrix(40, 256), "convolution": matrix(32, 64, 5)}
    stored = reduced(weights, 8)
    found = expanded(stored)
    for name, tensor in weights.items():
        assert stored[name].dtype == torch.int8 and stored[name].shape == tensor.shape
        assert found[name].dtype == torch.float32 and found[name].shape == tensor.shape
        rows = tensor.flatten(1).tolist()
        for number, row in enumerate(rows):
            by_hand, factor = quantised_by_hand(row)
            given = stored[name].flatten(1)[number].tolist()
            # Halves may be rounded the other way in single precision.
            assert max(abs(one - other) for one, other in zip(given, by_hand)) <= 1
            assert sum(one != other for one, other in zip(given, by_hand)) <= 1
            errors = np.abs(np.array(row) - found[name].flatten(1)[number].double().numpy())
            assert errors.max() <= factor / 2 * (1 + 1e-5)


def test_a_row_of_zeros_stays_one() -> None:
    tensor = matrix(40, 256)
    tensor[7] = 0
    found = expanded(reduced({"matrix": tensor}, 8))["matrix"]
    assert torch.equal(found[7], tensor[7]) and found.isfinite().all()


def test_sixteen_bits_are_those_of_numpy() -> None:
    tensor = matrix(40, 256)
    found = expanded(reduced({"matrix": tensor}, 16))["matrix"]
    assert found.dtype == torch.float32
    assert np.array_equal(found.numpy(), tensor.numpy().astype(np.float16).astype(np.float32))
    assert ((found - tensor).abs() <= torch.clamp(tensor.abs() * 2**-11, min=2**-25)).all()


@pytest.mark.parametrize("bits", [8, 16])
def test_what_is_small_or_has_no_room_stays_as_it_is(bits: int) -> None:
    weights = {
        "bias": torch.randn(20000),
        "number": torch.tensor(3.5),
        "large": torch.full((100, 100), 1e30) if bits == 16 else torch.full((100, 100), float("inf")),
        "whole": torch.arange(10000).reshape(100, 100),
        "double": torch.randn(100, 100, dtype=torch.float64),
    }
    stored = reduced(weights, bits)
    assert stored.keys() == weights.keys()
    assert all(stored[name] is weights[name] for name in weights)
    few = {"few": torch.randn(10, 10)}
    assert torch.equal(expanded(reduced(few, 8))["few"], few["few"])


class Tied(torch.nn.Module):
    """Its decoder has the encoder's weight."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = torch.nn.Embedding(200, 64)
        self.decoder = torch.nn.Linear(64, 200)
        self.decoder.weight = self.encoder.weight


@pytest.mark.parametrize("bits, largest_share", [(32, 1.0), (16, 0.55), (8, 0.35)])
def test_a_file_of_fewer_bits_is_smaller_and_ties_stay(bits: int, largest_share: float, tmp_path: Path) -> None:
    model, other = Tied(), Tied()
    save_weights(tmp_path / "full.safetensors", model.state_dict())
    save_weights(tmp_path / "file.safetensors", model.state_dict(), bits)
    sizes = [(tmp_path / name).stat().st_size for name in ("file.safetensors", "full.safetensors")]
    assert sizes[0] <= largest_share * sizes[1]
    load_into(other, tmp_path / "file.safetensors")
    assert other.decoder.weight is other.encoder.weight and other.encoder.weight.dtype == torch.float32
    expected = model.state_dict() if bits == 32 else expanded(reduced(dict(model.state_dict()), bits))
    assert all(
        torch.equal(tensor, expected[name]) for name, tensor in load_weights(tmp_path / "file.safetensors").items()
    )


def test_halves_of_other_files_are_left_alone(tmp_path: Path) -> None:
    save_file({"half": torch.ones(3, 3, dtype=torch.float16)}, tmp_path / "file.safetensors")
    assert load_weights(tmp_path / "file.safetensors")["half"].dtype == torch.float16


def test_factors_that_fit_no_matrix_are_damage(tmp_path: Path) -> None:
    save_weights(tmp_path / "file.safetensors", {"matrix": matrix(40, 256)}, 8)
    with safe_open(tmp_path / "file.safetensors", "pt") as file:
        tensors, metadata = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    (factors,) = (name for name in tensors if name != "matrix")
    tensors[factors] = tensors[factors][:-1].clone()
    save_file(tensors, tmp_path / "file.safetensors", metadata)
    with pytest.raises(UserError, match="file.safetensors: damaged.*matrix is no matrix of 8 bits with 39 rows"):
        load_weights(tmp_path / "file.safetensors")

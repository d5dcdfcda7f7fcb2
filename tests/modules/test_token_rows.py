"""The reference copies token by token."""

from typing import List

import pytest
import torch

from hmtl.modules import token_rows
from hmtl.modules.token_rows import TokenRows

LENGTHS = [[3], [1, 1], [4, 0, 2], [2, 9, 30, 4, 1, 1, 8, 30, 7, 2, 3, 1, 1, 29, 3, 2, 1, 5, 5]]


@pytest.mark.parametrize("lengths", LENGTHS)
def test_padded_and_joined_again(lengths: List[int]) -> None:
    rows = TokenRows(lengths)
    tokens = torch.randn(sum(lengths), 3)
    padded = rows.pad(tokens)
    assert sorted(row for group in rows.groups for row in group) == list(range(len(lengths)))
    for group, vectors, mask in zip(rows.groups, padded, rows.masks):
        assert vectors.shape == (len(group), max(lengths[row] for row in group), 3)
        for number, row in enumerate(group):
            start = sum(lengths[:row])
            for position in range(vectors.size(1)):
                is_token = position < lengths[row]
                expected = tokens[start + position] if is_token else torch.zeros(3)
                assert torch.equal(vectors[number, position], expected)
                assert mask[number, position].item() == is_token
    # What stands at padding does not come back.
    noisy = [vectors + 5.0 * ~mask.unsqueeze(-1) for vectors, mask in zip(padded, rows.masks)]
    assert torch.equal(rows.join(noisy), tokens)


def test_numbers_of_tokens_are_padded_too() -> None:
    padded = TokenRows([1, 2]).pad(torch.tensor([7, 8, 9]))
    assert [rows.tolist() for rows in padded] == [[[8, 9], [7, 0]]]


@pytest.mark.parametrize("lengths", LENGTHS)
def test_entries_of_rows_are_taken_to_the_groups(lengths: List[int]) -> None:
    rows = TokenRows(lengths)
    entries = [f"row {number}" for number in range(len(lengths))]
    by_group = rows.by_group(entries)
    assert by_group == [[f"row {row}" for row in group] for group in rows.groups]
    assert rows.in_order(by_group) == entries


@pytest.mark.parametrize("lengths", LENGTHS)
def test_entries_return_to_the_order_of_the_rows(lengths: List[int]) -> None:
    rows = TokenRows(lengths)
    assert rows.in_order([[f"row {row}" for row in group] for group in rows.groups]) == [
        f"row {row}" for row in range(len(lengths))
    ]


def test_little_padding_in_groups_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_rows, "MAX_TOKENS", 300)
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(1, 60, (200,), generator=generator).tolist() + [1000]
    rows = TokenRows(lengths)
    assert rows.groups[0] == [200], "a row longer than the bound stands alone"
    assert all(mask.numel() <= 300 for mask in rows.masks[1:])
    for mask in rows.masks:
        assert len(mask) <= token_rows.MIN_ROWS or mask.sum(1).min() >= token_rows.MIN_SHARE * mask.size(1)
    assert sum(mask.numel() for mask in rows.masks) < 1.4 * sum(lengths)

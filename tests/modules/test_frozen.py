from typing import Any, Dict

import pytest
import torch

from hmtl.modules import ElmoEmbedder, TransformerEmbedder
from hmtl.modules.frozen import are_equal, computed_once, frozen_encoders, is_stateful


class Doubling(torch.nn.Module):
    calls = 0

    def forward(self, numbers: torch.Tensor, mask: Any = None) -> Dict[str, torch.Tensor]:
        self.calls += 1
        return {"numbers": numbers * 2}


def test_the_same_batch_is_computed_once_and_the_latest_alone_is_kept():
    module, one, other = Doubling(), torch.arange(4), torch.arange(4) + 1
    with computed_once(module):
        for _ in range(2):
            assert module(one.clone())["numbers"].tolist() == [0, 2, 4, 6]
        assert module.calls == 1
        for batch, calls in ((other, 2), (other, 2), (one, 3)):
            assert torch.equal(module(batch)["numbers"], batch * 2) and module.calls == calls
        # Options count, and so do shapes and types.
        module(one, mask=None)
        module(numbers=one)
        module(one.view(2, 2))
        module(one.float())
        assert module.calls == 7
    assert "forward" not in vars(module)
    module(one.float())
    assert module.calls == 8


def test_after_an_error_all_is_as_it_was():
    module = Doubling()
    with pytest.raises(ZeroDivisionError), computed_once(module):
        raise ZeroDivisionError
    assert "forward" not in vars(module)


def test_what_the_compiler_made_is_called_and_put_back():
    module = Doubling()
    compiled = module._compiled_call_impl = lambda numbers: numbers * 3
    with computed_once(module):
        first = module(torch.ones(2))
        assert first.tolist() == [3, 3] and module(torch.ones(2)) is first
    assert module._compiled_call_impl is compiled and module.calls == 0


@pytest.mark.parametrize(
    "one, other, expected",
    [
        ({"a": [torch.ones(2), None]}, {"a": [torch.ones(2), None]}, True),
        ({"a": [torch.ones(2), None]}, {"a": [torch.ones(2), 1]}, False),
        ({"a": 1}, {"b": 1}, False),
        ((torch.ones(2),), (torch.ones(2), 1), False),
        (torch.ones(2), torch.ones(2, dtype=torch.long), False),
        (torch.ones(2), torch.ones(1, 2), False),
        (None, torch.ones(2), False),
        (torch.ones(2), None, False),
    ],
)
def test_what_is_equal(one: Any, other: Any, expected: bool):
    assert are_equal(one, other) is expected


def test_which_encoders_are_frozen(transformer: str, elmo: Dict[str, str]):
    frozen, trained = TransformerEmbedder(transformer), TransformerEmbedder(transformer, train_parameters=True)
    files = {"options_file": elmo["options"], "weight_file": elmo["weights"]}
    model = torch.nn.ModuleList([frozen, trained, ElmoEmbedder(**files)])
    assert frozen_encoders(model) == [frozen.transformer_model, model[2].frozen_module()]
    assert not is_stateful(model)
    model.append(ElmoEmbedder(stateful=True, **files))
    assert is_stateful(model) and frozen_encoders(model) == []

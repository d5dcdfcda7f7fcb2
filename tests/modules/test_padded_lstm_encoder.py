import pytest
import torch
from allennlp.modules.seq2seq_encoders import LstmSeq2SeqEncoder

from hmtl.modules import PaddedLstmEncoder


def packed_twin(encoder: PaddedLstmEncoder, num_layers: int) -> LstmSeq2SeqEncoder:
    """AllenNLP's encoder, which packs, with the same weights."""
    twin = LstmSeq2SeqEncoder(5, 4, num_layers=num_layers, bidirectional=True)
    weights = {}
    for directions, suffix in ((encoder._forward_layers, ""), (encoder._backward_layers, "_reverse")):
        for number, layer in enumerate(directions):
            for name, value in layer.named_parameters():
                weights[f"_module.{name[:-1]}{number}{suffix}"] = value.detach().clone()
    twin.load_state_dict(weights)
    return twin


@pytest.mark.parametrize("num_layers", [1, 3])
@pytest.mark.parametrize("lengths", [[6, 1, 4, 6], [3], [4, 4], [0, 5, 2]])
def test_outputs_and_gradients_equal_those_of_the_packed_encoder(num_layers, lengths):
    encoder = PaddedLstmEncoder(5, 4, num_layers=num_layers, dropout=0.3).eval()
    twin = packed_twin(encoder, num_layers).eval()
    mask = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
    inputs = torch.randn(len(lengths), max(lengths), 5)
    weights = torch.randn(len(lengths), max(lengths), 8)
    gradients = []
    outputs = []
    for module in (encoder, twin):
        leaf = inputs.clone().requires_grad_()
        outputs.append(module(leaf, mask))
        (outputs[-1] * weights).sum().backward()
        gradients.append(leaf.grad)
    assert torch.allclose(*outputs, atol=1e-6)
    assert torch.allclose(*gradients, atol=1e-6)
    first, second = encoder._backward_layers[0].weight_hh_l0, twin._module.weight_hh_l0_reverse
    assert torch.allclose(first.grad, second.grad, atol=1e-6)


def test_padding_may_hold_anything_and_comes_out_as_zero():
    encoder = PaddedLstmEncoder(5, 4, num_layers=2).eval()
    mask = torch.tensor([[True, True, False], [True, True, True]])
    inputs = torch.randn(2, 3, 5)
    before = encoder(inputs, mask)
    inputs[0, 2] = 1e6
    after = encoder(inputs, mask)
    assert torch.equal(before, after)
    assert (after[0, 2] == 0).all()


def test_dropout_lies_between_layers_in_training_alone():
    inputs, mask = torch.randn(2, 3, 5), torch.ones(2, 3, dtype=torch.bool)
    deep = PaddedLstmEncoder(5, 4, num_layers=2, dropout=0.5)
    assert not torch.equal(deep.train()(inputs, mask), deep(inputs, mask))
    assert torch.equal(deep.eval()(inputs, mask), deep(inputs, mask))
    shallow = PaddedLstmEncoder(5, 4, num_layers=1, dropout=0.5).train()
    assert torch.equal(shallow(inputs, mask), shallow(inputs, mask))
    assert (deep.get_input_dim(), deep.get_output_dim(), deep.is_bidirectional()) == (5, 8, True)

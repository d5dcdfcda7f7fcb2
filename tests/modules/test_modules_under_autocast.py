"""Under autocast every module has nearly the outputs and gradients that it has in float32."""

from typing import Any, Callable, Dict, List

import pytest
import torch

from hmtl.modules import DocumentLayout, PaddedLstmEncoder, antecedent_products
from hmtl.modules.elmo_embedder import ElmoEmbedder
from hmtl.modules.float32 import at_least_float32, in_float32

DTYPES = [torch.bfloat16, torch.float16]
# What one rounding may change.
PRECISION = {torch.bfloat16: 2**-8, torch.float16: 2**-11}


def lstm_has_kernel(dtype: torch.dtype) -> bool:
    """Whether this machine's CPU has one of the LSTM; none that is known has one for fp16 with gradients."""
    return dtype == torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported()


def outputs_and_gradients(
    function: Callable[..., torch.Tensor], leaves: List[torch.Tensor], upstream: torch.Tensor
) -> List[torch.Tensor]:
    output = function(*leaves)
    return [output.detach(), *torch.autograd.grad(output, leaves, upstream.to(output.dtype))]


def assert_close(actual: torch.Tensor, expected: torch.Tensor, tolerance: float) -> None:
    """No number is further away than a share of the largest one."""
    assert (actual.float() - expected).abs().max() <= tolerance * expected.abs().max()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_at_least_float32(dtype: torch.dtype) -> None:
    assert at_least_float32(torch.ones(2, dtype=dtype)).dtype == (
        torch.float64 if dtype == torch.float64 else torch.float32
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_module_in_float32(dtype: torch.dtype) -> None:
    module, inputs = torch.nn.Linear(3, 2), torch.randn(4, 3)
    expected = module(inputs)
    with torch.autocast("cpu", dtype=dtype):
        assert module(inputs).dtype == dtype
        assert torch.equal(in_float32(module, inputs), expected)
        # Numbers of 16 bits that come from elsewhere.
        assert in_float32(module, inputs.to(dtype)).dtype == torch.float32


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("num_spans,num_distances,first", [(30, 12, 0), (30, 12, 20), (4, 3, 0), (2, 1, 0)])
def test_antecedent_products(num_spans: int, num_distances: int, first: int, dtype: torch.dtype) -> None:
    shapes = [(num_spans, 8), (5, 8), (num_spans, 5), (num_spans, 5), (num_distances, 5)]
    leaves = [torch.randn(shape, requires_grad=True) for shape in shapes]
    num_pairs = sum(num_spans - max(first, distance) for distance in range(1, num_distances + 1))
    upstream = torch.randn(num_pairs, 5)

    def products(*leaves: torch.Tensor) -> torch.Tensor:
        return antecedent_products(*leaves, first)

    expected = outputs_and_gradients(products, leaves, upstream)
    with torch.autocast("cpu", dtype=dtype):
        output = products(*leaves)
        # In the context and, as in training, outside of it.
        inside = torch.autograd.grad(output, leaves, upstream.to(dtype), retain_graph=True)
    outside = torch.autograd.grad(output, leaves, upstream.to(dtype))
    assert output.dtype == dtype
    assert all(gradient.dtype == torch.float32 for gradient in outside)
    assert all(torch.equal(*pair) for pair in zip(inside, outside))
    for actual, reference in zip([output, *outside], expected):
        assert_close(actual, reference, 4 * PRECISION[dtype])


def test_gradients_of_products_are_summed_in_float32() -> None:
    """500 equal terms: in bf16 the sum stands still at 256."""
    spans, weight = torch.ones(501, 1, requires_grad=True), torch.ones(1, 1)
    of_span, of_antecedent = (torch.zeros(501, 1, requires_grad=True) for _ in range(2))
    of_distance = torch.zeros(500, 1, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = antecedent_products(spans, weight, of_span, of_antecedent, of_distance)
    leaves = [spans, of_span, of_antecedent, of_distance]
    gradients = torch.autograd.grad(hidden.float().sum(), leaves)
    # Each span is multiplied with every other once; the n-th one has n before it and 500 - n behind it.
    count = torch.arange(501.0).unsqueeze(1)
    for gradient, expected in zip(gradients, [torch.full((501, 1), 500.0), count, 500 - count, 501 - count[1:]]):
        assert torch.equal(gradient, expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("input_dtype", [torch.float32, "autocast"])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_lstm(num_layers: int, input_dtype: Any, dtype: torch.dtype) -> None:
    encoder = PaddedLstmEncoder(12, 10, num_layers=num_layers)
    mask = torch.arange(30) < torch.tensor([30, 1, 17]).unsqueeze(1)
    inputs = torch.randn(3, 30, 12).to(dtype if input_dtype == "autocast" else torch.float32)
    upstream = torch.randn(3, 30, 20)
    parameters = list(encoder.parameters())
    reference = encoder(inputs.float(), mask)
    expected = torch.autograd.grad(reference, parameters, upstream)
    with torch.autocast("cpu", dtype=dtype):
        output = encoder(inputs, mask)
    assert output.dtype == (dtype if lstm_has_kernel(dtype) else torch.float32)
    assert_close(output, reference, 4 * PRECISION[dtype])
    assert not output[~mask].any()
    for actual, gradient in zip(torch.autograd.grad(output, parameters, upstream.to(output.dtype)), expected):
        assert actual.dtype == torch.float32
        assert_close(actual, gradient, 8 * PRECISION[dtype])


def test_a_cpu_without_bf16_keeps_to_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    encoder, inputs, mask = PaddedLstmEncoder(5, 4), torch.randn(2, 3, 5), torch.ones(2, 3, dtype=torch.bool)
    expected = encoder(inputs, mask)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(encoder(inputs, mask), expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_document_layout(dtype: torch.dtype) -> None:
    """It moves numbers and changes none."""
    lengths = torch.tensor([3, 5, 1, 4])
    mask = torch.arange(5) < lengths.unsqueeze(1)
    vectors = torch.randn(4, 5, 3).to(dtype)
    documents_of = torch.tensor([0, 0, 1, 1])
    with torch.autocast("cpu", dtype=dtype):
        layout = DocumentLayout(mask, documents_of, 2)
        documents = layout.to_documents(vectors)
        sentences = layout.to_sentences(documents)
    assert documents.dtype == sentences.dtype == dtype
    assert torch.equal(documents[0, :3], vectors[0, :3]) and torch.equal(documents[0, 3:], vectors[1])
    assert torch.equal(sentences, vectors * mask.unsqueeze(-1))


@pytest.mark.parametrize("dtype", DTYPES)
def test_elmo(dtype: torch.dtype, elmo: Dict[str, str]) -> None:
    embedder = ElmoEmbedder(options_file=elmo["options"], weight_file=elmo["weights"], dropout=0.0)
    characters = torch.randint(1, 261, (2, 6, 50))
    characters[1, 4:] = 0
    expected = embedder(characters)
    # A direction in which nothing cancels out.
    (expected * expected.detach()).sum().backward()
    weights = [p for p in embedder.parameters() if p.requires_grad]
    in_float32 = [weight.grad.clone() for weight in weights]
    embedder.zero_grad()
    with torch.autocast("cpu", dtype=dtype):
        output = embedder(characters)
    (output * expected.detach()).sum().backward()
    assert_close(output, expected, 0.05 if dtype == torch.bfloat16 else 0.01)
    for weight, gradient in zip(weights, in_float32):
        assert weight.grad.dtype == torch.float32
        assert weight.grad.item() == pytest.approx(gradient.item(), rel=0.02)

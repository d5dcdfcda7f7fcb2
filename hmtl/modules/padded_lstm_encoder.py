"""A bidirectional LSTM that never packs its batch."""

from typing import Any, Iterator, List, Optional, Tuple, cast

import torch
from allennlp.modules import Seq2SeqEncoder

from hmtl.common.devices import known_on_host
from hmtl.modules.dropout import Dropout
from hmtl.modules.float32 import at_least_float32


@Seq2SeqEncoder.register("hmtl_lstm")
class PaddedLstmEncoder(Seq2SeqEncoder):
    """The function of AllenNLP's bidirectional `lstm` encoder, computed on padded batches.

    Torch has a fused kernel for padded sequences on CPUs, but none for packed ones, which it walks token by token. Here
    the backward direction reads each sequence reversed within its own length, so that padding always comes last and
    never reaches a token. Outputs are 0 at padding. A batch without padding, such as one text, needs no reversal: on
    CPUs a layer is one call of the kernel.

    Forward and backward pass of two layers over 32 sentences of up to 50 tokens: AllenNLP's encoder takes a CPU thread
    2.8 times as long, and 4.6 times for three layers and 4 sentences (benchmarks/modules.py).

    Under autocast it runs in 16 bits, but in float32 where a CPU has no kernel for bf16, and on CPUs for fp16.

    # Parameters

    input_size : `int`
    hidden_size : `int`
        For each direction; the output has twice this size.
    num_layers : `int`, optional (default = `1`)
    dropout : `float`, optional (default = `0.0`)
        Between layers, on the output of each but the last.
    """

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, dropout: float = 0.0) -> None:
        super().__init__(stateful=False)
        self._input_size = input_size
        self._hidden_size = hidden_size
        self._dropout = Dropout(dropout)
        sizes: List[int] = [input_size] + [2 * hidden_size] * (num_layers - 1)
        self._forward_layers = torch.nn.ModuleList(torch.nn.LSTM(n, hidden_size) for n in sizes)
        self._backward_layers = torch.nn.ModuleList(torch.nn.LSTM(n, hidden_size) for n in sizes)

    def forward(
        self, inputs: torch.Tensor, mask: torch.BoolTensor, hidden_state: Optional[torch.Tensor] = None
    ) -> torch.Tensor:
        """(batch_size, length, input_size) and a left-aligned mask, (batch_size, length) ->
        (batch_size, length, 2 * hidden_size)."""
        if not _lacks_autocast_kernel(inputs.device):
            return self._encode(inputs, mask)
        with torch.autocast("cpu", enabled=False):
            return self._encode(at_least_float32(inputs), mask)

    def _encode(self, inputs: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        # The kernel wants time first: turned once here, not by each layer. Shape: (length, batch_size, input_size)
        is_full = _is_full(mask)
        inputs, mask = inputs.transpose(0, 1).contiguous(), mask.t()
        order = reversal(mask)
        for number, (forward, backward) in enumerate(zip(self._forward_layers, self._backward_layers)):
            if number > 0:
                inputs = self._dropout(inputs)
            # Shape: (length, batch_size, 2 * hidden_size)
            inputs = both_ways(forward, backward, inputs) if is_full else reordered(forward, backward, inputs, order)
        if is_full:
            return inputs.transpose(0, 1)
        return inputs.masked_fill(~mask.unsqueeze(-1), 0.0).transpose(0, 1)

    def layers(self) -> Iterator[Tuple[torch.nn.LSTM, torch.nn.LSTM]]:
        """The forward and the backward direction of each layer."""
        for both in zip(self._forward_layers, self._backward_layers):
            yield cast(Tuple[torch.nn.LSTM, torch.nn.LSTM], both)

    def get_input_dim(self) -> int:
        return self._input_size

    def get_output_dim(self) -> int:
        return 2 * self._hidden_size

    def is_bidirectional(self) -> bool:
        return True


def _is_full(mask: torch.Tensor) -> bool:
    """Whether a batch is known to have no padding, without waiting for its device."""
    known = known_on_host(mask)
    return known is not None and bool(known.all())


def both_ways(forward: torch.nn.Module, backward: torch.nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """A layer without padding, (length, batch_size, input_size) -> (length, batch_size, 2 * hidden_size).

    For one text of 30 tokens `reordered` takes a CPU thread 1.3 times as long (benchmarks/modules.py).
    """
    assert isinstance(forward, torch.nn.LSTM) and isinstance(backward, torch.nn.LSTM)
    state = inputs.new_zeros(2, inputs.size(1), forward.hidden_size)
    weights: List[torch.Tensor] = [*forward.parameters(), *backward.parameters()]
    # Biases, one layer, no dropout; then both directions, and time first.
    options = (True, 1, 0.0, forward.training, True, False)
    # `torch.nn.LSTM` calls it with weights of its own; with those of two modules it can be called by this name alone.
    output, _, _ = torch._VF.lstm(inputs, (state, state), weights, *options)  # noqa: SLF001
    return output


def reordered(
    forward: torch.nn.Module, backward: torch.nn.Module, inputs: torch.Tensor, order: torch.Tensor
) -> torch.Tensor:
    """The same on padded sequences, whose reversal `order` is."""
    ahead, _ = forward(inputs)
    back, _ = backward(Reordered.apply(inputs, order))
    return torch.cat([ahead, Reordered.apply(back, order)], dim=-1)


def _lacks_autocast_kernel(device: torch.device) -> bool:
    """Whether autocast would hand the LSTM to a kernel of oneDNN that is not there: it only finds out by failing.

    This is no matter of speed: without it the forward pass raises on such CPUs.
    """
    if device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
        return False
    is_bf16 = torch.get_autocast_dtype("cpu") == torch.bfloat16
    if not is_bf16 or not torch.backends.mkldnn.is_available():
        return True
    # Whether this CPU has the kernel torch tells by this name alone, which its own tests ask, too.
    return not torch.ops.mkldnn._is_mkldnn_bf16_supported()  # noqa: SLF001


def reversal(mask: torch.Tensor) -> torch.Tensor:
    """Where each token goes when its sequence is reversed within its own length, as the number of its row among all
    tokens: (length, batch_size) -> (length * batch_size,). Reversed twice they are as they were."""
    length, batch_size = mask.shape
    times = torch.arange(length, device=mask.device).unsqueeze(1)
    lengths = mask.sum(0)
    # Shape: (length, batch_size)
    reversal = torch.where(times < lengths, lengths - 1 - times, times)
    return (reversal * batch_size + torch.arange(batch_size, device=mask.device)).flatten()


class Reordered(torch.autograd.Function):
    """Vectors in an order that is its own inverse, so that the gradient takes the same way: whole rows are copied, and
    nothing is added up.

    Forward and backward pass over 32 x 50 vectors of 228 numbers: `index_select`, whose gradient adds rows up, takes a
    CPU thread 2.2 times as long (benchmarks/modules.py).
    """

    @staticmethod
    def forward(ctx: Any, vectors: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(order)
        return vectors.flatten(0, 1).index_select(0, order).view_as(vectors)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Tuple[torch.Tensor, None]:
        (order,) = ctx.saved_tensors
        return Reordered.apply(gradient, order), None

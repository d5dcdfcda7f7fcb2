"""The convolutional encoder of Collobert and Weston, which reads a window of words around each word."""

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.modules import Seq2SeqEncoder


@Seq2SeqEncoder.register("hmtl_window")
class WindowEncoder(Seq2SeqEncoder):
    """HardTanh(W [x_(t-k); ...; x_(t+k)] + b): a linear layer over the concatenated vectors of a window around each
    token, which is a convolution over the sentence, and a HardTanh (Collobert et al. 2011, "Natural Language Processing
    (Almost) from Scratch", sections 3.2.1 and 3.2.3; Collobert and Weston 2008).

    Before the first token and behind the last one stands a learned vector, that of their special word PADDING. So does
    it in the place of a batch's padding, which therefore reaches no token. Outputs are 0 at padding.

    # Parameters

    input_size : `int`
    hidden_size : `int`, optional (default = `300`)
        The size of the output, theirs by default.
    window_size : `int`, optional (default = `5`)
        The number of tokens in a window, odd: the token and as many on both sides.

    # Raises

    ConfigurationError
        Where `hidden_size` is below 1, or `window_size` is even or below 1.
    """

    def __init__(self, input_size: int, hidden_size: int = 300, window_size: int = 5) -> None:
        super().__init__(stateful=False)
        if hidden_size < 1:
            raise ConfigurationError(f"hidden_size is {hidden_size}; it must be at least 1")
        if window_size < 1 or window_size % 2 == 0:
            raise ConfigurationError(f"window_size is {window_size}; it must be odd: a token and as many on both sides")
        self._convolution = torch.nn.Conv1d(input_size, hidden_size, window_size)
        self._padding = torch.nn.Parameter(torch.zeros(input_size))

    def forward(self, inputs: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """(batch_size, length, input_size) and a left-aligned mask, (batch_size, length) ->
        (batch_size, length, hidden_size)."""
        width = self._convolution.kernel_size[0] // 2
        inputs = torch.where(mask.unsqueeze(-1), inputs, self._padding.to(inputs.dtype))
        # Shape: (batch_size, width, input_size)
        margin = self._padding.to(inputs.dtype).expand(inputs.size(0), width, -1)
        # Shape: (batch_size, length + 2 * width, input_size)
        inputs = torch.cat([margin, inputs, margin], dim=1)
        # Shape: (batch_size, length, hidden_size)
        outputs = self._convolution(inputs.transpose(1, 2)).transpose(1, 2)
        return torch.nn.functional.hardtanh(outputs).masked_fill(~mask.unsqueeze(-1), 0.0)

    def get_input_dim(self) -> int:
        return self._convolution.in_channels

    def get_output_dim(self) -> int:
        return self._convolution.out_channels

    def is_bidirectional(self) -> bool:
        return False

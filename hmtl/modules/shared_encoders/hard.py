"""Hard parameter sharing: one encoder for all tasks."""

from typing import Dict, List, Sequence

import torch
from allennlp.common import Lazy
from allennlp.modules import Seq2SeqEncoder

from hmtl.modules.shared_encoders.shared_encoder import SharedEncoder


@SharedEncoder.register("hard")
class HardSharingEncoder(SharedEncoder):
    """One encoder whose output every task gets (Caruana 1997; the set-up of Bingel and Søgaard 2017).

    # Parameters

    encoder : `Lazy[Seq2SeqEncoder]`
        Its input size is computed.
    input_dropout : `float`, optional (default = `0.0`)
    """

    def __init__(
        self,
        shared_embedding_dim: int,
        sharing_tasks: List[str],
        encoder: Lazy[Seq2SeqEncoder],
        input_dropout: float = 0.0,
    ) -> None:
        super().__init__(sharing_tasks, input_dropout)
        self.encoder = encoder.construct(input_size=shared_embedding_dim, input_dim=shared_embedding_dim)

    def forward(self, embedding: torch.Tensor, mask: torch.Tensor, tasks: Sequence[str]) -> Dict[str, torch.Tensor]:
        return dict.fromkeys(tasks, self.encoder(embedding, mask))

    def get_output_dim(self) -> int:
        return self.encoder.get_output_dim()

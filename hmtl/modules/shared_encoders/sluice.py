"""Sluice networks: cross-stitch units between subspaces, and a learned weight for each layer."""

from typing import List

import torch
from allennlp.common import Lazy
from allennlp.modules import Seq2SeqEncoder

from hmtl.modules.shared_encoders.cross_stitch import CrossStitchEncoder
from hmtl.modules.shared_encoders.shared_encoder import SharedEncoder


@SharedEncoder.register("sluice")
class SluiceEncoder(CrossStitchEncoder):
    """A sluice network (Ruder et al. 2019, "Latent Multi-task Architecture Learning").

    Columns whose subspaces are cross-stitched. The task's vectors are the sum of its mixtures after all layers, each
    times the task's weight for it, beta; all layers start with the same weight. The penalty that
    keeps the subspaces orthogonal, a function of the matrices of their LSTM, is left out: layers may be of any kind.

    # Parameters

    As of `CrossStitchEncoder`, with two subspaces by default.
    """

    def __init__(
        self,
        shared_embedding_dim: int,
        sharing_tasks: List[str],
        layer: Lazy[Seq2SeqEncoder],
        num_layers: int = 2,
        num_subspaces: int = 2,
        own_share: float = 0.9,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
    ) -> None:
        super().__init__(
            shared_embedding_dim,
            sharing_tasks,
            layer,
            num_layers=num_layers,
            num_subspaces=num_subspaces,
            own_share=own_share,
            dropout=dropout,
            input_dropout=input_dropout,
        )
        # Shapes: (num_layers,)
        self.betas = torch.nn.ParameterDict(
            {task: torch.nn.Parameter(torch.full((num_layers,), 1.0 / num_layers)) for task in self.tasks}
        )

    def _combined(self, task: str, mixtures: List[torch.Tensor]) -> torch.Tensor:
        # Shape: (num_sentences, length, output_dim)
        return torch.einsum("k,knld->nld", self.betas[task], torch.stack(mixtures))

    def _of_one_task_each(self) -> List[str]:
        return [*super()._of_one_task_each(), "betas"]

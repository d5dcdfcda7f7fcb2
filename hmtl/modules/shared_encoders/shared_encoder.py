"""What the model asks of an encoder that several tasks share."""

from typing import Dict, List, Sequence, Tuple

import torch
from allennlp.common import Registrable


class SharedEncoder(torch.nn.Module, Registrable):
    """Encodes sentences for several tasks in one pass; a subclass says what these share.

    A registered subclass takes the keyword arguments `shared_embedding_dim`, the size of the embedding, and
    `sharing_tasks`, the names of the tasks, which `HMTL` supplies, beside those of its configuration.

    # Parameters

    sharing_tasks : `List[str]`
    input_dropout : `float`, optional (default = `0.0`)
        Dropout on the embedding. The model applies it, for the tasks' heads read the same embedding.
    """

    def __init__(self, sharing_tasks: List[str], input_dropout: float = 0.0) -> None:
        super().__init__()
        self.tasks = list(sharing_tasks)
        self.input_dropout = torch.nn.Dropout(input_dropout)

    def forward(self, embedding: torch.Tensor, mask: torch.Tensor, tasks: Sequence[str]) -> Dict[str, torch.Tensor]:
        """(num_sentences, length, shared_embedding_dim) and a mask, (num_sentences, length) -> for each of `tasks`
        (num_sentences, length, output_dim)."""
        raise NotImplementedError

    def get_output_dim(self) -> int:
        """The size of each task's vectors."""
        raise NotImplementedError

    def parameters_of(self, tasks: Sequence[str]) -> List[Tuple[str, torch.nn.Parameter]]:
        """The parameters, by name, that the vectors of `tasks` depend on."""
        return list(self.named_parameters())

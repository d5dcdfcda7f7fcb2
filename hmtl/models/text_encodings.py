"""The vectors of whole texts in prediction, level by level."""

from typing import Dict, List, NamedTuple

import torch

from hmtl.models.heads.task_head import Scope
from hmtl.modules.token_rows import TokenRows


class TextEncoding(NamedTuple):
    """What one level read and wrote, a tensor for each group of the rows that `scope` names.

    Shapes (each): (num_rows, length, dim)
    """

    encoder_input: List[torch.Tensor]
    output: List[torch.Tensor]
    scope: Scope


class TextEncodings:
    """The vectors of one batch of texts, as rows of sentences or of documents, each in groups of similar length.

    # Parameters

    embedding : `List[torch.Tensor]`
        The shared embedding, one tensor for each group of sentences. Shape (each): (num_rows, length, embedding_dim)
    sentences, documents : `TokenRows`
        Of the same tokens.
    sentence_of : `torch.Tensor`
        The sentence of each token. Shape: (num_tokens,)
    """

    def __init__(
        self, embedding: List[torch.Tensor], sentences: TokenRows, documents: TokenRows, sentence_of: torch.Tensor
    ) -> None:
        self.levels: Dict[str, TextEncoding] = {}
        self._rows: Dict[Scope, TokenRows] = {"sentence": sentences, "document": documents}
        self._embedding = {"sentence": embedding}
        self._sentence_ids = {
            "sentence": [torch.zeros_like(mask, dtype=torch.long) for mask in sentences.masks],
            "document": documents.pad(sentence_of),
        }

    def rows(self, scope: Scope) -> TokenRows:
        return self._rows[scope]

    def embedding(self, scope: Scope) -> List[torch.Tensor]:
        """The shared embedding of each group, shape (num_rows, length, embedding_dim)."""
        if scope not in self._embedding:
            self._embedding[scope] = self.convert(self._embedding["sentence"], "sentence", scope)
        return self._embedding[scope]

    def output(self, level: str, scope: Scope) -> List[torch.Tensor]:
        """A level's output of each group, shape (num_rows, length, encoding_dim)."""
        return self.convert(self.levels[level].output, self.levels[level].scope, scope)

    def sentence_ids(self, scope: Scope) -> List[torch.Tensor]:
        """The sentence of each token of each group, shape (num_rows, length)."""
        return self._sentence_ids[scope]

    def convert(self, groups: List[torch.Tensor], source: Scope, target: Scope) -> List[torch.Tensor]:
        """The same tokens in the groups of another kind of rows."""
        return groups if source == target else self._rows[target].pad(self._rows[source].join(groups))

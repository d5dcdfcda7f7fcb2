"""The same tokens as rows of sentences and as rows of documents."""

from typing import Any, List, Optional

import torch

from hmtl.common.devices import computed, moved, on_host


class DocumentLayout:
    """Maps token vectors between sentences, (num_sentences, sentence_length, dim), and documents,
    (num_documents, document_length, dim).

    Where each token goes is computed on the host, which waits for the device where it does not know the mask.

    # Parameters

    sentence_mask : `torch.Tensor`
        Shape (num_sentences, sentence_length): which tokens are real; padding at the right.
    document_of : `Optional[torch.Tensor]`
        Shape (num_sentences,): the document of each sentence, ascending. `None`: each sentence is its own document.
    sentence_ids : `Optional[torch.Tensor]`
        Shape (num_documents, document_length): the sentence of each token, where that is not the row it stands in.
    """

    def __init__(
        self,
        sentence_mask: torch.Tensor,
        document_of: Optional[torch.Tensor] = None,
        num_documents: Optional[int] = None,
        sentence_ids: Optional[torch.Tensor] = None,
    ) -> None:
        self.sentence_mask = sentence_mask
        self.document_of = document_of
        if document_of is None:
            self.document_mask = sentence_mask
            # Shape: (num_documents, document_length)
            self.sentence_ids = computed(lambda mask: torch.zeros_like(mask, dtype=torch.long), sentence_mask)
            return
        assert num_documents is not None
        device = sentence_mask.device
        mask, documents = on_host(sentence_mask, document_of)
        # Shape: (num_sentences,)
        lengths = mask.sum(-1)
        document_lengths = lengths.new_zeros(num_documents).index_add(0, documents, lengths)
        sizes = lengths.new_zeros(num_documents).index_add(0, documents, torch.ones_like(documents))
        # The length of the longest document, and the sentences of the one with the most.
        longest, self._max_sentences = torch.stack([document_lengths.max(), sizes.max()]).tolist()
        self._shape = (num_documents, longest)
        # The offset of each sentence in its document: all tokens before it less those of earlier documents.
        before = lengths.cumsum(0) - lengths
        document_starts = document_lengths.cumsum(0) - document_lengths
        offsets = before - document_starts[documents]
        # Shape: (num_sentences, sentence_length)
        positions = documents.unsqueeze(1) * longest + offsets.unsqueeze(1) + torch.arange(mask.size(1))
        # Where the tokens stand among those of sentences, and of documents, with padding. Shapes: (num_tokens,)
        in_sentences, in_documents = mask.flatten().nonzero().squeeze(1), positions[mask]
        self._in_sentences, self._in_documents = moved(in_sentences, device), moved(in_documents, device)
        self._offsets = moved(offsets, device)
        # Shape: (num_documents, document_length)
        self.document_mask = moved(torch.arange(longest) < document_lengths.unsqueeze(1), device)
        if sentence_ids is None:
            rows = in_sentences.div(mask.size(1), rounding_mode="floor")
            ids = rows.new_zeros(num_documents * longest).index_copy(0, in_documents, rows)
            # Shape: (num_documents, document_length)
            sentence_ids = moved(ids.view(num_documents, longest), device)
        self.sentence_ids = sentence_ids

    def to_documents(self, vectors: torch.Tensor) -> torch.Tensor:
        """(num_sentences, sentence_length, dim) -> (num_documents, document_length, dim), zero at padding."""
        if self.document_of is None:
            return vectors
        num_documents, length = self._shape
        # Shape: (num_documents * document_length, dim)
        flat = vectors.new_zeros(num_documents * length, vectors.size(-1))
        flat = flat.index_copy(0, self._in_documents, vectors.flatten(0, 1).index_select(0, self._in_sentences))
        return flat.view(num_documents, length, -1)

    def by_document(self, rows: List[Any]) -> List[Any]:
        """One entry a sentence -> one list of entries a document; unchanged where each sentence is its own."""
        if self.document_of is None:
            return rows
        grouped: List[Any] = [[] for _ in range(self._shape[0])]
        for document, row in zip(on_host(self.document_of)[0].tolist(), rows):
            grouped[document].append(row)
        return grouped

    def spans_to_documents(self, spans: torch.Tensor) -> torch.Tensor:
        """Rows `(start, end, label)`, padded with -1, by sentence -> the same spans by document, with offsets counted
        from its start, padded likewise.

        Shapes: (num_sentences, num_spans, 3) -> (num_documents, most sentences of a document * num_spans, 3)
        """
        if self.document_of is None:
            return spans
        is_span = spans[..., :1] >= 0
        moved = torch.cat([spans[..., :2] + self._offsets.view(-1, 1, 1), spans[..., 2:]], dim=-1)
        # Shape: (num_sentences,): which of its document's sentences each is
        number = torch.arange(len(spans), device=spans.device) - torch.searchsorted(self.document_of, self.document_of)
        by_document = spans.new_full((self._shape[0], self._max_sentences, *spans.shape[1:]), -1)
        by_document = by_document.index_put((self.document_of, number), moved.where(is_span, -1))
        return by_document.flatten(1, 2)

    def to_sentences(self, vectors: torch.Tensor) -> torch.Tensor:
        """(num_documents, document_length, dim) -> (num_sentences, sentence_length, dim), zero at padding."""
        if self.document_of is None:
            return vectors
        # Shape: (num_sentences * sentence_length, dim)
        flat = vectors.new_zeros(self.sentence_mask.numel(), vectors.size(-1))
        flat = flat.index_copy(0, self._in_sentences, vectors.flatten(0, 1).index_select(0, self._in_documents))
        return flat.view(*self.sentence_mask.shape, -1)

"""The vectors of a batch, level by level, as rows of sentences or of documents."""

from itertools import accumulate
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Protocol, Sequence, Tuple

import torch

from hmtl.common.devices import computed, on_host
from hmtl.document import Span
from hmtl.modules.document_layout import DocumentLayout
from hmtl.modules.token_rows import TokenRows
from hmtl.tasks.task_head import Scope

# One tensor for each group of rows that are padded alike. Shape (each): (num_rows, length, ...)
Groups = List[torch.Tensor]


class Encoding(NamedTuple):
    """What one level read and wrote. Shapes: (num_rows, length, dim); the rows are what `scope` says."""

    encoder_input: torch.Tensor
    output: torch.Tensor
    scope: Scope


class GroupedEncoding(NamedTuple):
    """What one level read and wrote: one tensor for each group of rows, in place of one for all."""

    encoder_input: Groups
    output: Groups
    scope: Scope


class Layout(Protocol):
    """The tokens of a batch as rows of sentences and as rows of documents, both in groups that are padded alike."""

    # The kinds of rows that the batch has. A batch of single sentences has no documents.
    scopes: List[Scope]

    def masks(self, scope: Scope) -> Groups:
        """Which tokens are real. Shape (each): (num_rows, length)"""

    def sentence_ids(self, scope: Scope) -> Groups:
        """The sentence of each token. Shape (each): (num_rows, length)"""

    def convert(self, vectors: Groups, source: Scope, target: Scope) -> Groups:
        """Turns vectors in rows of one scope into the same vectors in rows of the other.

        Shape (each): (num_rows, length, dim), before and after.
        """

    def in_order(self, entries: List[List[Any]], scope: Scope) -> List[Any]:
        """Takes the entries of each group, one a row, and returns all of them in the order of the batch."""

    def spans_of_documents(self, spans: List[Any]) -> List[Any]:
        """Turns the spans of sentences into those of documents, in groups, with offsets that count from the start of a
        row. A group has one list of `Span`s a row, or, in training, a tensor, see `TaskHead.candidate_spans`."""


class BatchLayout:
    """A batch whose rows are all padded alike, such as those of training: one group."""

    def __init__(self, layout: DocumentLayout) -> None:
        self._layout = layout
        self.scopes: List[Scope] = ["sentence"] if layout.document_of is None else ["sentence", "document"]

    def masks(self, scope: Scope) -> Groups:
        return [self._layout.document_mask if scope == "document" else self._layout.sentence_mask]

    def sentence_ids(self, scope: Scope) -> Groups:
        if scope == "document":
            return [self._layout.sentence_ids]
        return [computed(_no_ids, self._layout.sentence_mask)]

    def convert(self, vectors: Groups, source: Scope, target: Scope) -> Groups:
        if source == target:
            return vectors
        return [(self._layout.to_documents if target == "document" else self._layout.to_sentences)(vectors[0])]

    def in_order(self, entries: List[List[Any]], scope: Scope) -> List[Any]:
        """The entries of the only group; those of sentences are put into one list for each document."""
        return self._layout.by_document(entries[0]) if scope == "sentence" else entries[0]

    def spans_of_documents(self, spans: List[Any]) -> List[Any]:
        if isinstance(spans[0], torch.Tensor):
            return [self._layout.spans_to_documents(spans[0])]
        if self._layout.document_of is None:
            return spans
        lengths = self._layout.by_document(on_host(self._layout.sentence_mask)[0].sum(-1).tolist())
        return [list(map(_joined, self._layout.by_document(spans[0]), lengths))]


class TextLayout:
    """Texts of any lengths, in groups of rows of similar length.

    # Parameters

    sentences, documents : `TokenRows`
        Of the same tokens.
    sentence_of : `torch.Tensor`
        The sentence of each token. Shape: (num_tokens,)
    """

    scopes: List[Scope] = ["sentence", "document"]

    def __init__(self, sentences: TokenRows, documents: TokenRows, sentence_of: torch.Tensor) -> None:
        self._rows: Dict[Scope, TokenRows] = {"sentence": sentences, "document": documents}
        self._sentence_ids: Dict[Scope, Groups] = {
            "sentence": [computed(_no_ids, mask) for mask in sentences.masks],
            "document": documents.pad(sentence_of),
        }

    def masks(self, scope: Scope) -> Groups:
        return self._rows[scope].masks

    def sentence_ids(self, scope: Scope) -> Groups:
        return self._sentence_ids[scope]

    def convert(self, vectors: Groups, source: Scope, target: Scope) -> Groups:
        return vectors if source == target else self._rows[target].pad(self._rows[source].join(vectors))

    def in_order(self, entries: List[List[Any]], scope: Scope) -> List[Any]:
        return self._rows[scope].in_order(entries)

    def spans_of_documents(self, spans: List[Any]) -> List[Any]:
        by_sentence = self._rows["sentence"].in_order(spans)
        lengths = self._rows["sentence"].lengths
        groups = []
        for ids in on_host(*self._sentence_ids["document"]):
            # The first sentence of each document. Those of a document are consecutive.
            firsts, sizes = ids[:, 0].tolist(), (ids.amax(1) - ids[:, 0] + 1).tolist()
            rows = [slice(first, first + size) for first, size in zip(firsts, sizes)]
            groups.append([_joined(by_sentence[row], lengths[row]) for row in rows])
        return groups


def _no_ids(mask: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(mask, dtype=torch.long)


def _joined(spans: Sequence[Sequence[Span]], lengths: Sequence[int]) -> List[Span]:
    """The spans of a document, from those of its sentences and the lengths of these."""
    starts = [0, *accumulate(lengths)]
    return [Span(first + span.start, first + span.end, span.label) for first, row in zip(starts, spans) for span in row]


class GroupedEncodings:
    """The vectors of one batch in groups of rows.

    # Parameters

    embed : `Callable[[Optional[str]], Groups]`
        Computes the shared embedding of the sentences, with the adapters of a task where one is named.
        Shape (each): (num_sentences, sentence_length, embedding_dim)
    layout : `Layout`
    """

    def __init__(self, embed: Callable[[Optional[str]], Groups], layout: Layout) -> None:
        self.layout = layout
        self.levels: Dict[str, GroupedEncoding] = {}
        # The vectors of the labels that the heads of some levels predict, in the rows of these.
        # Shape (each): (num_rows, length, label_embedding_dim)
        self.labels: Dict[str, Groups] = {}
        self._embed = embed
        self._embedding: Dict[Tuple[Optional[str], Scope], Groups] = {}

    def embedding(self, scope: Scope, task: Optional[str] = None) -> Groups:
        """The shared embedding, computed once for each task that is named. Shape (each): (num_rows, length,
        embedding_dim)"""
        if (task, scope) not in self._embedding:
            if scope == "sentence":
                found = self._embed(task)
            else:
                found = self.layout.convert(self.embedding("sentence", task), "sentence", scope)
            self._embedding[task, scope] = found
        return self._embedding[task, scope]

    def output(self, level: str, scope: Scope) -> Groups:
        """A level's output. Shape (each): (num_rows, length, encoding_dim)"""
        return self.layout.convert(self.levels[level].output, self.levels[level].scope, scope)


class Encodings:
    """The vectors of one batch whose rows are all padded alike."""

    def __init__(self, encodings: GroupedEncodings) -> None:
        self._encodings = encodings

    @property
    def levels(self) -> Dict[str, Encoding]:
        """What each level read and wrote."""
        return {
            level: Encoding(encoding.encoder_input[0], encoding.output[0], encoding.scope)
            for level, encoding in self._encodings.levels.items()
        }

    def embedding(self, scope: Scope) -> torch.Tensor:
        """The shared embedding, shape (num_rows, length, embedding_dim)."""
        return self._encodings.embedding(scope)[0]

    def output(self, level: str, scope: Scope) -> torch.Tensor:
        """A level's output, shape (num_rows, length, encoding_dim)."""
        return self._encodings.output(level, scope)[0]

    def mask(self, scope: Scope) -> torch.Tensor:
        """Which tokens are real, shape (num_rows, length)."""
        return self._encodings.layout.masks(scope)[0]

    def sentence_ids(self, scope: Scope) -> torch.Tensor:
        """The sentence of each token, shape (num_rows, length)."""
        return self._encodings.layout.sentence_ids(scope)[0]

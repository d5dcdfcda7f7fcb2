"""The one data structure that every corpus yields and every dataset reader takes."""

import json
import os
from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple, Union

from hmtl.data.lines import read_lines
from hmtl.errors import DataError
from hmtl.files import atomic_write

Bounds = Tuple[int, int]

# Span layers that may hold the arguments of relations, the likeliest first.
MENTION_LAYERS = ("emd", "ner")

# Keys that other tools write in the same layout and whose values only look like span layers.
_NEVER_LAYERS = ("sentences", "relations", "clusters", "events", "event_clusters")


class Span(NamedTuple):
    """Tokens `start` to `end`, both included, with a label."""

    start: int
    end: int
    label: str

    @property
    def bounds(self) -> Bounds:
        return self.start, self.end


class Relation(NamedTuple):
    """A directed, labelled relation between two spans of one sentence."""

    arg1: Bounds
    arg2: Bounds
    label: str


@dataclass
class Document:
    """A tokenised text and its annotation layers.

    All offsets count tokens from the start of the document, and both ends are included. A layer that is absent
    (a missing key of `spans`, `relations` or `clusters` of `None`) was not annotated; an empty one was, and is empty.

    # Attributes

    doc_key : `str`
        A name that is unique in its corpus.
    sentences : `List[List[str]]`
        The tokens, sentence by sentence; no sentence is empty.
    spans : `Dict[str, List[Span]]`
        Named layers of labelled spans, such as `ner` and `emd`; each span lies within a sentence.
    relations : `Optional[List[Relation]]`
        Relations; both arguments lie in one sentence.
    clusters : `Optional[List[List[Bounds]]]`
        Coreference clusters of mentions; each mention lies within a sentence.
    metadata : `Dict[str, Any]`
        Whatever else the corpus knows; JSON values only.
    """

    doc_key: str
    sentences: List[List[str]]
    spans: Dict[str, List[Span]] = field(default_factory=dict)
    relations: Optional[List[Relation]] = None
    clusters: Optional[List[List[Bounds]]] = None
    metadata: Dict[str, Any] = field(default_factory=dict)

    @property
    def tokens(self) -> List[str]:
        """All tokens, in order."""
        return [token for sentence in self.sentences for token in sentence]

    @property
    def sentence_starts(self) -> List[int]:
        """The offset of each sentence's first token."""
        return [0, *accumulate(len(sentence) for sentence in self.sentences)][:-1]

    @property
    def layers(self) -> List[str]:
        """The annotation layers that the document has: its span layers, `relations`, `clusters`."""
        present = {"relations": self.relations is not None, "clusters": self.clusters is not None}
        return [*self.spans, *(layer for layer, is_present in present.items() if is_present)]

    def spans_by_sentence(self, layer: str) -> List[List[Span]]:
        """The spans of a layer, one list a sentence, with offsets counted from the start of their sentence."""
        starts = self.sentence_starts
        grouped: List[List[Span]] = [[] for _ in starts]
        for span in self.spans[layer]:
            sentence = bisect_right(starts, span.start) - 1
            first = starts[sentence]
            grouped[sentence].append(Span(span.start - first, span.end - first, span.label))
        return grouped

    def relations_by_sentence(self) -> List[List[Relation]]:
        """The relations, one list a sentence, with offsets counted from the start of their sentence."""
        starts = self.sentence_starts
        grouped: List[List[Relation]] = [[] for _ in starts]
        for (start1, end1), (start2, end2), label in self.relations or []:
            sentence = bisect_right(starts, start1) - 1
            first = starts[sentence]
            grouped[sentence].append(Relation((start1 - first, end1 - first), (start2 - first, end2 - first), label))
        return grouped

    def validate(self, path: Optional[Union[str, os.PathLike]] = None, line: Optional[int] = None) -> "Document":
        """Returns the document itself.

        # Raises

        DataError
            Where a sentence is empty, a token is no string, a span lies outside the text or crosses a sentence end,
            or a key of the metadata is the name of a layer.
        """

        def fail(message: str) -> None:
            raise DataError(f"document '{self.doc_key}': {message}", path, line)

        if not self.sentences:
            fail("it has no sentences; remove it or give it text")
        for number, sentence in enumerate(self.sentences):
            if not isinstance(sentence, list):
                fail(f"sentence {number} is no list of tokens but {type(sentence).__name__}")
            if not sentence:
                fail(f"sentence {number} is empty; remove it")
            if not all(isinstance(token, str) and token for token in sentence):
                fail(f"sentence {number} holds a token that is not a non-empty string")
        layers = {"doc_key", "sentences", "ner", "emd", "relations", "clusters", *self.spans}
        for key in sorted(layers & set(self.metadata)):
            fail(f"the metadata key '{key}' is the name of a layer; rename it")
        starts = self.sentence_starts
        length = starts[-1] + len(self.sentences[-1])

        def sentence_of(what: str, start: int, end: int) -> int:
            if not 0 <= start <= end < length:
                fail(f"{what} [{start}, {end}] lies outside the text of {length} tokens (offsets are inclusive)")
            sentence = bisect_right(starts, start) - 1
            if end >= starts[sentence] + len(self.sentences[sentence]):
                last = starts[sentence] + len(self.sentences[sentence]) - 1
                fail(f"{what} [{start}, {end}] leaves its sentence, tokens {starts[sentence]} to {last}")
            return sentence

        for layer, spans in self.spans.items():
            for start, end, _ in spans:
                sentence_of(f"'{layer}' span", start, end)
        for arg1, arg2, label in self.relations or []:
            if sentence_of("relation argument", *arg1) != sentence_of("relation argument", *arg2):
                fail(f"the arguments {list(arg1)} and {list(arg2)} of '{label}' lie in two sentences")
        for cluster in self.clusters or []:
            for mention in cluster:
                sentence_of("cluster mention", *mention)
        return self

    def to_json(self) -> Dict[str, Any]:
        """The document in the DyGIE/SciERC layout: spans and relations grouped by sentence, offsets by document."""
        starts = self.sentence_starts

        def by_sentence(rows: Iterable[List[Any]]) -> List[List[Any]]:
            grouped: List[List[Any]] = [[] for _ in starts]
            for row in rows:
                grouped[bisect_right(starts, row[0]) - 1].append(row)
            return grouped

        record: Dict[str, Any] = {"doc_key": self.doc_key, "sentences": self.sentences}
        for layer, spans in self.spans.items():
            record[layer] = by_sentence(list(span) for span in spans)
        if self.relations is not None:
            record["relations"] = by_sentence([*arg1, *arg2, label] for arg1, arg2, label in self.relations)
        if self.clusters is not None:
            record["clusters"] = [[list(mention) for mention in cluster] for cluster in self.clusters]
        record.update(self.metadata)
        return record

    @classmethod
    def from_json(
        cls, record: Any, path: Optional[Union[str, os.PathLike]] = None, line: Optional[int] = None
    ) -> "Document":
        """The document of a record in the DyGIE/SciERC layout.

        `ner` and `emd` are span layers; so is every other key whose value holds one list of `[start, end, label]` a
        sentence. All remaining keys are metadata. `path` and `line` serve the error messages.

        # Raises

        DataError
            Where the record does not follow the layout, or `validate` refuses the document.
        """
        if not isinstance(record, dict):
            raise DataError(f"expected a JSON object, found {type(record).__name__}", path, line)
        for key in ("doc_key", "sentences"):
            if key not in record:
                raise DataError(f"the key '{key}' is missing; expected 'doc_key' and 'sentences'", path, line)
        sentences = record["sentences"]
        if not isinstance(sentences, list) or not all(isinstance(sentence, list) for sentence in sentences):
            raise DataError("'sentences' must be a list of lists of tokens", path, line)
        spans: Dict[str, List[Span]] = {}
        metadata: Dict[str, Any] = {}
        relations: Optional[List[Relation]] = None
        clusters: Optional[List[List[Bounds]]] = None
        for key, value in record.items():
            if key in ("doc_key", "sentences"):
                continue
            if key == "relations":
                rows = _rows(value, (int, int, int, int, str), key, len(sentences), path, line)
                relations = [Relation((a, b), (c, d), label) for a, b, c, d, label in rows]
            elif key == "clusters":
                clusters = _clusters(value, path, line)
            elif key in ("ner", "emd") or _looks_like_layer(key, value, len(sentences)):
                spans[key] = [Span(*row) for row in _rows(value, (int, int, str), key, len(sentences), path, line)]
            else:
                metadata[key] = value
        document = cls(str(record["doc_key"]), sentences, spans, relations, clusters, metadata)
        return document.validate(path, line)


def read_jsonl(path: Union[str, os.PathLike]) -> Iterator[Document]:
    """Reads documents in the DyGIE/SciERC layout, one JSON object a line; empty lines are skipped.

    # Raises

    DataError
        Naming the file and the line, where a line is not UTF-8, not valid JSON or not a valid document.
    """
    for number, text in read_lines(path):
        if not text.strip():
            continue
        try:
            record = json.loads(text)
        except json.JSONDecodeError as error:
            raise DataError(f"not valid JSON ({error}); expected one object a line", path, number) from error
        yield Document.from_json(record, path, number)


def write_jsonl(documents: Iterable[Document], path: Union[str, os.PathLike]) -> int:
    """Writes documents in the DyGIE/SciERC layout and returns how many; the file appears only once it is complete."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with atomic_write(path) as file:
        for document in documents:
            file.write(json.dumps(document.to_json(), ensure_ascii=False) + "\n")
            count += 1
    return count


def _matches(row: Any, types: Tuple[type, ...]) -> bool:
    return (
        isinstance(row, list)
        and len(row) >= len(types)
        # `True` is an `int` to Python, but no offset.
        and all(isinstance(value, kind) and not isinstance(value, bool) for value, kind in zip(row, types))
    )


def _looks_like_layer(key: str, value: Any, num_sentences: int) -> bool:
    return (
        key not in _NEVER_LAYERS
        and isinstance(value, list)
        and len(value) == num_sentences
        and all(isinstance(rows, list) for rows in value)
        and all(_matches(row, (int, int, str)) for rows in value for row in rows)
    )


def _rows(
    value: Any,
    types: Tuple[type, ...],
    key: str,
    num_sentences: int,
    path: Optional[Union[str, os.PathLike]],
    line: Optional[int],
) -> Iterator[List[Any]]:
    """The rows of a layer, all sentences together; what stands behind the expected fields (scores) is dropped."""
    if not isinstance(value, list) or len(value) != num_sentences:
        found = f"{len(value)} entries" if isinstance(value, list) else type(value).__name__
        message = f"'{key}' must hold one list for each of the {num_sentences} sentences, found {found}"
        raise DataError(message, path, line)
    layout = ", ".join(kind.__name__ for kind in types)
    for rows in value:
        for row in rows if isinstance(rows, list) else [rows]:
            if not _matches(row, types):
                raise DataError(f"'{key}' holds {json.dumps(row)}; expected [{layout}]", path, line)
            yield row[: len(types)]


def _clusters(value: Any, path: Optional[Union[str, os.PathLike]], line: Optional[int]) -> List[List[Bounds]]:
    if not isinstance(value, list) or not all(isinstance(cluster, list) for cluster in value):
        raise DataError("'clusters' must be a list of lists of [start, end]", path, line)
    for mention in (mention for cluster in value for mention in cluster):
        if not _matches(mention, (int, int)):
            raise DataError(f"'clusters' holds {json.dumps(mention)}; expected [int, int]", path, line)
    return [[(mention[0], mention[1]) for mention in cluster] for cluster in value]

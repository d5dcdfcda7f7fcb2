"""The one data structure that every corpus yields and every dataset reader takes."""

import json
import os
from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Literal,
    Mapping,
    NamedTuple,
    NoReturn,
    Optional,
    Sequence,
    Set,
    Tuple,
    Union,
)

from hmtl.alignment import Annotations, Bounds, Changes, LabelledBounds, LabelledPair, Policies, to_tokens
from hmtl.common.checks import (
    known_key_like,
    label_fault,
    labels_fault,
    metadata_fault,
    sentence_fault,
    shown,
    surrogate_fault,
)
from hmtl.common.files import atomic_write
from hmtl.common.json_text import parse_json
from hmtl.common.lines import decoded, raw_lines
from hmtl.errors import DataError
from hmtl.text import TokenizedText, shared_splitter

# What a row of a task is.
Scope = Literal["sentence", "document"]

# Keys of metadata: labels of sentences and of the document, and the sentence that begins the second of two texts.
LABELS, SECOND_TEXT = "labels", "second_text"

# Which of spans that overlap a task of flat spans keeps.
NestedSpans = Literal["outermost", "innermost"]

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
    """A directed, labelled relation between two spans, each of which lies within a sentence."""

    arg1: Bounds
    arg2: Bounds
    label: str


def flatten_spans(spans: Iterable[Span], policy: NestedSpans = "innermost") -> List[Span]:
    """The spans without overlaps, in order of their start.

    Of spans that overlap `"innermost"` keeps the shortest, `"outermost"` the longest; of equally long ones the first.
    """
    sign = -1 if policy == "outermost" else 1
    taken: Set[int] = set()
    kept = []
    for span in sorted(dict.fromkeys(spans), key=lambda span: (sign * (span.end - span.start), span.start)):
        positions = range(span.start, span.end + 1)
        if taken.isdisjoint(positions):
            taken.update(positions)
            kept.append(span)
    return sorted(kept)


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
        Relations; each argument lies within a sentence, perhaps each in another one.
    clusters : `Optional[List[List[Bounds]]]`
        Coreference clusters of mentions; each mention lies within a sentence.
    metadata : `Dict[str, Any]`
        Whatever else the corpus knows; JSON values only. `text` and `token_offsets`, where they are known, are the raw
        text and the `[start, end]` in characters of each token; see the property `text`. `labels` are labels and
        numbers of sentences and of the whole, `{"sentences": {layer: [one a sentence]}, "document": {layer: one}}`,
        each a label, a list of labels, a number, or `None` where it is not annotated. Of a pair of texts, both in
        `sentences`, `second_text` is the number of the sentence, from 0, that the second one begins with.
    """

    doc_key: str
    sentences: List[List[str]]
    spans: Dict[str, List[Span]] = field(default_factory=dict)
    relations: Optional[List[Relation]] = None
    clusters: Optional[List[List[Bounds]]] = None
    metadata: Dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_text(
        cls,
        text: Union[str, TokenizedText],
        spans: Union[Mapping[str, Iterable[LabelledBounds]], Iterable[LabelledBounds], None] = None,
        relations: Optional[Iterable[LabelledPair]] = None,
        clusters: Optional[Iterable[Iterable[Bounds]]] = None,
        doc_key: str = "text",
        policies: Optional[Policies] = None,
        changes: Optional[Changes] = None,
        splitter: Optional[Callable[[str], TokenizedText]] = None,
    ) -> "Document":
        """The document of a text whose annotation counts characters; each end is the first character behind.

        `metadata` keep the `text` and the `token_offsets`, `[start, end]` in characters of each token, as the output of
        `hmtl annotate` has them.

        # Parameters

        text : `Union[str, TokenizedText]`
        spans : optional
            `(start, end, label)`, for the layer `ner`, or such lists by the name of a layer.
        relations : optional
            `((start1, end1), (start2, end2), label)`.
        clusters : optional
            Lists of `(start, end)`.
        doc_key : `str`, optional (default = `"text"`)
        policies : `Policies`, optional
            What becomes of spans that begin or end within a token, of what goes across the ends of sentences.
        changes : `Changes`, optional
            Counts what is dropped and changed.
        splitter : `Callable[[str], TokenizedText]`, optional (default = a `SentenceSplitter`)
            Splits the text into sentences and tokens.

        # Raises

        DataError
            Where a policy is `"error"` and there is something to decide, bounds lie outside the text, or `validate`
            refuses the document; a text without a token is no document.
        """
        policies, changes = policies or Policies(), Changes() if changes is None else changes
        by_layer = spans if isinstance(spans, Mapping) else {} if spans is None else {"ner": spans}
        annotations = Annotations(
            {layer: [(start, end, label) for start, end, label in rows] for layer, rows in by_layer.items()},
            None if relations is None else [((a, b), (c, d), label) for (a, b), (c, d), label in relations],
            None if clusters is None else [[(start, end) for start, end in cluster] for cluster in clusters],
        )
        if isinstance(text, str):
            text = (splitter or shared_splitter())(text)
        tokenized, places = to_tokens(text, annotations.bounds(), policies, changes, doc_key)
        placed = annotations.placed(places, changes, doc_key, tokenized.text)
        return cls.from_annotations(
            doc_key,
            tokenized.sentences,
            placed,
            policies,
            changes,
            {"text": tokenized.text, "token_offsets": [list(offsets) for offsets in tokenized.token_offsets]},
        )

    @classmethod
    def from_annotations(
        cls,
        doc_key: str,
        sentences: List[List[str]],
        annotations: Annotations,
        policies: Policies,
        changes: Changes,
        metadata: Optional[Dict[str, Any]] = None,
    ) -> "Document":
        """The document of annotations that count tokens, both ends included, fitted into sentences by the policies.

        Spans and relations come in the order in which they begin, as they do in a file of `to_json`.

        # Raises

        DataError
            As `from_text` does.
        """
        sentences, fitted = annotations.fitted(sentences, policies, changes, doc_key)
        return cls(
            doc_key,
            sentences,
            {
                layer: sorted((Span(*span) for span in spans), key=lambda span: span.start)
                for layer, spans in fitted.spans.items()
            },
            None
            if fitted.relations is None
            else sorted((Relation(*relation) for relation in fitted.relations), key=lambda relation: relation.arg1[0]),
            fitted.clusters,
            metadata or {},
        ).validate()

    @property
    def text(self) -> TokenizedText:
        """The text and the places of its tokens: those that `metadata` keep, or else the tokens joined by spaces."""
        text, offsets = self.metadata.get("text"), self.metadata.get("token_offsets")
        tokens = self.tokens
        if (
            isinstance(text, str)
            and isinstance(offsets, list)
            and len(offsets) == len(tokens)
            and all(_matches(bounds, (int, int)) for bounds in offsets)
            and all(text[start:end] == token for (start, end), token in zip(offsets, tokens))
        ):
            return TokenizedText(text, self.sentences, [(start, end) for start, end in offsets])
        return TokenizedText.from_sentences(self.sentences)

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

    @property
    def label_layers(self) -> Dict[str, Scope]:
        """The layers of labels and numbers in the metadata, and what each has one for."""
        labels = self.metadata.get(LABELS, {})
        return {
            **dict.fromkeys(labels.get("sentences", {}), "sentence"),
            **dict.fromkeys(labels.get("document", {}), "document"),
        }

    def label_values(self, layer: str) -> List[Any]:
        """The entries of such a layer, one a sentence, or the one of the document."""
        labels = self.metadata[LABELS]
        return (
            list(labels["sentences"][layer]) if self.label_layers[layer] == "sentence" else [labels["document"][layer]]
        )

    def labels_in_words(self, layer: str) -> List[List[str]]:
        """The same as texts, those of each entry: a number with two digits behind the point, none of what is not
        annotated."""
        entries = self.label_values(layer)
        rows = [[] if entry is None else entry if isinstance(entry, list) else [entry] for entry in entries]
        return [[each if isinstance(each, str) else f"{each:.2f}" for each in row] for row in rows]

    @property
    def second_text(self) -> Optional[int]:
        """The number of the sentence that begins the second of two texts; `None` where the document is no pair."""
        return self.metadata.get(SECOND_TEXT)

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
        """The relations within sentences, one list a sentence, with offsets counted from the start of their sentence.

        Those of `relations_across_sentences` are left out.
        """
        starts = self.sentence_starts
        grouped: List[List[Relation]] = [[] for _ in starts]
        for (start1, end1), (start2, end2), label in self.relations or []:
            sentence = bisect_right(starts, start1) - 1
            first = starts[sentence]
            if first <= start2 < first + len(self.sentences[sentence]):
                relation = Relation((start1 - first, end1 - first), (start2 - first, end2 - first), label)
                grouped[sentence].append(relation)
        return grouped

    @property
    def relations_across_sentences(self) -> List[Relation]:
        """The relations whose arguments lie in two sentences."""
        starts = self.sentence_starts
        return [
            relation
            for relation in self.relations or []
            if bisect_right(starts, relation.arg1[0]) != bisect_right(starts, relation.arg2[0])
        ]

    def validate(self, path: Optional[Union[str, os.PathLike]] = None, line: Optional[int] = None) -> "Document":
        """Returns the document itself.

        # Raises

        DataError
            Where a sentence is empty or of placeholders, a token is no string, a label is no string, empty or in white
            space, a text is no valid Unicode, a span lies outside the text or crosses a sentence end, metadata are no
            JSON values, a key of theirs is the name of a layer, or `labels` or `second_text` are of another form.
        """

        def fail(message: str) -> NoReturn:
            raise DataError(f"document '{self.doc_key}': {message}", path, line)

        key_fault = surrogate_fault(self.doc_key)
        if key_fault:
            fail(f"'doc_key': {key_fault}")
        if not self.sentences:
            fail("it has no sentences; remove it or give it text")
        for number, sentence in enumerate(self.sentences):
            if not isinstance(sentence, list):
                fail(f"sentence {number} is no list of tokens but {type(sentence).__name__}")
            fault = sentence_fault(sentence)
            if fault:
                fail(f"sentence {number} {fault}")
        layers = {"doc_key", "sentences", "ner", "emd", "relations", "clusters", *self.spans}
        for key in sorted(layers & set(self.metadata)):
            fail(f"the metadata key '{key}' is the name of a layer; rename it")
        for key, value in self.metadata.items():
            fault = metadata_fault({key: value})
            if fault:
                fail(f"the metadata key '{key}': {fault}")
        if LABELS in self.metadata:
            fault = labels_fault(self.metadata[LABELS], len(self.sentences))
            if fault:
                fail(f"the metadata key '{LABELS}': {fault}")
        second = self.metadata.get(SECOND_TEXT)
        if second is not None and (type(second) is not int or not 0 < second < len(self.sentences)):
            fail(
                f"the metadata key '{SECOND_TEXT}' is {shown(second)}; expected the number, from 1 to "
                f"{len(self.sentences) - 1}, of the sentence that the second text begins with"
            )
        starts = self.sentence_starts
        length = starts[-1] + len(self.sentences[-1])

        def check_bounds(what: str, start: int, end: int) -> None:
            if not 0 <= start <= end < length:
                message = f"{what} [{start}, {end}] lies outside the text of {length} tokens (offsets are inclusive)"
                fail(message + self._why_too_far(end == length))
            sentence = bisect_right(starts, start) - 1
            stop = starts[sentence] + len(self.sentences[sentence])
            if end >= stop:
                message = f"{what} [{start}, {end}] leaves its sentence, tokens {starts[sentence]} to {stop - 1}"
                fail(f"{message} (offsets count tokens of the document){self._why_too_far(end == stop)}")

        for layer, spans in self.spans.items():
            layer_fault = surrogate_fault(layer)
            if layer_fault:
                fail(f"the name of a layer: {layer_fault}")
            _check_labels(f"'{layer}'", [span.label for span in spans], fail)
            for start, end, _ in spans:
                check_bounds(f"'{layer}' span", start, end)
        _check_labels("'relations'", [relation.label for relation in self.relations or []], fail)
        for relation in self.relations or []:
            for argument in relation[:2]:
                check_bounds("relation argument", *argument)
        for cluster in self.clusters or []:
            for mention in cluster:
                check_bounds("cluster mention", *mention)
        return self

    def _why_too_far(self, by_one: bool) -> str:
        """What a span that ends one token too far tells of the others: without one of a single token, the same."""
        bounds = [span.bounds for spans in self.spans.values() for span in spans]
        bounds += [argument for relation in self.relations or [] for argument in relation[:2]]
        bounds += [mention for cluster in self.clusters or [] for mention in cluster]
        if not by_one or len(bounds) < 2 or any(start == end for start, end in bounds):
            return ""
        return f"; all ends look one too far (none of {len(bounds)} spans has one token): the end is the last token"

    def to_json(self) -> Dict[str, Any]:
        """The document in the DyGIE/SciERC layout: spans and relations grouped by sentence, offsets by document.

        A relation across sentences stands in the list of its first argument's.
        """
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
        return _Record(record, path, line).document().validate(path, line)


def read_jsonl(path: Union[str, os.PathLike]) -> Iterator[Document]:
    """Reads documents in the DyGIE/SciERC layout, one JSON object a line; empty lines are skipped.

    # Raises

    DataError
        Naming the file and the line, where a line is not UTF-8, not valid JSON or not a valid document.
    """
    for _, found in attempt_jsonl(path):
        if isinstance(found, DataError):
            raise found
        yield found


def attempt_jsonl(path: Union[str, os.PathLike]) -> Iterator[Tuple[int, Union[Document, DataError]]]:
    """Yields the number of each line and its document, as `read_jsonl` does, or why it holds none."""
    for number, raw in raw_lines(path):
        try:
            text = decoded(raw, path, number)
            if not text.strip():
                continue
            found: Union[Document, DataError] = Document.from_json(
                parse_json(text, "one object a line", path, number), path, number
            )
        except DataError as error:
            found = error
        yield number, found


def write_jsonl(documents: Iterable[Document], path: Union[str, os.PathLike]) -> int:
    """Writes documents in the DyGIE/SciERC layout and returns how many; the file appears only once it is complete."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with atomic_write(path) as file:
        for document in documents:
            file.write(json.dumps(document.to_json(), ensure_ascii=False) + "\n")
            count += 1
    return count


class _Record:
    """A record in the DyGIE/SciERC layout, read layer by layer, with the place of its errors."""

    def __init__(self, record: Any, path: Optional[Union[str, os.PathLike]], line: Optional[int]) -> None:
        self._path = path
        self._line = line
        self._name = ""
        if not isinstance(record, dict):
            self._fail(f"expected a JSON object, found {type(record).__name__}")
        for key in ("doc_key", "sentences"):
            if key not in record:
                meant = [other for other in record if known_key_like(other) == key]
                advice = f"rename '{meant[0]}'" if meant else "expected 'doc_key' and 'sentences'"
                self._fail(f"the key '{key}' is missing; {advice}")
        doc_key, sentences = record["doc_key"], record["sentences"]
        if isinstance(doc_key, bool) or not isinstance(doc_key, (str, int, float)):
            self._fail(f"'doc_key' is {shown(doc_key)}; expected a name in quotes")
        self._name = str(doc_key)
        if not isinstance(sentences, list) or not all(isinstance(sentence, list) for sentence in sentences):
            self._fail("'sentences' must be a list of lists of tokens")
        self._record = record
        self._sentences: List[List[str]] = sentences
        self._limits = [0, *accumulate(map(len, sentences))]

    def document(self) -> Document:
        """The document, whose spans may still lie outside of it."""
        document = Document(self._name, self._sentences)
        for key, value in self._record.items():
            if key in ("doc_key", "sentences"):
                continue
            if key == "relations":
                rows = self._rows(key, value, (int, int, int, int, str))
                document.relations = [Relation((a, b), (c, d), label) for a, b, c, d, label in rows]
            elif key == "clusters":
                document.clusters = self._clusters(value)
            elif key in ("ner", "emd") or self._is_meant_as_layer(key, value):
                document.spans[key] = [Span(*row) for row in self._rows(key, value, (int, int, str))]
            else:
                self._check_spelling(key, value)
                document.metadata[key] = value
        return document

    def _fail(self, message: str) -> NoReturn:
        name = f"document '{self._name}': " if self._name else ""
        raise DataError(name + message, self._path, self._line)

    def _is_meant_as_layer(self, key: str, value: Any) -> bool:
        """Whether a value holds one list of rows a sentence, at least half of them such as `[start, end, label]`.

        One bad row makes no metadata of a layer.
        """
        if key in _NEVER_LAYERS or not isinstance(value, list):
            return False
        rows = [row for rows in value if isinstance(rows, list) for row in rows]
        if not rows and not all(isinstance(rows_of_sentence, list) for rows_of_sentence in value):
            return False
        good = sum(_matches(row, (int, int, str)) for row in rows)
        if len(value) != len(self._sentences):
            return bool(rows) and good == len(rows)
        return 2 * good >= len(rows) or all(map(_is_nearly_span, rows))

    def _check_spelling(self, key: str, value: Any) -> None:
        meant = known_key_like(key)
        if meant is not None and meant not in self._record and isinstance(value, (list, dict)):
            self._fail(
                f"'{key}' is no layer of [start, end, label] rows; did you mean '{meant}'? "
                "docs/tutorials/corpus.md has the layout; metadata need another name"
            )

    def _rows(self, key: str, value: Any, types: Tuple[type, ...]) -> Iterator[List[Any]]:
        """The rows of a layer, all sentences together; what stands behind the expected fields (scores) is dropped."""
        if not isinstance(value, list) or len(value) != len(self._sentences):
            found = f"{len(value)} entries" if isinstance(value, list) else type(value).__name__
            self._fail(f"'{key}' must hold one list for each of the {len(self._sentences)} sentences, found {found}")
        layout = ", ".join(kind.__name__ for kind in types)
        for number, rows in enumerate(value):
            for row in rows if isinstance(rows, list) else [rows]:
                if not _matches(row, types):
                    self._fail(f"'{key}' holds {shown(row)}; expected [{layout}]")
                self._check_sentence(key, number, row, len(types) - 1)
                yield row[: len(types)]

    def _check_sentence(self, key: str, number: int, row: Sequence[Any], num_offsets: int) -> None:
        """Each layer says twice in which sentence a row is: by the list that it stands in, and by its offsets."""
        first, stop = self._limits[number], self._limits[number + 1]
        starts = row[0:num_offsets:2]
        if any(first <= start < stop for start in starts):
            return
        # Where a sentence is empty or the offset is none of the text, that is the error.
        if first == stop or not all(0 <= start < self._limits[-1] for start in starts):
            return
        found = bisect_right(self._limits, starts[0]) - 1
        self._fail(
            f"'{key}' has {shown(row)} in the list of sentence {number}, tokens {first} to {stop - 1}, but it lies in "
            f"sentence {found}: offsets count tokens of the document, not of the sentence"
        )

    def _clusters(self, value: Any) -> List[List[Bounds]]:
        if not isinstance(value, list) or not all(isinstance(cluster, list) for cluster in value):
            self._fail("'clusters' must be a list of lists of [start, end]")
        for mention in (mention for cluster in value for mention in cluster):
            if not _matches(mention, (int, int)):
                self._fail(f"'clusters' holds {shown(mention)}; expected [int, int]")
        return [[(mention[0], mention[1]) for mention in cluster] for cluster in value]


def _check_labels(layer: str, labels: Sequence[Any], fail: Callable[[str], NoReturn]) -> None:
    """Each label is looked at once."""
    for label in set(labels) if all(isinstance(label, str) for label in labels) else labels:
        fault = label_fault(label)
        if fault:
            fail(f"{layer} has a label that cannot be used: {fault}")


def _matches(row: Any, types: Tuple[type, ...]) -> bool:
    # Nearly all rows are these.
    if type(row) is list and tuple(map(type, row)) == types:
        return True
    return (
        isinstance(row, list)
        and len(row) >= len(types)
        # `True` is an `int` to Python, but no offset.
        and all(isinstance(value, kind) and not isinstance(value, bool) for value, kind in zip(row, types))
    )


def _is_nearly_span(row: Any) -> bool:
    """Whether a row is `[start, end, label]` but for one value."""
    if not isinstance(row, list) or len(row) < 3:
        return False
    numbers = [isinstance(value, int) and not isinstance(value, bool) for value in row[:2]]
    is_label = isinstance(row[2], str)
    return (is_label and any(numbers)) or (all(numbers) and (row[2] is None or isinstance(row[2], bool)))

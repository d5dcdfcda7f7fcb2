"""Checks a corpus before it is trained on: counts per layer and label, and what looks wrong in the annotations."""

import os
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import DefaultDict, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple, Union

from hmtl.common.characters import visible
from hmtl.common.checks import known_key_like
from hmtl.common.tables import aligned
from hmtl.corpora.corpus import Attempt, Corpus, JsonlCorpus, files_below
from hmtl.corpora.dependencies import DEPENDENCIES, dependencies_of, has_dependencies
from hmtl.document import MENTION_LAYERS, Bounds, Document, Span, attempt_jsonl
from hmtl.errors import DataError

# The layers that the four tasks learn from; any other name is taken to be a span layer of that name.
TASK_LAYERS = {"relation": "relations", "coref": "clusters"}

# A sentence that two splits share is suspicious from this length, in tokens, as short ones recur by chance.
MIN_LEAK_TOKENS = 6
# From so many spans on, their lengths tell something.
MIN_SPANS = 10


class Problem(NamedTuple):
    """Something wrong at one place.

    # Attributes

    severity : `str`
        `error` where the annotations contradict themselves, `warning` where they are legal but suspicious.
    kind : `str`
        A short name by which problems are grouped, such as `duplicate span`.
    place : `str`
        The file, with its line where it is known.
    message : `str`
        What was found.
    """

    severity: str
    kind: str
    place: str
    message: str

    def __str__(self) -> str:
        return visible(f"{self.place}: {self.severity}: {self.kind}: {self.message}")


@dataclass
class SplitCounts:
    """What one split holds; `labels` counts each label of each layer."""

    totals: Counter = field(default_factory=Counter)
    labels: DefaultDict[str, Counter] = field(default_factory=lambda: defaultdict(Counter))

    def merge(self, other: "SplitCounts") -> None:
        """Adds the counts of another split."""
        self.totals.update(other.totals)
        for layer, counts in other.labels.items():
            self.labels[layer].update(counts)

    def add(self, document: Document) -> None:
        """Counts a further document."""
        self.totals["documents"] += 1
        self.totals["sentences"] += len(document.sentences)
        self.totals["tokens"] += len(document.tokens)
        for layer, spans in document.spans.items():
            self.labels[layer].update(span.label for span in spans)
            self.totals[f"nested {layer} spans"] += count_nested(spans)
        for layer in document.label_layers:
            for entry in document.label_values(layer):
                labels = entry if isinstance(entry, list) else [entry]
                self.labels[layer].update(
                    label if isinstance(label, str) else "numbers" for label in labels if label is not None
                )
        if document.relations is not None:
            self.labels["relations"].update(relation.label for relation in document.relations)
            self.totals["relations across sentences"] += len(document.relations_across_sentences)
        if document.clusters is not None:
            self.labels["clusters"].update(
                {
                    "clusters": len(document.clusters),
                    "mentions": sum(map(len, document.clusters)),
                    "clusters of one mention": sum(len(cluster) == 1 for cluster in document.clusters),
                }
            )


@dataclass
class ValidationReport:
    """The counts of each split, by its name, and all problems in the order of the documents."""

    counts: Dict[str, SplitCounts] = field(default_factory=dict)
    problems: List[Problem] = field(default_factory=list)

    @property
    def errors(self) -> List[Problem]:
        return [problem for problem in self.problems if problem.severity == "error"]

    @property
    def warnings(self) -> List[Problem]:
        return [problem for problem in self.problems if problem.severity == "warning"]

    def table(self) -> str:
        """The counts as text: one row for each label, one column for each split."""
        splits = list(self.counts)
        rows: List[Tuple[str, List[int]]] = []
        for name in ordered_union(counts.totals for counts in self.counts.values()):
            if name in ("documents", "sentences", "tokens") or any(c.totals[name] for c in self.counts.values()):
                rows.append((name, [self.counts[split].totals[name] for split in splits]))
        for layer in ordered_union(counts.labels for counts in self.counts.values()):
            by_split = [self.counts[split].labels.get(layer, Counter()) for split in splits]
            # The rows of `clusters` are of different kinds, so their sum means nothing.
            rows.append((layer, [] if layer == "clusters" else [sum(labels.values()) for labels in by_split]))
            names = ordered_union(by_split)
            if layer != "clusters":
                names.sort(key=lambda label: -sum(labels[label] for labels in by_split))
            rows.extend((f"  {label}", [labels[label] for labels in by_split]) for label in names)
        header = ["", *without_common_folder(splits)]
        return aligned([header, *([name, *(f"{value:,}" for value in values)] for name, values in rows)], numbers=True)

    def problem_lines(self, limit: Optional[int] = None) -> List[str]:
        """One line for each problem, errors first, at most `limit` of each kind and then how many more there are."""
        grouped: DefaultDict[Tuple[str, str], List[Problem]] = defaultdict(list)
        for problem in self.errors + self.warnings:
            grouped[problem.severity, problem.kind].append(problem)
        lines: List[str] = []
        for (severity, kind), problems in grouped.items():
            shown = problems[:limit]
            lines.extend(str(problem) for problem in shown)
            if len(shown) < len(problems):
                lines.append(f"... {severity}: {kind}: {len(problems) - len(shown)} more")
        return lines


def validate_corpus(
    paths: Sequence[Union[str, Path]],
    corpus: Optional[Corpus] = None,
    tasks: Optional[Sequence[str]] = None,
    relation_labels: Optional[Iterable[str]] = None,
    min_leak_tokens: int = MIN_LEAK_TOKENS,
) -> ValidationReport:
    """Reads the splits of a corpus and checks each document and what the splits share.

    # Parameters

    paths : `Sequence[Union[str, Path]]`
        One path a split. Of a directory in the project's own format each file is a split.
    corpus : `Optional[Corpus]`
        The format; by default the project's own.
    tasks : `Optional[Sequence[str]]`
        The tasks to be trained: `ner`, `emd`, `relation`, `coref`, `dependencies` or the name of a layer of spans or of
        labels of sentences and documents. Each document must have their layers. By default a layer must be in all
        documents of a split or in none.
    relation_labels : `Optional[Iterable[str]]`
        The allowed labels of relations; by default all are.
    min_leak_tokens : `int`
        A sentence that two splits share is reported from this length, in tokens, as short ones recur by chance.

    # Raises

    DataError
        Where a path cannot be read at all. A document that cannot be used is a problem of the report instead, and
        the documents after it are checked.
    """
    allowed = None if relation_labels is None else set(relation_labels)
    report = ValidationReport()
    shared = _SharedText(min_leak_tokens)
    layers_seen: Dict[str, Counter] = {}
    ends: DefaultDict[str, _Ends] = defaultdict(_Ends)
    for path in paths:
        for split, place, found in _read(str(path), corpus or JsonlCorpus()):
            counts = report.counts.setdefault(split, SplitCounts())
            if isinstance(found, DataError):
                # The message of the error starts with the place already.
                message = str(found).removeprefix(f"{place}: ")
                report.problems.append(Problem("error", "unusable document", place, message))
                continue
            counts.add(found)
            layers_seen.setdefault(split, Counter()).update([*found.layers, *found.label_layers])
            ends[split].add(found)
            report.problems.extend(check_document(found, place, tasks, allowed))
            report.problems.extend(shared.check(found, split, place))
    for split, seen in ends.items():
        report.problems.extend(seen.check(split))
    if tasks is None:
        report.problems.extend(_partly_annotated(report.counts, layers_seen))
    return report


def check_document(
    document: Document,
    place: str,
    tasks: Optional[Sequence[str]] = None,
    relation_labels: Optional[Set[str]] = None,
) -> Iterator[Problem]:
    """Yields the problems of a document that `Document.validate` accepts."""
    where = f"document '{document.doc_key}'"
    layers = [*document.layers, *([DEPENDENCIES] if has_dependencies(document) else [])]
    for layer in [TASK_LAYERS.get(task, task) for task in tasks or []]:
        if layer not in layers and layer not in document.label_layers:
            yield Problem("error", "missing layer", place, f"{where} has no layer '{layer}'")
    checks = [
        *_check_names(document),
        *(problem for layer, spans in document.spans.items() for problem in _check_spans(document, layer, spans)),
        *_check_relations(document, relation_labels),
        *_check_clusters(document),
        *_check_dependencies(document),
    ]
    for severity, kind, message in checks:
        yield Problem(severity, kind, place, f"{where}: {message}")


def count_nested(spans: Sequence[Span]) -> int:
    """The number of spans that lie within another, different stretch of tokens."""
    nested = 0
    # Outer spans come first, and the furthest end seen so far tells whether one of them encloses the next.
    furthest = -1
    for _, end in sorted({span.bounds for span in spans}, key=lambda bounds: (bounds[0], -bounds[1])):
        nested += end <= furthest
        furthest = max(furthest, end)
    return nested


def crossing_pairs(spans: Sequence[Span]) -> List[Tuple[Span, Span]]:
    """The pairs of spans that overlap although neither encloses the other, in the order of the text."""
    ordered = sorted(set(spans))
    pairs = []
    for index, first in enumerate(ordered):
        for second in ordered[index + 1 :]:
            if second.start > first.end:
                break
            if first.start < second.start and first.end < second.end:
                pairs.append((first, second))
    return pairs


# A problem of a document before its place is known: severity, kind, message.
_Finding = Tuple[str, str, str]


def _check_names(document: Document) -> Iterator[_Finding]:
    for layer in document.spans:
        meant = known_key_like(layer)
        # A layer of one's own may have any name; `entities` is an ordinary one.
        if meant in ("ner", "emd") and meant not in document.spans and layer.lower() == meant:
            yield "warning", "name of a layer", f"'{layer}' is a layer of its own; did you mean '{meant}'?"


def _check_spans(document: Document, layer: str, spans: Sequence[Span]) -> Iterator[_Finding]:
    labels: DefaultDict[Bounds, List[str]] = defaultdict(list)
    for span in spans:
        labels[span.bounds].append(span.label)
    for bounds, found in labels.items():
        text = _quote(document, bounds)
        for label, count in Counter(found).items():
            if count > 1:
                yield "error", "duplicate span", f"'{layer}' has {label} {text} {count} times"
        if len(set(found)) > 1:
            yield "warning", "several labels", f"'{layer}' labels {text} as {' and '.join(sorted(set(found)))}"
    for first, second in crossing_pairs(spans):
        one, other = _quote(document, first.bounds), _quote(document, second.bounds)
        # Legal where spans stand for discontinuous ones, though no tagger can hold both.
        yield "warning", "crossing spans", f"'{layer}' has {first.label} {one} and {second.label} {other}"


def _check_relations(document: Document, allowed: Optional[Set[str]]) -> Iterator[_Finding]:
    layer = next((name for name in MENTION_LAYERS if name in document.spans), None)
    mentions = None if layer is None else {span.bounds for span in document.spans[layer]}
    relations = document.relations or []
    for relation, count in Counter(relations).items():
        arguments = (relation.arg1, relation.arg2)
        for bounds in arguments:
            if mentions is not None and bounds not in mentions:
                text = _quote(document, bounds)
                yield "error", "argument is no mention", f"{relation.label} has {text}, which is not in '{layer}'"
        if allowed is not None and relation.label not in allowed:
            expected = ", ".join(sorted(allowed))
            yield "error", "unknown relation label", f"'{relation.label}'; expected one of {expected}"
        if count > 1:
            text = " and ".join(_quote(document, bounds) for bounds in arguments)
            yield "warning", "duplicate relation", f"{relation.label} of {text} occurs {count} times"
        if relation.arg1 == relation.arg2:
            yield "warning", "self-relation", f"{relation.label} relates {_quote(document, relation.arg1)} to itself"


def _check_clusters(document: Document) -> Iterator[_Finding]:
    clusters_of: DefaultDict[Bounds, List[int]] = defaultdict(list)
    for number, cluster in enumerate(document.clusters or []):
        if not cluster:
            yield "warning", "empty cluster", f"cluster {number} has no mention"
        if len(cluster) == 1:
            yield "warning", "cluster of one mention", f"cluster {number} has only {_quote(document, cluster[0])}"
        for mention in cluster:
            clusters_of[mention].append(number)
    for mention, numbers in clusters_of.items():
        text = _quote(document, mention)
        if len(set(numbers)) > 1:
            names = ", ".join(map(str, sorted(set(numbers))))
            yield "error", "mention in several clusters", f"{text} is in the clusters {names}"
        for number, count in Counter(numbers).items():
            if count > 1:
                yield "error", "duplicate mention", f"cluster {number} has {text} {count} times"


def _check_dependencies(document: Document) -> Iterator[_Finding]:
    if has_dependencies(document):
        try:
            dependencies_of(document)
        except DataError as error:
            message = error.message.removeprefix(f"document '{document.doc_key}'").lstrip(",: ")
            yield "error", "no dependency tree", message


class _Ends:
    """Looks for ends that are one too far, as in layouts that exclude them, where no span leaves its sentence by it."""

    def __init__(self) -> None:
        self._lengths: DefaultDict[str, Counter] = defaultdict(Counter)
        # Arguments of relations that are no mentions, and those of them that would be if they ended a token earlier.
        self._strangers: Counter = Counter()

    def add(self, document: Document) -> None:
        """Counts the spans of a further document."""
        arguments = [argument for relation in document.relations or [] for argument in relation[:2]]
        layers = {name: [span.bounds for span in spans] for name, spans in document.spans.items()}
        layers["relations"] = arguments
        layers["clusters"] = [mention for cluster in document.clusters or [] for mention in cluster]
        for layer, bounds in layers.items():
            self._lengths[layer].update(end > start for start, end in bounds)
        for name in MENTION_LAYERS:
            if name in document.spans:
                mentions = set(layers[name])
                strangers = [argument for argument in arguments if argument not in mentions]
                self._strangers["all"] += len(strangers)
                self._strangers["shorter"] += sum((start, end - 1) in mentions for start, end in strangers)
                break

    def check(self, split: str) -> Iterator[Problem]:
        advice = "expected the offset of the last token, not the one behind it"
        for layer, lengths in self._lengths.items():
            if not lengths[False] and lengths[True] >= MIN_SPANS:
                message = f"'{layer}': none of {lengths[True]} spans has one token: all ends look one too far; {advice}"
                yield Problem("warning", "exclusive ends", split, message)
        if self._strangers["all"] == self._strangers["shorter"] >= MIN_SPANS:
            message = (
                f"'relations': all {self._strangers['all']} arguments that are no mentions would be if they ended one "
                f"token earlier: all ends look one too far; {advice}"
            )
            yield Problem("warning", "exclusive ends", split, message)


class _SharedText:
    """Remembers the keys, texts and sentences seen, and finds those that occur again where they should not."""

    def __init__(self, min_leak_tokens: int) -> None:
        self._min_leak_tokens = min_leak_tokens
        self._keys: Dict[str, str] = {}
        # Both hold the split and the place of the first occurrence.
        self._texts: Dict[Tuple[str, ...], Tuple[str, str]] = {}
        self._sentences: Dict[Tuple[str, ...], Tuple[str, str]] = {}

    def check(self, document: Document, split: str, place: str) -> Iterator[Problem]:
        where = f"document '{document.doc_key}'"
        if document.doc_key in self._keys:
            message = f"'{document.doc_key}' is also at {self._keys[document.doc_key]}"
            yield Problem("error", "duplicate doc_key", place, message)
        self._keys.setdefault(document.doc_key, place)
        first_split, first_place = self._texts.setdefault(tuple(document.tokens), (split, place))
        if first_split != split:
            yield Problem("error", "document in two splits", place, f"{where} has the text of {first_place}")
            return
        for sentence in map(tuple, document.sentences):
            first_split, first_place = self._sentences.setdefault(sentence, (split, place))
            if first_split != split and len(sentence) >= self._min_leak_tokens:
                text = _shorten(" ".join(sentence))
                yield Problem("warning", "sentence in two splits", place, f"{where}: '{text}' is also at {first_place}")


def _read(path: str, corpus: Corpus) -> Iterator[Tuple[str, str, Attempt]]:
    """Yields the split, the place and the document; where there is no usable document, its error instead."""
    if not isinstance(corpus, JsonlCorpus) or not Path(path).exists():
        # This also raises for a missing path, and selects the documents of `path#start:stop`.
        for attempt in corpus.attempts(path):
            yield path, path, attempt
        return
    first = True
    for file in files_below(Path(path), "*.jsonl"):
        for number, attempt in attempt_jsonl(file):
            # The first line tells whether the file is of this format at all.
            if first and isinstance(attempt, DataError) and isinstance(attempt.__cause__, ValueError):
                raise attempt
            first = False
            yield str(file), f"{file}:{number}", attempt
    if first:
        raise DataError("no documents found; is the file empty or of another format?", path)


def _partly_annotated(counts: Dict[str, SplitCounts], layers_seen: Dict[str, Counter]) -> Iterator[Problem]:
    for split, layers in layers_seen.items():
        total = counts[split].totals["documents"]
        for layer, count in layers.items():
            if count < total:
                message = f"only {count} of {total} documents have the layer '{layer}'"
                yield Problem("warning", "partly annotated", split, message)


def _quote(document: Document, bounds: Bounds) -> str:
    start, end = bounds
    return f"[{start}, {end}] '{_shorten(' '.join(document.tokens[start : end + 1]))}'"


def _shorten(text: str, width: int = 60) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."


def ordered_union(names: Iterable[Iterable[str]]) -> List[str]:
    """Each name once, in the order of first occurrence."""
    return list(dict.fromkeys(name for group in names for name in group))


def without_common_folder(paths: Sequence[str]) -> List[str]:
    """The paths from below the deepest folder that holds them all; a single path is left as it is."""
    if len(paths) < 2 or len({Path(path).is_absolute() for path in paths}) > 1:
        return list(paths)
    folder = os.path.commonpath([os.path.dirname(path) for path in paths])
    return [os.path.relpath(path, folder or ".") for path in paths]

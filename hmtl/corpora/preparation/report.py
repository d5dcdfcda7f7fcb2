"""What was prepared: counts beside the expected ones, what was left out, what was dropped.

Annotation that contradicts itself is dropped here: no model could learn it, and the validation of a corpus refuses it.
"""

import platform
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, List, Sequence, TypeVar

from hmtl.common.characters import visible
from hmtl.common.tables import aligned
from hmtl.corpora.preparation.source import Converted, Dropped, Skipped
from hmtl.corpora.validation import SplitCounts, ordered_union
from hmtl.document import MENTION_LAYERS, Bounds, Document
from hmtl.version import VERSION

_T = TypeVar("_T")


def consistent(document: Document, keep_singletons: bool = True) -> Converted:
    """The document, changed in place, without what it says twice or against itself, and what was dropped.

    Of equal spans, relations and mentions of a cluster one stays; a mention stays in the first of its clusters; the
    arguments of a relation are spans of the layer of mentions. A cluster that is left with one mention is dropped.

    # Parameters

    document : `Document`
        One that `Document.validate` accepts.
    keep_singletons : `bool`, optional (default = `True`)
        Whether clusters that were annotated with one mention stay.
    """
    dropped: List[Dropped] = []
    tokens = document.tokens

    def drop(what: str, reason: str, *spans: Bounds, label: str = "") -> None:
        texts = " and ".join(f"[{start}, {end}] '{' '.join(tokens[start : end + 1])}'" for start, end in spans)
        dropped.append(Dropped(document.doc_key, what, reason, f"{label} {texts}".strip()))

    for layer, spans in document.spans.items():
        document.spans[layer] = _once(spans)
        for span in _repetitions(spans):
            drop("mention", f"twice in '{layer}'", span.bounds, label=span.label)
    if document.relations is not None:
        layer = next((name for name in MENTION_LAYERS if name in document.spans), "")
        mentions = {span.bounds for span in document.spans.get(layer, [])}
        for relation in _repetitions(document.relations):
            drop("relation", "twice in its document", relation.arg1, relation.arg2, label=relation.label)
        kept = []
        for relation in _once(document.relations):
            if not layer or {relation.arg1, relation.arg2} <= mentions:
                kept.append(relation)
            else:
                drop("relation", f"an argument is not in '{layer}'", *relation[:2], label=relation.label)
        document.relations = kept
    if document.clusters is not None:
        cluster_of: Dict[Bounds, int] = {}
        clusters = []
        for number, cluster in enumerate(document.clusters):
            kept_mentions = []
            for mention in cluster:
                first = cluster_of.setdefault(mention, number)
                if first == number and mention not in kept_mentions:
                    kept_mentions.append(mention)
                else:
                    drop("mention", "twice in its cluster" if first == number else "in two clusters", mention)
            if len(kept_mentions) > 1 or (len(cluster) == len(kept_mentions) == 1 and keep_singletons):
                clusters.append(kept_mentions)
            else:
                drop("cluster", "of fewer than two mentions", *kept_mentions)
        document.clusters = clusters
    return Converted([document], dropped)


def _once(values: Sequence[_T]) -> List[_T]:
    return list(dict.fromkeys(values))


def _repetitions(values: Sequence[_T]) -> List[_T]:
    """All but the first of equal values."""
    seen = set()
    repeated = []
    for value in values:
        if value in seen:
            repeated.append(value)
        seen.add(value)
    return repeated


# So many labels of a layer are printed; report.json has them all.
_PRINTED_LABELS = 20


@dataclass
class SplitReport:
    """What became of the units of one split.

    # Attributes

    expected : `Dict[str, int]`
        What a full copy holds, as `Source.expected` tells.
    units : `int`
        How many units there are, those left out among them.
    """

    expected: Dict[str, int]
    units: int
    counts: SplitCounts = field(default_factory=SplitCounts)
    skipped: List[Skipped] = field(default_factory=list)

    @property
    def found(self) -> Dict[str, int]:
        """The totals: documents, sentences, tokens, each span layer, relations, clusters and their mentions."""
        labels = self.counts.labels
        totals = {name: self.counts.totals[name] for name in ("documents", "sentences", "tokens")}
        totals.update({layer: sum(labels[layer].values()) for layer in labels if layer != "clusters"})
        if "clusters" in labels:
            totals["clusters"] = labels["clusters"]["clusters"]
            totals["mentions in clusters"] = labels["clusters"]["mentions"]
        return totals

    @property
    def differing(self) -> List[str]:
        """The names of the totals that are not as expected."""
        return [name for name, value in self.expected.items() if self.found.get(name, 0) != value]

    def to_json(self) -> Dict[str, Any]:
        by_label = {layer: counts for layer, counts in self.counts.labels.items() if layer != "clusters"}
        return {
            "units": self.units,
            "found": self.found,
            "expected": self.expected,
            "differing": self.differing,
            "labels": {layer: dict(sorted(counts.items())) for layer, counts in by_label.items()},
            "skipped": [skipped._asdict() for skipped in self.skipped],
        }


@dataclass
class Report:
    """The report of a whole corpus; `splits` in the order in which they were written, `expected` what a full copy
    holds in all splits together."""

    source: str
    settings: Dict[str, Any]
    splits: Dict[str, SplitReport] = field(default_factory=dict)
    dropped: List[Dropped] = field(default_factory=list)
    expected: Dict[str, int] = field(default_factory=dict)

    def add(self, split: str, document: Document) -> None:
        """Counts a further document."""
        self.splits[split].counts.add(document)

    @property
    def in_all(self) -> SplitReport:
        """All splits together."""
        whole = SplitReport(self.expected, self.num_units)
        for split in self.splits.values():
            whole.counts.merge(split.counts)
        return whole

    @property
    def num_units(self) -> int:
        return sum(split.units for split in self.splits.values())

    @property
    def num_skipped(self) -> int:
        return sum(len(split.skipped) for split in self.splits.values())

    def to_json(self) -> Dict[str, Any]:
        """JSON values that depend on the publisher's files, the options and the versions alone."""
        in_all = self.in_all
        return {
            "source": self.source,
            "settings": self.settings,
            "versions": {"hmtl": VERSION, "python": platform.python_version()},
            "splits": {name: split.to_json() for name, split in self.splits.items()},
            "in all": {name: getattr(in_all, name) for name in ("found", "expected", "differing")},
            "dropped": {
                "counts": [
                    {"what": what, "reason": reason, "count": count}
                    for (what, reason), count in sorted(self._dropped_by_reason().items())
                ],
                "all": [dropped._asdict() for dropped in self.dropped],
            },
        }

    def text(self) -> str:
        """A readable table of all counts, and how many annotations were dropped for which reason."""
        columns = {**self.splits, **({"in all": self.in_all} if self.expected else {})}
        header = [""]
        for name, column in columns.items():
            header += [name, "expected  "] if column.expected else [name]
        lines = [aligned([header, *_rows(list(columns.values()))], numbers=True)]
        if any(column.differing for column in columns.values()):
            lines += ["", "! differs from what a full copy of the corpus holds"]
        if self.dropped:
            lines += ["", "dropped:"]
            by_reason = sorted(self._dropped_by_reason().items())
            lines += [f"  {what}: {reason}: {count:,}" for (what, reason), count in by_reason]
        return "\n".join([lines[0], *map(visible, lines[1:])])

    def skipped_lines(self) -> List[str]:
        """One line for each unit, or document of one, that was left out."""
        return [
            visible(f"left out of {name}: {skipped.unit}: {skipped.reason}")
            for name, split in self.splits.items()
            for skipped in split.skipped
        ]

    def _dropped_by_reason(self) -> Counter:
        return Counter((dropped.what, dropped.reason) for dropped in self.dropped)


def _rows(columns: Sequence[SplitReport]) -> Iterator[List[str]]:
    """The rows of the table: a cell for each split, followed by what was expected where anything was."""
    for name in ordered_union([*column.found, *column.expected] for column in columns):
        cells = [name]
        for column in columns:
            cells.append(f"{column.found.get(name, 0):,}")
            if column.expected:
                mark = "!" if name in column.differing else " "
                cells.append(f"{column.expected[name]:,} {mark}" if name in column.expected else "")
        yield cells
        yield from _label_rows(columns, name)


def _label_rows(columns: Sequence[SplitReport], layer: str) -> Iterator[List[str]]:
    by_split = [column.counts.labels.get(layer, Counter()) for column in columns]
    total: Counter = sum(by_split, Counter())
    if layer == "clusters":  # counts of another kind
        return
    labels = sorted(total, key=lambda label: (-total[label], label))
    for label in labels[:_PRINTED_LABELS]:
        cells = [f"  {label}"]
        for column, counts in zip(columns, by_split):
            cells += [f"{counts[label]:,}", ""] if column.expected else [f"{counts[label]:,}"]
        yield cells
    if len(labels) > _PRINTED_LABELS:
        yield [f"  and {len(labels) - _PRINTED_LABELS} more labels"]

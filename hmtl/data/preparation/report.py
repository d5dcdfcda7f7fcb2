"""What was prepared: counts beside the expected ones, what was left out, what was dropped."""

import platform
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, List, Tuple

from hmtl.characters import visible
from hmtl.data.document import Document
from hmtl.data.preparation.source import Dropped, Skipped
from hmtl.data.validation import SplitCounts, format_table, ordered_union
from hmtl.version import VERSION

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
    """The report of a whole corpus; `splits` in the order in which they were written."""

    source: str
    settings: Dict[str, Any]
    splits: Dict[str, SplitReport] = field(default_factory=dict)
    dropped: List[Dropped] = field(default_factory=list)

    def add(self, split: str, document: Document) -> None:
        """Counts a further document."""
        self.splits[split].counts.add(document)

    @property
    def num_units(self) -> int:
        return sum(split.units for split in self.splits.values())

    @property
    def num_skipped(self) -> int:
        return sum(len(split.skipped) for split in self.splits.values())

    def to_json(self) -> Dict[str, Any]:
        """JSON values that depend on the publisher's files, the options and the versions alone."""
        return {
            "source": self.source,
            "settings": self.settings,
            "versions": {"hmtl": VERSION, "python": platform.python_version()},
            "splits": {name: split.to_json() for name, split in self.splits.items()},
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
        header = [""]
        for name, split in self.splits.items():
            header += [name, "expected  "] if split.expected else [name]
        lines = [format_table(header, self._rows())]
        if any(split.differing for split in self.splits.values()):
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

    def _rows(self) -> Iterator[Tuple[str, List[str]]]:
        """The rows of the table: a cell for each split, followed by what was expected where anything was."""
        splits = list(self.splits.values())
        for name in ordered_union([*split.found, *split.expected] for split in splits):
            cells = []
            for split in splits:
                cells.append(f"{split.found.get(name, 0):,}")
                if split.expected:
                    mark = "!" if name in split.differing else " "
                    cells.append(f"{split.expected[name]:,} {mark}" if name in split.expected else "")
            yield name, cells
            yield from self._label_rows(name)

    def _label_rows(self, layer: str) -> Iterator[Tuple[str, List[str]]]:
        splits = list(self.splits.values())
        by_split = [split.counts.labels.get(layer, Counter()) for split in splits]
        total: Counter = sum(by_split, Counter())
        if layer == "clusters":  # counts of another kind
            return
        labels = sorted(total, key=lambda label: (-total[label], label))
        for label in labels[:_PRINTED_LABELS]:
            cells = []
            for split, counts in zip(splits, by_split):
                cells += [f"{counts[label]:,}", ""] if split.expected else [f"{counts[label]:,}"]
            yield f"  {label}", cells
        if len(labels) > _PRINTED_LABELS:
            yield f"  and {len(labels) - _PRINTED_LABELS} more labels", []

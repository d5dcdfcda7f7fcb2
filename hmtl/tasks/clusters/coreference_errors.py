"""What goes wrong with coreference."""

from bisect import bisect_right
from itertools import accumulate
from typing import Any, Dict, Iterable, List, Optional, Sequence

from hmtl.document import Bounds, Span
from hmtl.metrics.coreference_scores import partition
from hmtl.tasks.clusters.mention_types import lower_case_words, mention_type
from hmtl.tasks.errors.alignment import CORRECT, MISSED, SPURIOUS
from hmtl.tasks.errors.section import Example, Section

WRONG = "wrong"
EXACT, DIVIDED, CONFLATED, MISSING, EXTRA = "exact", "divided", "conflated", "missing", "extra"
JOINED, SPLIT_OFF = "joined", "split off"

# Of a cluster's mentions an example names so many.
_MAX_NAMED = 8


class CoreferenceErrors:
    """Errors in mentions, in antecedents and in whole clusters, after Kummerfeld and Klein 2013 and Durrett and Klein
    2013.

    - mentions, by their type: correct, `missed`, `spurious`; bounds must be the same.
    - antecedents, by the type of the mention that has one. A mention's antecedent is the nearest one before it in its
      cluster; a predicted antecedent is correct where it is of the mention's gold cluster, else `wrong`. `missed`: it
      has one, and none is predicted; `spurious`: the reverse. The first mention of a cluster has none.
    - clusters of two or more mentions, by their size: `exact`; `divided`: mentions of a gold cluster are found in
      several predicted ones; `conflated`: a predicted cluster has mentions of several gold ones; `missing`: no mention
      of a gold cluster is found; `extra`: no mention of a predicted cluster is a gold one. A cluster can be both
      divided and conflated, and one that merely lacks a mention, or has one too many, is in no kind: the mentions tell.
    - clusters of one mention, by its type: correct; `joined`: found in a cluster with others; `missed`; `split off`:
      predicted alone, and in gold in a cluster with others; `spurious`. There are none where neither side has any.

    A mention belongs to one cluster of its side, as in `CoreferenceScores`.
    """

    def __init__(self, num_examples: int) -> None:
        self._mentions = Section("mentions", [CORRECT, MISSED, SPURIOUS], num_examples)
        self._antecedents = Section("antecedents", [CORRECT, WRONG, MISSED, SPURIOUS], num_examples)
        self._clusters = Section("clusters", [EXACT, DIVIDED, CONFLATED, MISSING, EXTRA], num_examples)
        self._singletons = Section("clusters of one", [CORRECT, JOINED, MISSED, SPLIT_OFF, SPURIOUS], num_examples)

    @property
    def sections(self) -> List[Section]:
        has_singletons = self._singletons.gold or self._singletons.predicted
        return [self._mentions, self._antecedents, self._clusters, *([self._singletons] if has_singletons else [])]

    def add(self, metadata: Dict[str, Any], predicted: Iterable[Iterable[Bounds]]) -> None:
        """Counts a document: the metadata of `CorefReader`, and the head's clusters."""
        text = _Text(metadata["doc_key"], metadata["sentences"])
        gold, found = _Partition(metadata["clusters"]), _Partition(predicted)
        self._add_mentions(text, gold, found)
        self._add_antecedents(text, gold, found)
        self._add_clusters(text, gold, found)
        self._add_singletons(text, gold, found)

    def _add_mentions(self, text: "_Text", gold: "_Partition", found: "_Partition") -> None:
        section = self._mentions
        section.gold += len(gold.cluster_of)
        section.predicted += len(found.cluster_of)
        for mention in sorted(gold.cluster_of.keys() | found.cluster_of.keys()):
            kind = _kind(mention in gold.cluster_of, mention in found.cluster_of)
            label = text.type_of(mention)
            section.add(
                kind,
                label if mention in gold.cluster_of else None,
                label if mention in found.cluster_of else None,
                None if kind == CORRECT else text.example(mention, kind != SPURIOUS, kind != MISSED),
            )

    def _add_antecedents(self, text: "_Text", gold: "_Partition", found: "_Partition") -> None:
        section = self._antecedents
        section.gold += len(gold.antecedent_of)
        section.predicted += len(found.antecedent_of)
        for mention in sorted(gold.antecedent_of.keys() | found.antecedent_of.keys()):
            right, chosen = gold.antecedent_of.get(mention), found.antecedent_of.get(mention)
            kind = _kind(right is not None, chosen is not None)
            if kind == CORRECT and gold.cluster_of.get(chosen) != gold.cluster_of[mention]:  # type: ignore[arg-type]
                kind = WRONG
            label = text.type_of(mention)
            example = None
            if kind != CORRECT:
                note = f"gold: {text.named(right)}; predicted: {text.named(chosen)}"
                example = text.example(mention, mention in gold.cluster_of, mention in found.cluster_of, note)
            section.add(kind, None if right is None else label, None if chosen is None else label, example)

    def _add_clusters(self, text: "_Text", gold: "_Partition", found: "_Partition") -> None:
        section = self._clusters
        gold_clusters, found_clusters = gold.clusters_of_many, found.clusters_of_many
        section.gold += len(gold_clusters)
        section.predicted += len(found_clusters)
        predicted = set(map(frozenset, found_clusters))
        for cluster in gold_clusters:
            parts = found.parts(cluster)
            if frozenset(cluster) in predicted:
                section.add(EXACT, _size(cluster), _size(cluster))
            elif not parts:
                section.add(MISSING, _size(cluster), None, text.example_of_cluster(cluster, [cluster], is_gold=True))
            elif len(parts) > 1:
                section.add(DIVIDED, _size(cluster), None, text.example_of_cluster(cluster, parts, is_gold=True))
        for cluster in found_clusters:
            parts = gold.parts(cluster)
            if not parts:
                section.add(EXTRA, None, _size(cluster), text.example_of_cluster(cluster, [cluster], is_gold=False))
            elif len(parts) > 1:
                section.add(CONFLATED, None, _size(cluster), text.example_of_cluster(cluster, parts, is_gold=False))

    def _add_singletons(self, text: "_Text", gold: "_Partition", found: "_Partition") -> None:
        section = self._singletons
        section.gold += len(gold.singletons)
        section.predicted += len(found.singletons)
        for mention in sorted(gold.singletons | found.singletons):
            label = text.type_of(mention)
            in_gold, in_found = mention in gold.singletons, mention in found.singletons
            if in_gold and in_found:
                section.add(CORRECT, label, label)
                continue
            # The side that does not have it alone may have it with others.
            other = found if in_gold else gold
            others = other.parts([mention])
            kind = (JOINED if others else MISSED) if in_gold else (SPLIT_OFF if others else SPURIOUS)
            note = text.listed(other.clusters[other.cluster_of[mention]]) if others else ""
            example = text.example(mention, mention in gold.cluster_of, mention in found.cluster_of, note)
            section.add(kind, label if in_gold else None, label if in_found else None, example)


class _Partition:
    """The clusters of one side, each mention in one of them, in order of the text.

    # Attributes

    clusters : `List[List[Bounds]]`
    clusters_of_many : `List[List[Bounds]]`
        Those of two or more mentions.
    singletons : `Set[Bounds]`
        The mentions that are alone in their cluster.
    cluster_of : `Dict[Bounds, int]`
        The number of each mention's cluster.
    antecedent_of : `Dict[Bounds, Bounds]`
        The nearest mention before each one in its cluster; the first of a cluster has none.
    """

    def __init__(self, clusters: Iterable[Iterable[Bounds]]) -> None:
        self.clusters: List[List[Bounds]] = partition(clusters)
        self.clusters_of_many = [cluster for cluster in self.clusters if len(cluster) > 1]
        self.singletons = {cluster[0] for cluster in self.clusters if len(cluster) == 1}
        self.cluster_of: Dict[Bounds, int] = {}
        self.antecedent_of: Dict[Bounds, Bounds] = {}
        for number, mentions in enumerate(self.clusters):
            self.cluster_of.update(dict.fromkeys(mentions, number))
            self.antecedent_of.update(zip(mentions[1:], mentions))

    def parts(self, mentions: Iterable[Bounds]) -> List[List[Bounds]]:
        """The given mentions by the clusters that hold them here; those that none holds are left out."""
        found: Dict[int, List[Bounds]] = {}
        for mention in mentions:
            if mention in self.cluster_of:
                found.setdefault(self.cluster_of[mention], []).append(mention)
        return list(found.values())


class _Text:
    """A document's text, for examples."""

    def __init__(self, doc_key: str, sentences: List[List[str]]) -> None:
        self._doc_key = doc_key
        self._sentences = sentences
        self._tokens = [token for sentence in sentences for token in sentence]
        self._starts = [0, *accumulate(map(len, sentences))][:-1]
        self._lower_case = lower_case_words(self._tokens)

    def type_of(self, mention: Bounds) -> str:
        start, end = mention
        return mention_type(self._tokens[start : end + 1], start in self._starts, self._lower_case)

    def named(self, mention: Optional[Bounds]) -> str:
        if mention is None:
            return "no antecedent"
        return f"'{self._text(mention)}' (sentence {self._sentence(mention) + 1})"

    def example(self, mention: Bounds, in_gold: bool, in_predicted: bool, note: str = "") -> Example:
        return self._example([mention], in_gold, in_predicted, note)

    def example_of_cluster(self, cluster: Sequence[Bounds], parts: Iterable[List[Bounds]], is_gold: bool) -> Example:
        note = " \u2225 ".join(self.listed(part) for part in parts)
        return self._example(cluster, is_gold, not is_gold, note)

    def _example(self, mentions: Sequence[Bounds], in_gold: bool, in_predicted: bool, note: str) -> Example:
        """The sentence of the first mention, with all mentions in it."""
        number = self._sentence(mentions[0])
        first = self._starts[number]
        marks = [
            Span(mention[0] - first, mention[1] - first, self.type_of(mention))
            for mention in mentions
            if self._sentence(mention) == number
        ]
        gold, predicted = marks if in_gold else [], marks if in_predicted else []
        return Example(self._doc_key, number, self._sentences[number], gold, predicted, note)

    def listed(self, mentions: Sequence[Bounds]) -> str:
        named = " | ".join(map(self._text, mentions[:_MAX_NAMED]))
        return named if len(mentions) <= _MAX_NAMED else f"{named} | ... {len(mentions) - _MAX_NAMED} more"

    def _text(self, mention: Bounds) -> str:
        return " ".join(self._tokens[mention[0] : mention[1] + 1])

    def _sentence(self, mention: Bounds) -> int:
        return bisect_right(self._starts, mention[0]) - 1


def _kind(in_gold: bool, in_predicted: bool) -> str:
    return CORRECT if in_gold and in_predicted else MISSED if in_gold else SPURIOUS


def _size(cluster: Sequence[Bounds]) -> str:
    size = len(cluster)
    if size == 2:
        return "2 mentions"
    return "3 to 5 mentions" if size <= 5 else "6 or more mentions"

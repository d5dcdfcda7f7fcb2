"""Statistics of annotation layers. All lengths and distances are in tokens, all shares from 0 to 1."""

import math
from bisect import bisect_right
from collections import Counter, defaultdict
from typing import Any, DefaultDict, Dict, List, Optional

from hmtl.corpora.dependencies import (
    EMPTY_NODES,
    MULTIWORD_TOKENS,
    ROOT,
    crossing,
    dependencies_of,
    depth_of,
    has_trees,
)
from hmtl.corpora.entity_relations import EntityRelations
from hmtl.corpora.validation import count_nested, crossing_pairs
from hmtl.document import MENTION_LAYERS, Bounds, Document, Relation, Span, flatten_spans
from hmtl.inspection.measures import Distribution, covered_tokens, nesting_depth

# Stands for the type of an argument that is no span of a mention layer.
NO_TYPE = "-"


def share(part: float, whole: float) -> Optional[float]:
    """`None` where there is nothing to share."""
    return part / whole if whole else None


def counts_with_shares(counts: Counter) -> Dict[str, Dict[str, Any]]:
    """`count` and `share` of each name, the most frequent first and equals by name."""
    total = counts.total()
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return {name: {"count": count, "share": count / total} for name, count in ordered}


def entropy(counts: Counter) -> Optional[float]:
    """The entropy, in nats, of a draw with these frequencies; `None` without any."""
    total = counts.total()
    return sum(count / total * math.log(total / count) for count in counts.values() if count) if total else None


def label_figures(labels: Counter) -> Dict[str, Any]:
    """The labels, their entropy in nats, and this divided by its maximum, that of as many equally frequent labels."""
    nats = entropy(labels)
    # One label has no maximum to divide by.
    normalized = nats / math.log(len(labels)) if nats is not None and len(labels) > 1 else None
    return {"labels": counts_with_shares(labels), "label_entropy": nats, "label_entropy_normalized": normalized}


class SpanStatistics:
    """A layer of labelled spans. Its labels and nested spans are counted by `SplitCounts` of hmtl.corpora, which takes
    spans of the same tokens for one that is nested or not. `taggable` counts the distinct spans that are targets
    of a tagger, by the defaults of `TaggingReader`: the others it can only miss.

    Holds each distinct string with its label.

    # Attributes

    strings : `Counter`
        How often each `(text, label)` is annotated; the text is the tokens joined by spaces.
    """

    def __init__(self) -> None:
        self.strings: Counter = Counter()
        self._totals: Counter = Counter()
        self._lengths = Distribution()
        self._depth = 0

    def add(self, document: Document, layer: str) -> None:
        """Counts the layer of a further document."""
        spans, tokens, starts = document.spans[layer], document.tokens, document.sentence_starts
        bounds = [span.bounds for span in spans]
        self.strings.update((text_of(tokens, span.bounds), span.label) for span in spans)
        self._lengths.add(end - start + 1 for start, end in bounds)
        self._depth = max(self._depth, nesting_depth(bounds))
        self._totals.update(
            documents=1,
            sentences=len(starts),
            tokens=len(tokens),
            covered=covered_tokens(bounds),
            crossing=len(crossing_pairs(spans)),
            distinct=len(set(spans)),
            taggable=len(flatten_spans(spans)),
            annotated_sentences=len({sentence_of(starts, start) for start, _ in bounds}),
        )

    def to_json(self, labels: Counter, nested: int) -> Dict[str, Any]:
        """The statistics, with the counts of labels and of nested spans from elsewhere."""
        count, totals = labels.total(), self._totals
        return {
            "kind": "spans",
            "documents": totals["documents"],
            "spans": count,
            **label_figures(labels),
            "distinct_strings": len({text for text, _ in self.strings}),
            "span_tokens": self._lengths.to_json(),
            "nested": nested,
            "nested_share": share(nested, count),
            "nesting_depth": self._depth,
            "crossing_pairs": totals["crossing"],
            "taggable": totals["taggable"],
            "taggable_share": share(totals["taggable"], totals["distinct"]),
            "covered_tokens": totals["covered"],
            "covered_tokens_share": share(totals["covered"], totals["tokens"]),
            "annotated_sentences": totals["annotated_sentences"],
            "annotated_sentences_share": share(totals["annotated_sentences"], totals["sentences"]),
        }


class LabelStatistics:
    """A layer of labels, or of numbers, of sentences or of documents. Its labels are counted by `SplitCounts` of
    hmtl.corpora."""

    def __init__(self) -> None:
        self._totals: Counter = Counter()
        self._scope = ""
        self._numbers: Counter = Counter()

    def add(self, document: Document, layer: str) -> None:
        """Counts the layer of a further document."""
        entries = document.label_values(layer)
        self._scope = document.label_layers[layer]
        self._numbers.update(float(entry) for entry in entries if isinstance(entry, (int, float)))
        self._totals.update(
            documents=1,
            rows=len(entries),
            annotated=sum(entry is not None for entry in entries),
            several=sum(isinstance(entry, list) and len(entry) > 1 for entry in entries),
        )

    def to_json(self, labels: Counter) -> Dict[str, Any]:
        """The statistics, with the counts of labels from elsewhere; of numbers `mean`, `lowest` and `highest`."""
        totals, numbers = self._totals, self._numbers
        total = numbers.total()
        return {
            "kind": "numbers" if total else "labels",
            "scope": self._scope,
            "documents": totals["documents"],
            "rows": totals["rows"],
            "annotated": totals["annotated"],
            "annotated_share": share(totals["annotated"], totals["rows"]),
            "several": totals["several"],
            "several_share": share(totals["several"], totals["annotated"]),
            **label_figures(labels),
            "mean": sum(number * count for number, count in numbers.items()) / total if total else None,
            "lowest": min(numbers, default=None),
            "highest": max(numbers, default=None),
        }


class RelationStatistics:
    """Relations. Their labels are counted by `hmtl.corpora.validation.SplitCounts`. Those between entities are counted
    where clusters are annotated: each pair of entities and label once, see `EntityRelations`.

    Holds each distinct triple of strings.

    # Attributes

    strings : `Counter`
        How often each `(text of argument 1, label, text of argument 2)` is annotated.
    """

    def __init__(self) -> None:
        self.strings: Counter = Counter()
        self._totals: Counter = Counter()
        self._argument_types: Counter = Counter()
        self._distances = Distribution()

    def add(self, document: Document) -> None:
        """Counts the relations of a further document."""
        relations, tokens, starts = document.relations or [], document.tokens, document.sentence_starts
        types = _types_of_mentions(document)
        for arg1, arg2, label in relations:
            self.strings[text_of(tokens, arg1), label, text_of(tokens, arg2)] += 1
            self._argument_types[f"{types.get(arg1, NO_TYPE)} -> {types.get(arg2, NO_TYPE)}"] += 1
        self._distances.add(map(tokens_between, relations))
        self._totals.update(
            documents=1,
            sentences=len(starts),
            annotated_sentences=len(
                {sentence_of(starts, start) for relation in relations for start, _ in relation[:2]}
            ),
            first_argument_first=sum(relation.arg1 < relation.arg2 for relation in relations),
            overlapping=sum(max(arg1[0], arg2[0]) <= min(arg1[1], arg2[1]) for arg1, arg2, _ in relations),
            across=len(document.relations_across_sentences),
        )
        if document.clusters is not None:
            of_entities = EntityRelations(document)
            self._totals.update(
                of_entities=len(of_entities.gold),
                of_entities_in_one=sum(map(of_entities.is_in_one_sentence, of_entities.gold)),
            )

    def to_json(self, labels: Counter) -> Dict[str, Any]:
        """The statistics, with the counts of labels from elsewhere."""
        count, totals = labels.total(), self._totals
        return {
            "kind": "relations",
            "documents": totals["documents"],
            "relations": count,
            **label_figures(labels),
            "argument_types": counts_with_shares(self._argument_types),
            "tokens_between": self._distances.to_json(),
            "across_sentences": totals["across"],
            "across_sentences_share": share(totals["across"], count),
            "between_entities": totals["of_entities"],
            "between_entities_in_one_sentence": totals["of_entities_in_one"],
            "between_entities_in_one_sentence_share": share(totals["of_entities_in_one"], totals["of_entities"]),
            "overlapping_arguments": totals["overlapping"],
            "overlapping_arguments_share": share(totals["overlapping"], count),
            "first_argument_first": totals["first_argument_first"],
            "first_argument_first_share": share(totals["first_argument_first"], count),
            "annotated_sentences": totals["annotated_sentences"],
            "annotated_sentences_share": share(totals["annotated_sentences"], totals["sentences"]),
        }


class ClusterStatistics:
    """Coreference. Clusters, mentions and clusters of one are counted by `hmtl.corpora.validation.SplitCounts`.

    Successive mentions of a cluster, in the order of the text, make a link; its length is from start to start.
    """

    def __init__(self) -> None:
        self._totals: Counter = Counter()
        self._sizes, self._lengths, self._distances = Distribution(), Distribution(), Distribution()

    def add(self, document: Document) -> None:
        """Counts the clusters of a further document."""
        clusters, starts = [sorted(cluster) for cluster in document.clusters or []], document.sentence_starts
        links = [link for cluster in clusters for link in zip(cluster, cluster[1:])]
        mentions = [mention for cluster in clusters for mention in cluster]
        spans = [Span(start, end, "") for start, end in mentions]
        self._sizes.add(map(len, clusters))
        self._lengths.add(end - start + 1 for start, end in mentions)
        self._distances.add(second[0] - first[0] for first, second in links)
        self._totals.update(
            documents=1,
            tokens=len(document.tokens),
            covered=covered_tokens(mentions),
            nested=count_nested(spans),
            crossing=len(crossing_pairs(spans)),
            links=len(links),
            across=sum(sentence_of(starts, first[0]) != sentence_of(starts, second[0]) for first, second in links),
            nested_links=sum(second[1] <= first[1] or second[0] == first[0] for first, second in links),
        )

    def to_json(self, counts: Counter) -> Dict[str, Any]:
        """The statistics, with the counts of clusters and mentions from elsewhere."""
        clusters, mentions, singletons = counts["clusters"], counts["mentions"], counts["clusters of one mention"]
        totals = self._totals
        return {
            "kind": "clusters",
            "documents": totals["documents"],
            "clusters": clusters,
            "mentions": mentions,
            "singletons": singletons,
            "singletons_share": share(singletons, clusters),
            "cluster_mentions": self._sizes.to_json(),
            "mention_tokens": self._lengths.to_json(),
            "nested": totals["nested"],
            "nested_share": share(totals["nested"], mentions),
            "crossing_pairs": totals["crossing"],
            "covered_tokens": totals["covered"],
            "covered_tokens_share": share(totals["covered"], totals["tokens"]),
            "links": totals["links"],
            "link_tokens": self._distances.to_json(),
            "links_across_sentences": totals["across"],
            "links_across_sentences_share": share(totals["across"], totals["links"]),
            "links_nested": totals["nested_links"],
            "links_nested_share": share(totals["nested_links"], totals["links"]),
        }


class DependencyStatistics:
    """Dependency trees. Their relations are a layer of spans, which is counted by itself. Documents in which a sentence
    is no tree, which `hmtl validate` names, are counted, and their arcs are not."""

    def __init__(self) -> None:
        self._totals: Counter = Counter()
        self._places: Counter = Counter()
        self._distances, self._depths = Distribution(), Distribution()

    def add(self, document: Document) -> None:
        """Counts the trees of a further document that has heads."""
        self._totals.update(
            documents=1,
            multiword=len(document.metadata.get(MULTIWORD_TOKENS, [])),
            empty=document.metadata.get(EMPTY_NODES, 0),
        )
        if not has_trees(document):
            self._totals["without_trees"] += 1
            return
        for arcs in dependencies_of(document):
            below_root = [arc for arc in arcs if arc.head != ROOT]
            crossing_arcs = crossing(arcs)
            self._distances.add(abs(arc.head - arc.token) for arc in below_root)
            self._depths.add([depth_of(arcs)])
            self._totals.update(
                sentences=1,
                arcs=len(below_root),
                head_first=sum(arc.head < arc.token for arc in below_root),
                crossing=len(crossing_arcs),
                crossing_sentences=bool(crossing_arcs),
            )

    def to_json(self) -> Dict[str, Any]:
        """The statistics; the arc to the root is none of `arcs`."""
        totals = self._totals
        return {
            "kind": "dependencies",
            "documents": totals["documents"],
            "documents_without_trees": totals["without_trees"],
            "trees": totals["sentences"],
            "arcs": totals["arcs"],
            "head_distance": self._distances.to_json(),
            "tree_depth": self._depths.to_json(),
            "head_first": totals["head_first"],
            "head_first_share": share(totals["head_first"], totals["arcs"]),
            "crossing_arcs": totals["crossing"],
            "crossing_arcs_share": share(totals["crossing"], totals["arcs"]),
            "crossing_trees": totals["crossing_sentences"],
            "crossing_trees_share": share(totals["crossing_sentences"], totals["sentences"]),
            "multiword_tokens": totals["multiword"],
            "empty_nodes": totals["empty"],
        }


def tokens_between(relation: Relation) -> int:
    """How many tokens stand between the arguments; 0 where they touch or overlap."""
    (start1, end1), (start2, end2), _ = relation
    return max(0, max(start1, start2) - min(end1, end2) - 1)


def text_of(tokens: List[str], bounds: Bounds) -> str:
    """The tokens of a span, joined by spaces."""
    return " ".join(tokens[bounds[0] : bounds[1] + 1])


def sentence_of(sentence_starts: List[int], token: int) -> int:
    """The number, from 0, of the sentence that holds a token."""
    return bisect_right(sentence_starts, token) - 1


def _types_of_mentions(document: Document) -> Dict[Bounds, str]:
    """The label of each span of the layer that holds the arguments of relations; several labels are joined by `|`."""
    layer = next((name for name in MENTION_LAYERS if name in document.spans), None)
    labels: DefaultDict[Bounds, List[str]] = defaultdict(list)
    for span in document.spans[layer] if layer else []:
        labels[span.bounds].append(span.label)
    return {bounds: "|".join(sorted(set(found))) for bounds, found in labels.items()}

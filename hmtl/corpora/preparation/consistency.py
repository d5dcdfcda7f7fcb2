"""Drops annotation that contradicts itself, which no model could learn and the validation of a corpus refuses."""

from typing import Dict, List, Sequence, TypeVar

from hmtl.corpora.preparation.source import Converted, Dropped
from hmtl.document import MENTION_LAYERS, Bounds, Document

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

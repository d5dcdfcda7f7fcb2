"""The scores of answers in the terms of the tasks that the questions came from."""

from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Tuple

from hmtl.common.distributed import all_gather_object, get_rank, get_world_size
from hmtl.document import Bounds, Relation, Span
from hmtl.metrics import AnswerScores, CoreferenceScores, LabelledF1
from hmtl.metrics.coreference_scores import AVERAGED
from hmtl.text import TokenizedText

# A mention of a document, and the spans that it was linked to.
Links = List[Tuple[Bounds, Bounds]]


class Found(NamedTuple):
    """An answer in a row, with the label and the span of its question, and the log-odds that it is one."""

    label: str
    about: Optional[Bounds]
    bounds: Bounds
    weight: float


class TaskScores:
    """What the answers of a source count as. Its foremost figure is `f1`."""

    def __call__(self, row: Dict[str, Any], found: List[Found]) -> None:
        """Counts a row, by its metadata."""
        raise NotImplementedError

    def get_metric(self) -> Dict[str, float]:
        """All figures. Every distributed worker must ask, or none."""
        raise NotImplementedError


class SpanScores(TaskScores):
    """Precision, recall and F1 of labelled spans, over all gold."""

    def __init__(self) -> None:
        self._f1 = LabelledF1()

    def __call__(self, row: Dict[str, Any], found: List[Found]) -> None:
        if row["one_label"]:
            found = list({each.bounds: each for each in sorted(found, key=lambda each: each.weight)}.values())
        self._f1([[Span(*each.bounds, each.label) for each in found]], [row["gold"]])

    def get_metric(self) -> Dict[str, float]:
        return self._f1.get_metric()


class GivenHeadScores(TaskScores):
    """Precision, recall and F1 of relations by both bounds and the label, over all gold; first arguments are given."""

    def __init__(self) -> None:
        self._f1 = LabelledF1()

    def __call__(self, row: Dict[str, Any], found: List[Found]) -> None:
        relations = [Relation(each.about, each.bounds, each.label) for each in found if each.about is not None]
        self._f1([relations], [row["gold"]])

    def get_metric(self) -> Dict[str, float]:
        return self._f1.get_metric()


class LinkScores(TaskScores):
    """The CoNLL scores of the clusters that links make, over whole documents; a document's windows may come in any
    order and, of distributed workers, anywhere."""

    def __init__(self) -> None:
        self._gold: Dict[str, List[List[Bounds]]] = {}
        self._links: Dict[str, Links] = {}

    def __call__(self, row: Dict[str, Any], found: List[Found]) -> None:
        first, key = row["first"], row["doc_key"]
        self._gold[key] = row["gold"]
        links = self._links.setdefault(key, [])
        for each in found:
            if each.about is not None:
                links.append((_moved(each.about, first), _moved(each.bounds, first)))

    def get_metric(self) -> Dict[str, float]:
        rank, number = get_rank(), get_world_size()
        gold = pooled(self._gold)
        # The windows of a document may be anywhere.
        of_documents: Dict[str, Links] = {}
        for (key, _), links in pooled({(key, rank): links for key, links in self._links.items()}).items():
            of_documents.setdefault(key, []).extend(links)
        scores = CoreferenceScores()
        # Every worker has all documents now, and sums would count them as often as there are workers.
        for key in sorted(gold)[rank::number]:
            scores([clusters_of(of_documents[key])], [gold[key]])
        found = scores.get_metric()
        of_parts = {f"f1_{part}": found[f"{part}_f1"] for part in AVERAGED}
        return {**{name: found[name] for name in ("precision", "recall", "f1")}, **of_parts}


class TextScores(TaskScores):
    """Exact match and F1 of answers as texts."""

    def __init__(self) -> None:
        self._scores = AnswerScores()

    def __call__(self, row: Dict[str, Any], found: List[Found]) -> None:
        if "token_offsets" in row:
            text = TokenizedText(row["text"], row["sentences"], row["token_offsets"])
        else:
            text = TokenizedText.from_sentences(row["sentences"])
        best: Dict[str, Found] = {}
        for each in found:
            if each.label not in best or each.weight > best[each.label].weight:
                best[each.label] = each
        self._scores({name: text.mention(*each.bounds)["text"] for name, each in best.items()}, row["gold"])

    def get_metric(self) -> Dict[str, float]:
        return self._scores.get_metric()


# By the names of `QuestionSource`s.
TASK_SCORES = {"spans": SpanScores, "relations": GivenHeadScores, "clusters": LinkScores, "texts": TextScores}


def clusters_of(links: Iterable[Tuple[Bounds, Bounds]]) -> List[List[Bounds]]:
    """The connected components of linked spans, each sorted."""
    cluster_of: Dict[Bounds, List[Bounds]] = {}
    for one, other in links:
        first, second = cluster_of.setdefault(one, [one]), cluster_of.setdefault(other, [other])
        if first is not second:
            first, second = (first, second) if len(first) >= len(second) else (second, first)
            first.extend(second)
            for mention in second:
                cluster_of[mention] = first
    distinct = {id(cluster): cluster for cluster in cluster_of.values()}
    return sorted(sorted(cluster) for cluster in distinct.values() if len(cluster) > 1)


def _moved(bounds: Bounds, by: int) -> Bounds:
    return bounds[0] + by, bounds[1] + by


def pooled(values: Dict[Any, Any]) -> Dict[Any, Any]:
    """The values of all distributed workers by name, of which some workers may have some alone."""
    return {name: value for of_worker in all_gather_object(values) for name, value in of_worker.items()}

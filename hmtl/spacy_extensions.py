"""Relations and clusters of spaCy's documents: `doc._.relations` and `doc._.clusters`.

Both can be read and set. They are kept in `doc.user_data` as plain values under a key of the form that spaCy uses for
extensions of spans, so that they go wherever its user data go, and `Doc.from_docs` and
`span.as_doc(copy_user_data=True)` move them along with their text. Each mention is kept with its characters and its
text: one that another document no longer has is left out there, with the relations that name it, and so is a cluster of
several of which one is left.
"""

from functools import partial
from itertools import accumulate
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

from spacy.tokens import Doc, Span
from spacy.training import Example

from hmtl.document import Bounds
from hmtl.errors import UserError
from hmtl.metrics import CoreferenceScores, LabelledF1

RELATIONS, CLUSTERS = "relations", "clusters"

# `spacy.tokens.underscore` has it in its keys: ("._.", name, char_start, char_end).
_MARK, _PREFIX = "._.", "hmtl_"
_NUMBERS = {"precision": "p", "recall": "r", "f1": "f"}


class DocRelation(NamedTuple):
    """A relation, with its probability."""

    label: str
    arg1: Span
    arg2: Span
    score: Optional[float] = None


class DocCluster(NamedTuple):
    """Mentions of one thing, the one that names it best (see `mark_heads`), and the probability of each one's link."""

    head: Span
    mentions: List[Span]
    scores: List[Optional[float]]


def set_extensions(
    relations: Optional[str] = RELATIONS, clusters: Optional[str] = CLUSTERS, only_free: bool = False
) -> None:
    """Makes `doc._.relations` and `doc._.clusters`, or the same by other names. A component does so itself; documents
    that were saved under other names need it.

    # Parameters

    relations, clusters : `Optional[str]`
        The names; `None` for none.
    only_free : `bool`, optional (default = `False`)
        Whether to leave names alone that are taken.

    # Raises

    UserError
        Where an extension of another's has the name.
    """
    for name, getter, setter, option in (
        (relations, _relations, _set_relations, "relations_attr"),
        (clusters, _clusters, _set_clusters, "clusters_attr"),
    ):
        if name is None:
            continue
        if not Doc.has_extension(name):
            Doc.set_extension(name, getter=partial(getter, name=name), setter=partial(setter, name=name))
        elif not only_free and not _is_ours(name, getter):
            raise UserError(
                f"spaCy's documents already have an extension '{name}' of another's; name ours otherwise by "
                f"'{option}', or remove the other (Doc.remove_extension('{name}'))"
            )


def _is_ours(name: str, getter: Callable) -> bool:
    existing = getattr(Doc.get_extension(name)[2], "func", None)
    # By name: the module may have been loaded anew.
    return (getattr(existing, "__module__", None), getattr(existing, "__qualname__", None)) == (
        getter.__module__,
        getter.__qualname__,
    )


def _relations(doc: Doc, name: str) -> List[DocRelation]:
    return [
        DocRelation(label, _span(doc, arg1), _span(doc, arg2), score)
        for label, arg1, arg2, score in _kept_relations(doc, name)
    ]


def _set_relations(doc: Doc, relations: Iterable[Union[DocRelation, Sequence[Any]]], name: str) -> None:
    """Takes a `DocRelation` each, or `(label, arg1, arg2)`."""
    rows = []
    for relation in relations:
        label, arg1, arg2, score = DocRelation(*relation)
        rows.append({"label": label, "arg1": _mention(arg1), "arg2": _mention(arg2), "score": score})
    _keep(doc, name, rows)


def _clusters(doc: Doc, name: str) -> List[DocCluster]:
    clusters = []
    for head, mentions, scores in _kept_clusters(doc, name):
        spans = [_span(doc, bounds) for bounds in mentions]
        clusters.append(DocCluster(spans[head], spans, scores))
    return clusters


def _set_clusters(doc: Doc, clusters: Iterable[Union[DocCluster, Sequence[Span]]], name: str) -> None:
    """Takes a `DocCluster` each, or a list of mentions, of which the first is the head."""
    rows = []
    for cluster in clusters:
        if not isinstance(cluster, DocCluster):
            cluster = DocCluster(cluster[0], list(cluster), [None] * len(cluster))
        rows.append(
            {
                "head": cluster.mentions.index(cluster.head),
                "mentions": [_mention(mention) for mention in cluster.mentions],
                "scores": list(cluster.scores),
            }
        )
    _keep(doc, name, rows)


def _keep(doc: Doc, name: str, rows: List[Dict[str, Any]]) -> None:
    data = _user_data(doc)
    for key in _keys(doc, name):
        del data[key]
    data[_MARK, _PREFIX + name, 0, len(doc.text)] = rows


def _user_data(doc: Doc) -> Dict[Any, Any]:
    return doc.user_data


def _keys(doc: Doc, name: str) -> List[Tuple[Any, ...]]:
    """Those of the texts that the document was made of, in order of the text."""
    keys = [key for key in _user_data(doc) if isinstance(key, tuple) and len(key) == 4]
    return sorted((key for key in keys if key[:2] == (_MARK, _PREFIX + name)), key=lambda key: key[2])


def _rows(doc: Doc, name: str) -> Iterator[Tuple[int, Dict[str, Any]]]:
    """What is kept, and where the text that it counts from begins."""
    return ((key[2], row) for key in _keys(doc, name) for row in _user_data(doc)[key])


def _mention(span: Span) -> List[Any]:
    return [span.start_char, span.end_char, span.text]


def _place(text: str, first: int, mention: Sequence[Any]) -> Optional[Bounds]:
    """The characters of a mention, where the text still has it."""
    start, end, covered = first + mention[0], first + mention[1], mention[2]
    return (start, end) if start >= 0 and text[start:end] == covered else None


def _kept_relations(doc: Doc, name: str) -> Iterator[Tuple[str, Bounds, Bounds, Optional[float]]]:
    text = doc.text
    for first, row in _rows(doc, name):
        arg1, arg2 = _place(text, first, row["arg1"]), _place(text, first, row["arg2"])
        if arg1 is not None and arg2 is not None:
            yield row["label"], arg1, arg2, row["score"]


def _kept_clusters(doc: Doc, name: str) -> Iterator[Tuple[int, List[Bounds], List[Optional[float]]]]:
    """The number of the head, the mentions and their scores."""
    text = doc.text
    for first, row in _rows(doc, name):
        places = [_place(text, first, mention) for mention in row["mentions"]]
        left = [number for number, place in enumerate(places) if place is not None]
        if len(left) < min(2, len(places)):
            continue
        mentions = [place for place in places if place is not None]
        if row["head"] in left:
            head = left.index(row["head"])
        else:
            head = max(range(len(mentions)), key=lambda number: mentions[number][1] - mentions[number][0])
        yield head, mentions, [row["scores"][number] for number in left]


def _span(doc: Doc, bounds: Bounds) -> Span:
    # Tokens may have been merged.
    span = doc.char_span(*bounds, alignment_mode="expand")
    assert span is not None
    return span


def relation_scores(examples: Iterable[Example], name: str) -> Dict[str, Any]:
    """`{name}_p`, `_r`, `_f` and `_per_type` of relations whose arguments are right, and `_last_tokens_f` of those
    whose arguments end where they should; `None` where no reference document has relations."""
    metric, by_last_tokens = LabelledF1(), LabelledF1()
    annotated = [example for example in examples if _keys(example.reference, name)]
    for example in annotated:
        rows = []
        for doc in (example.predicted, example.reference):
            place = _places(doc)
            rows.append([(place(arg1), place(arg2), label) for label, arg1, arg2, _ in _kept_relations(doc, name)])
        metric(rows[:1], rows[1:])
        by_last_tokens(*([[(arg1[1], arg2[1], label) for arg1, arg2, label in side]] for side in rows))
    if not annotated:
        return dict.fromkeys(f"{name}_{part}" for part in ("p", "r", "f", "per_type", "last_tokens_f"))
    return {
        **{f"{name}_{_NUMBERS[number]}": value for number, value in metric.get_metric().items()},
        f"{name}_per_type": {
            label: {short: scores[number] for number, short in _NUMBERS.items()}
            for label, scores in metric.by_label().items()
        },
        f"{name}_last_tokens_f": by_last_tokens.get_metric()["f1"],
    }


def cluster_scores(examples: Iterable[Example], name: str) -> Dict[str, Any]:
    """The numbers of `CoreferenceScores`, `{name}_p`, `{name}_muc_f` and so on; `None` where no reference document has
    clusters."""
    metric = CoreferenceScores()
    annotated = [example for example in examples if _keys(example.reference, name)]
    for example in annotated:
        sides = []
        for doc in (example.predicted, example.reference):
            place = _places(doc)
            sides.append([[place(mention) for mention in mentions] for _, mentions, _ in _kept_clusters(doc, name)])
        metric(sides[:1], sides[1:])
    scores = {}
    for key, value in metric.get_metric().items():
        prefix, _, number = key.rpartition("_") if "_" in key else ("", "", key)
        if number in _NUMBERS:
            scores["_".join(part for part in (name, prefix, _NUMBERS[number]) if part)] = value if annotated else None
    return scores


def _places(doc: Doc) -> Callable[[Bounds], Bounds]:
    """Counts characters that are no white space: an example's two documents may differ in it, as in tokens."""
    counts = [0, *accumulate(not character.isspace() for character in doc.text)]
    return lambda bounds: (counts[bounds[0]], counts[bounds[1]])

"""What an `HMTL` model finds, in spaCy's documents: `doc._.relations`, `doc._.clusters`, and `doc._.{task}` for tasks
of other kinds of prediction.

They can be read and set. They are kept in `doc.user_data` as plain values under a key of the form that spaCy uses for
extensions of spans, so that they go wherever its user data go, and `Doc.from_docs` and
`span.as_doc(copy_user_data=True)` move them along with their text. Each mention is kept with its characters and its
text: one that another document no longer has is left out there, with what cannot be without it, such as the relations
that name it and a cluster of several of which one is left. What the values are, the kind says (`Kind.doc_value`).
"""

from functools import partial
from itertools import accumulate
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

from spacy.tokens import Doc, Span
from spacy.training import Example

from hmtl.document import Bounds
from hmtl.errors import UserError
from hmtl.tasks.clusters.cluster_kind import DocCluster
from hmtl.tasks.kind import DocItem, kind_of
from hmtl.tasks.relations.relation_kind import DocRelation

__all__ = ["DocCluster", "DocItem", "DocRelation", "cluster_scores", "doc_scores", "relation_scores", "set_extensions"]

RELATIONS, CLUSTERS = "relations", "clusters"

# `spacy.tokens.underscore` has it in its keys: ("._.", name, char_start, char_end).
_MARK, _PREFIX = "._.", "hmtl_"


def set_extensions(
    relations: Optional[str] = RELATIONS,
    clusters: Optional[str] = CLUSTERS,
    only_free: bool = False,
    others: Optional[Mapping[str, str]] = None,
) -> None:
    """Makes `doc._.relations` and `doc._.clusters`, or the same by other names. A component does so itself; documents
    that were saved under other names need it.

    # Parameters

    relations, clusters : `Optional[str]`
        The names; `None` for none.
    only_free : `bool`, optional (default = `False`)
        Whether to leave names alone that are taken.
    others : `Mapping[str, str]`, optional (default = none)
        The names of further extensions, which are those of tasks, and the kind of prediction of each.

    # Raises

    UserError
        Where an extension of another's has the name.
    """
    wanted = [(relations, RELATIONS, "relations_attr"), (clusters, CLUSTERS, "clusters_attr")]
    for name, kind, option in [*wanted, *((name, kind, "") for name, kind in (others or {}).items())]:
        if name is None:
            continue
        if not Doc.has_extension(name):
            getter, setter = partial(_values, name=name, kind=kind), partial(_set_values, name=name, kind=kind)
            Doc.set_extension(name, getter=getter, setter=setter)
        elif not only_free and not _is_ours(name, kind):
            advice = f"name ours otherwise by '{option}', or remove" if option else "remove"
            raise UserError(
                f"spaCy's documents already have an extension '{name}' of another's; {advice} the other "
                f"(Doc.remove_extension('{name}'))"
            )


def _is_ours(name: str, kind: str) -> bool:
    existing = Doc.get_extension(name)[2]
    function, arguments = getattr(existing, "func", None), getattr(existing, "keywords", {})
    # By name: the module may have been loaded anew.
    names = (getattr(function, "__module__", None), getattr(function, "__qualname__", None), arguments.get("kind"))
    return names == (_values.__module__, _values.__qualname__, kind)


def _values(doc: Doc, name: str, kind: str) -> List[Any]:
    text = doc.text

    def find(first: int, mention: Sequence[Any]) -> Optional[Span]:
        bounds = _place(text, first, mention)
        return None if bounds is None else _span(doc, bounds)

    return _restored(doc, name, kind, find)


def _set_values(doc: Doc, values: Iterable[Any], name: str, kind: str) -> None:
    """Takes what the kind's `kept` takes."""
    keep = kind_of(kind).kept
    _keep(doc, name, [keep(value, _mention) for value in values])


def _restored(doc: Doc, name: str, kind: str, find: Callable[[int, Sequence[Any]], Optional[Any]]) -> List[Any]:
    """The values that a document has left; `find` takes a mention, and before it the character that it counts from."""
    restore = kind_of(kind).restored
    values = (restore(row, partial(find, first)) for first, row in _rows(doc, name))
    return [value for value in values if value is not None]


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


def _span(doc: Doc, bounds: Bounds) -> Span:
    # Tokens may have been merged.
    span = doc.char_span(*bounds, alignment_mode="expand")
    assert span is not None
    return span


def relation_scores(examples: Iterable[Example], name: str) -> Dict[str, Any]:
    """`doc_scores` of relations; see `Relations.doc_scores`."""
    return doc_scores(examples, name, RELATIONS)


def cluster_scores(examples: Iterable[Example], name: str) -> Dict[str, Any]:
    """`doc_scores` of clusters; see `Clusters.doc_scores`."""
    return doc_scores(examples, name, CLUSTERS)


def doc_scores(examples: Iterable[Example], name: str, kind: str) -> Dict[str, Any]:
    """The scores that a kind of prediction has, of the extension of that name; `None` each where no reference document
    has it."""
    annotated = [example for example in examples if _keys(example.reference, name)]
    pairs = ((_bare(example.predicted, name, kind), _bare(example.reference, name, kind)) for example in annotated)
    scores = kind_of(kind).doc_scores(pairs, name)
    return scores if annotated else dict.fromkeys(scores)


def _bare(doc: Doc, name: str, kind: str) -> List[Any]:
    """The values of a document with bounds that those of another can be compared with in place of spans."""
    place, text = _places(doc), doc.text

    def find(first: int, mention: Sequence[Any]) -> Optional[Bounds]:
        bounds = _place(text, first, mention)
        return None if bounds is None else place(bounds)

    return _restored(doc, name, kind, find)


def _places(doc: Doc) -> Callable[[Bounds], Bounds]:
    """Counts characters that are no white space: an example's two documents may differ in it, as in tokens."""
    counts = [0, *accumulate(not character.isspace() for character in doc.text)]
    return lambda bounds: (counts[bounds[0]], counts[bounds[1]])

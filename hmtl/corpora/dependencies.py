"""Dependency trees of a document: where they are kept, and that they are trees.

A `Document` keeps them in two places, which CoNLL-U's columns HEAD and DEPREL become: `metadata["heads"]` has a list
for each sentence, of the position of each token's head in the sentence, from 0, and -1 at the root; a span layer, by
default `deprel`, has a span of one token for each, labelled with its relation to the head.
"""

from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, NoReturn, Optional, Sequence

from hmtl.common.checks import shown
from hmtl.document import Document, Span
from hmtl.errors import DataError

ROOT = -1
HEADS, RELATIONS = "heads", "deprel"
# What reports and tasks call the two together.
DEPENDENCIES = "dependencies"
# Of CoNLL-U, in the metadata: `[first, last, form]` for each multiword token, by tokens of the document, both ends
# included; and how many nodes stand for no word.
MULTIWORD_TOKENS, EMPTY_NODES = "multiword_tokens", "empty_nodes"


class Dependency(NamedTuple):
    """A token, its head (`ROOT` for none) and the relation between them; offsets count tokens of the sentence."""

    token: int
    head: int
    label: str


def has_dependencies(document: Document, layer: str = RELATIONS) -> bool:
    """Whether a document has heads and the layer of their relations."""
    return HEADS in document.metadata and layer in document.spans


def dependencies_of(document: Document, layer: str = RELATIONS) -> List[List[Dependency]]:
    """The dependencies of each sentence, one for each of its tokens, in their order.

    # Raises

    DataError
        Where the document has no heads or no such layer, or those of a sentence are no tree with one root that has one
        relation for each token: the first such place, with what is there and what is expected.
    """
    name = f"document '{document.doc_key}'"
    if not has_dependencies(document, layer):
        missing = f"no '{HEADS}' in its metadata" if HEADS not in document.metadata else f"no layer '{layer}'"
        there = ", ".join([*document.layers, *document.metadata]) or "none"
        raise DataError(
            f"{name} has {missing}, which dependencies need (it has: {there}); docs/formats.md has the layout"
        )
    heads, sentences = document.metadata[HEADS], document.sentences
    if not isinstance(heads, list) or len(heads) != len(sentences):
        found = f"{len(heads)} entries" if isinstance(heads, list) else type(heads).__name__
        raise DataError(
            f"{name}: '{HEADS}' must hold one list for each of the {len(sentences)} sentences, found {found}"
        )
    return [
        _of_sentence(f"{name}, sentence {number}", tokens, of_sentence, spans, layer)
        for number, (tokens, of_sentence, spans) in enumerate(zip(sentences, heads, document.spans_by_sentence(layer)))
    ]


def has_trees(document: Document, layer: str = RELATIONS) -> bool:
    """Whether a document has dependencies, and each sentence is a tree."""
    try:
        dependencies_of(document, layer)
    except DataError:
        return False
    return True


def set_dependencies(document: Document, by_sentence: Iterable[Sequence[Dependency]], layer: str = RELATIONS) -> None:
    """Gives a document the dependencies of its sentences, one for each token, in their order."""
    by_sentence = list(by_sentence)
    document.metadata[HEADS] = [[head for _, head, _ in arcs] for arcs in by_sentence]
    document.spans[layer] = [
        Span(first + token, first + token, label)
        for first, arcs in zip(document.sentence_starts, by_sentence)
        for token, _, label in arcs
    ]


def rows_of(by_sentence: Iterable[Sequence[Dependency]], text: Any) -> List[Dict[str, Any]]:
    """The dependencies of a text as the predictor's output has them: `{label, head, dependent}`, where the head and the
    dependent are what the `mention` of the `TokenizedText` makes of a token, and the head of the root is `None`."""
    rows, first = [], 0
    for arcs in by_sentence:
        for token, head, label in arcs:
            above = None if head == ROOT else text.mention(first + head, first + head)
            rows.append({"label": label, "head": above, "dependent": text.mention(first + token, first + token)})
        first += len(arcs)
    return rows


def dependencies_of_rows(
    rows: Iterable[Mapping[str, Any]], sentences: Sequence[Sequence[str]]
) -> List[List[Dependency]]:
    """The dependencies of each sentence, by the rows of a text's output, in the order of the tokens.

    # Raises

    DataError
        Where a head is in another sentence than its dependent.
    """
    place = [(number, token) for number, tokens in enumerate(sentences) for token in range(len(tokens))]
    by_sentence: List[List[Dependency]] = [[] for _ in sentences]
    for row in rows:
        number, token = place[row["dependent"]["start"]]
        of_head, head = (number, ROOT) if row["head"] is None else place[row["head"]["start"]]
        if of_head != number:
            message = (
                f"token {token} of sentence {number} depends on one of sentence {of_head}; expected one of its own"
            )
            raise DataError(message)
        by_sentence[number].append(Dependency(token, head, row["label"]))
    return [sorted(arcs) for arcs in by_sentence]


def crossing(arcs: Sequence[Dependency]) -> List[Dependency]:
    """The arcs that are not projective: between their ends stands a token that the head does not lead to, by arcs of
    the same tree."""
    heads = [head for _, head, _ in arcs]

    def is_below(token: int, head: int) -> bool:
        while token not in (head, ROOT):
            token = heads[token]
        return token == head

    return [
        arc
        for arc in arcs
        if arc.head != ROOT
        and not all(is_below(between, arc.head) for between in range(min(arc[:2]) + 1, max(arc[:2])))
    ]


def depth_of(arcs: Sequence[Dependency]) -> int:
    """The most arcs from a token up to the root, whose own arc counts as one."""
    depths = {ROOT: 0}
    for arc in arcs:
        path: List[int] = []
        token = arc.token
        while token not in depths:
            path.append(token)
            token = arcs[token].head
        for passed in reversed(path):
            depths[passed] = depths[arcs[passed].head] + 1
    return max(depths.values())


def _of_sentence(place: str, tokens: Sequence[str], heads: Any, spans: Sequence[Span], layer: str) -> List[Dependency]:
    def fail(message: str) -> NoReturn:
        raise DataError(f"{place}: {message}")

    length = len(tokens)
    if not isinstance(heads, list) or len(heads) != length:
        found = f"{len(heads)}" if isinstance(heads, list) else shown(heads)
        fail(f"expected a head for each of its {length} tokens, found {found}")
    for token, head in enumerate(heads):
        if isinstance(head, bool) or not isinstance(head, int) or not ROOT <= head < length or head == token:
            fail(
                f"the head of token {token} '{tokens[token]}' is {shown(head)}; expected the position of another token "
                f"of the sentence, from 0 to {length - 1}, or {ROOT} for the root"
            )
    roots = [token for token, head in enumerate(heads) if head == ROOT]
    if len(roots) != 1:
        fail(f"expected one root, a token with the head {ROOT}, found {len(roots)}")
    lost = _in_a_circle(heads)
    if lost is not None:
        fail(f"the heads above token {lost} '{tokens[lost]}' go round in a circle; expected a tree")
    labels: List[Optional[str]] = [None] * length
    for start, end, label in spans:
        if start != end or labels[start] is not None:
            fail(f"'{layer}' has {label} for the tokens {start} to {end}; expected one relation for each token alone")
        labels[start] = label
    arcs = []
    for token, (head, relation) in enumerate(zip(heads, labels)):
        if relation is None:
            fail(f"token {token} '{tokens[token]}' has no relation in '{layer}'; expected one for each token")
        arcs.append(Dependency(token, head, relation))
    return arcs


def _in_a_circle(heads: Sequence[int]) -> Optional[int]:
    """A token from which no way leads up to the root; `None` where there is none."""
    is_fine = [False] * len(heads)
    for start in range(len(heads)):
        path: List[int] = []
        token = start
        while token != ROOT and not is_fine[token]:
            if len(path) > len(heads):
                return start
            path.append(token)
            token = heads[token]
        for passed in path:
            is_fine[passed] = True
    return None

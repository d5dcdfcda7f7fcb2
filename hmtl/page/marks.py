"""Spans of any layers as one nesting of marks, as a page needs it."""

from collections import defaultdict
from typing import DefaultDict, Iterator, List, NamedTuple, Sequence


class Annotated(NamedTuple):
    """Tokens `start` to `end`, both included, of a sentence; `identity` says which annotation they carry."""

    start: int
    end: int
    identity: int


class Event(NamedTuple):
    """A step through a sentence: `open` or `close` the mark of an annotation, or write a `token`.

    # Attributes

    kind : `str`
        `open`, `close` or `token`.
    number : `int`
        The identity of the annotation, or the number of the token.
    whole : `bool`
        Of `open`: the annotation begins here; of `close`: it ends here. Otherwise it goes on in another mark, as marks
        cannot cross.
    """

    kind: str
    number: int
    whole: bool = True


def nested_marks(spans: Sequence[Annotated], num_tokens: int) -> Iterator[Event]:
    """The steps that write a sentence: each token once, marks well nested, longer spans outside.

    A span that crosses another is cut where the other ends.
    """
    beginning: DefaultDict[int, List[Annotated]] = defaultdict(list)
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        beginning[span.start].append(span)
    opened: List[Annotated] = []
    for token in range(num_tokens):
        for span in beginning[token]:
            yield Event("open", span.identity)
        opened += beginning[token]
        yield Event("token", token)
        ending = [span.end == token for span in opened]
        if not any(ending):
            continue
        # All marks from the outermost that ends are closed, and those that go on are opened again.
        outermost = ending.index(True)
        for span in reversed(opened[outermost:]):
            yield Event("close", span.identity, span.end == token)
        going_on = [span for span in opened[outermost:] if span.end != token]
        for span in going_on:
            yield Event("open", span.identity, False)
        opened = opened[:outermost] + going_on

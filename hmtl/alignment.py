"""Annotations of a text: from characters to tokens and into sentences, with a count of all that changes on the way."""

from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Dict, Iterable, List, Literal, Mapping, NamedTuple, Optional, Sequence, Set, Tuple, get_args

from hmtl.errors import ConfigurationError, DataError
from hmtl.text import TokenizedText

Bounds = Tuple[int, int]
LabelledBounds = Tuple[int, int, str]
LabelledPair = Tuple[Bounds, Bounds, str]
# New bounds, or the reason why there are none, a text.
Place = Any

Boundaries = Literal["split", "snap", "drop", "error"]
Crossing = Literal["merge", "drop", "error"]
Discontinuous = Literal["cover", "first", "drop", "error"]


@dataclass(frozen=True)
class Policies:
    """What becomes of annotation that a `Document` cannot hold as it is.

    # Parameters

    boundaries : `str`, optional (default = `"split"`)
        Of spans that begin or end within a token: `"split"` cuts the token there, so that the span is exact;
        `"snap"` extends the span to whole tokens; `"drop"` drops the span.
    crossing_spans : `str`, optional (default = `"merge"`)
        Of spans, arguments and mentions that go across the end of a sentence: `"merge"` joins the sentences, `"drop"`
        drops the span.
    crossing_relations : `str`, optional (default = `"drop"`)
        The same of relations whose arguments lie in two sentences; all sentences between them would be joined.
    discontinuous : `str`, optional (default = `"cover"`)
        Of spans in several pieces with text in between: `"cover"` takes all from the first piece to the last,
        `"first"` the first piece alone, `"drop"` drops the span.

    Each of them may also be `"error"`, which raises a `DataError` at the first.

    # Raises

    ConfigurationError
        Where a policy is none of these.
    """

    boundaries: Boundaries = "split"
    crossing_spans: Crossing = "merge"
    crossing_relations: Crossing = "drop"
    discontinuous: Discontinuous = "cover"

    def __post_init__(self) -> None:
        kinds = {"boundaries": Boundaries, "discontinuous": Discontinuous}
        for name, value in vars(self).items():
            choices = get_args(kinds.get(name, Crossing))
            if value not in choices:
                raise ConfigurationError(f"{name} is {value!r}; expected one of {', '.join(choices)}")


class Change(NamedTuple):
    """A kind of change: to what (`span`, `relation`, `cluster`, `mention`, `sentence`, `token`, `document`, ...), and
    which or why, in words that are the same for all of their kind."""

    what: str
    reason: str


@dataclass
class Changes:
    """What was dropped from documents, and what was changed in them: how many of each kind, with the first of each."""

    dropped: Counter = field(default_factory=Counter)
    changed: Counter = field(default_factory=Counter)
    first: Dict[Change, str] = field(default_factory=dict)

    def drop(self, what: str, reason: str, example: str = "", times: int = 1) -> None:
        self._count(self.dropped, Change(what, reason), example, times)

    def change(self, what: str, reason: str, example: str = "", times: int = 1) -> None:
        self._count(self.changed, Change(what, reason), example, times)

    def num_dropped(self, what: str) -> int:
        return sum(count for change, count in self.dropped.items() if change.what == what)

    def lines(self) -> List[str]:
        """A sentence for each kind, with its number and its first example."""
        return [
            f"{title} {count:,} {change.what}{'s' * (count > 1)}: {change.reason}"
            + (f" (first: {self.first[change]})" if change in self.first else "")
            for title, counts in (("dropped", self.dropped), ("changed", self.changed))
            for change, count in counts.items()
        ]

    def _count(self, counts: Counter, change: Change, example: str, times: int) -> None:
        if times:
            counts[change] += times
            if example:
                self.first.setdefault(change, example)


@dataclass
class Annotations:
    """Spans by layer, relations and clusters of a text; `None` is a layer that was not annotated, as in a `Document`.

    Bounds count characters, the end excluded, or tokens, both ends included.
    """

    spans: Dict[str, List[LabelledBounds]] = field(default_factory=dict)
    relations: Optional[List[LabelledPair]] = None
    clusters: Optional[List[List[Bounds]]] = None

    def bounds(self) -> Set[Bounds]:
        """Those of all spans, arguments and mentions."""
        found = {(start, end) for spans in self.spans.values() for start, end, _ in spans}
        found.update(argument for arg1, arg2, _ in self.relations or [] for argument in (arg1, arg2))
        found.update(mention for cluster in self.clusters or [] for mention in cluster)
        return found

    def placed(
        self, places: Mapping[Bounds, Place], changes: Changes, name: str, text: Optional[Sequence[Any]] = None
    ) -> "Annotations":
        """The annotations at their new places, without those that have none and without repetitions.

        # Parameters

        places : `Mapping[Bounds, Place]`
            For each of `bounds` the new ones, or the reason why there are none.
        changes : `Changes`
            Counts what is dropped.
        name : `str`
            Of the document, for examples.
        text : `Optional[Sequence[Any]]`
            The text, or the tokens, that the bounds lie in, for examples.
        """

        def shown(bounds: Bounds) -> str:
            if isinstance(text, str):
                words = text[bounds[0] : bounds[1]]
            else:
                words = " ".join(text[bounds[0] : bounds[1] + 1]) if text else ""
            return f"'{' '.join(words.split())[:60]}'"

        def drop(what: str, reason: str, example: str) -> None:
            changes.drop(what, reason, f"{name}: {example}" if text is not None else name)

        result = Annotations({})
        for layer, spans in self.spans.items():
            kept: Dict[LabelledBounds, None] = {}
            for start, end, label in spans:
                place = places[start, end]
                if isinstance(place, str):
                    drop("span", place, f"{label} {shown((start, end))}")
                elif (*place, label) in kept:
                    drop("span", "twice in its layer", f"{label} {shown((start, end))}")
                else:
                    kept[(*place, label)] = None
            result.spans[layer] = list(kept)
        if self.relations is not None:
            pairs: Dict[LabelledPair, None] = {}
            for arg1, arg2, label in self.relations:
                first, second = places[arg1], places[arg2]
                example = f"{label} {shown(arg1)} {shown(arg2)}"
                if isinstance(first, str) or isinstance(second, str):
                    drop("relation", f"an argument: {first if isinstance(first, str) else second}", example)
                elif (first, second, label) in pairs:
                    drop("relation", "twice in its document", example)
                else:
                    pairs[first, second, label] = None
            result.relations = list(pairs)
        if self.clusters is not None:
            result.clusters = []
            for cluster in self.clusters:
                mentions: Dict[Bounds, None] = {}
                for mention in cluster:
                    place = places[mention]
                    if isinstance(place, str):
                        drop("mention", place, shown(mention))
                    elif place in mentions:
                        drop("mention", "twice in its cluster", shown(mention))
                    else:
                        mentions[place] = None
                # One that was annotated with one mention is no less than it was.
                if len(mentions) > 1 or (mentions and len(cluster) == 1):
                    result.clusters.append(list(mentions))
                else:
                    example = shown(cluster[0]) if cluster else ""
                    changes.drop("mention", "the only one left of its cluster", f"{name}: {example}", len(mentions))
                    drop("cluster", "fewer than two mentions are left", example)
        return result

    def fitted(
        self, sentences: Sequence[Sequence[str]], policies: Policies, changes: Changes, name: str
    ) -> Tuple[List[List[str]], "Annotations"]:
        """The sentences, of which some may be joined, and the annotations that lie within one each; bounds of tokens.

        # Raises

        DataError
            Where a policy is `"error"` and there is something to decide, or bounds lie outside of the text.
        """
        tokens = [token for sentence in sentences for token in sentence]
        limits = [0, *accumulate(map(len, sentences))]
        for start, end in self.bounds():
            if not 0 <= start <= end < len(tokens):
                message = f"[{start}, {end}] lies outside the text of {len(tokens)} tokens (both ends are included)"
                raise DataError(f"document '{name}': {message}")

        def crossed(start: int, end: int) -> List[int]:
            """The ends of sentences between two tokens."""
            return limits[bisect_right(limits, start) : bisect_right(limits, end)]

        def refuse(what: str, start: int, end: int) -> DataError:
            words = " ".join(tokens[start : end + 1])
            return DataError(f"document '{name}': {what}: '{words[:200]}'")

        joined: Set[int] = set()
        places: Dict[Bounds, Place] = {}
        for start, end in self.bounds():
            places[start, end] = (start, end)
            if not crossed(start, end):
                continue
            if policies.crossing_spans == "error":
                raise refuse(f"the span [{start}, {end}] goes across the end of a sentence", start, end)
            if policies.crossing_spans == "merge":
                joined.update(crossed(start, end))
            else:
                places[start, end] = "it goes across the end of a sentence"
        changes.change("sentence", "joined with the one before, since a span goes across", name, len(joined))
        result = self.placed(places, changes, name, tokens)
        kept, apart = [], 0
        for arg1, arg2, label in result.relations or []:
            start, end = min(arg1, arg2)[0], max(arg1, arg2)[1]
            between = [limit for limit in crossed(start, end) if limit not in joined]
            if between and policies.crossing_relations == "error":
                raise refuse(f"the arguments of '{label}' lie in two sentences", start, end)
            if between and policies.crossing_relations == "drop":
                words = [" ".join(tokens[first : last + 1])[:60] for first, last in (arg1, arg2)]
                example = f"{name}: {label} '{words[0]}' '{words[1]}'"
                changes.drop("relation", "its arguments lie in two sentences", example)
                continue
            joined.update(between)
            apart += len(between)
            kept.append((arg1, arg2, label))
        changes.change("sentence", "joined with the one before, since a relation goes across", name, apart)
        if result.relations is not None:
            result.relations = kept
        starts = [limit for limit in limits[:-1] if limit not in joined]
        merged = [tokens[start:stop] for start, stop in zip(starts, [*starts[1:], limits[-1]])]
        return merged, result


def to_tokens(
    text: TokenizedText, bounds: Iterable[Bounds], policies: Policies, changes: Changes, name: str
) -> Tuple[TokenizedText, Dict[Bounds, Place]]:
    """A text, some of whose tokens may be split, and where spans of characters (the end excluded) lie in its tokens.

    What is in no token at the ends of a span is left out: white space, and characters that nobody sees.

    # Raises

    DataError
        Where the policy of boundaries is `"error"` and a span has no such place, or bounds lie outside of the text.
    """
    trimmed = {}
    places: Dict[Bounds, Place] = {}
    starts, ends = [start for start, _ in text.token_offsets], [end for _, end in text.token_offsets]
    for start, end in sorted(bounds):
        if not 0 <= start <= end <= len(text.text):
            message = f"characters {start} to {end} lie outside the text of {len(text.text):,} characters"
            raise DataError(f"document '{name}': {message}")
        covered = text.text[start:end]
        if not covered.strip():
            places[start, end] = "it covers nothing but white space" if covered else "it covers no character"
            continue
        inner = start + len(covered) - len(covered.lstrip()), end - len(covered) + len(covered.rstrip())
        first, last = bisect_right(ends, inner[0]), bisect_left(starts, inner[1]) - 1
        if first > last:
            places[start, end] = "it covers no token"
            continue
        inner = max(inner[0], starts[first]), min(inner[1], ends[last])
        if inner != (start, end):
            example = f"{name}: {covered!r}" if len(covered) < 60 else name
            changes.change("span", "white space at its ends left out", example)
        trimmed[start, end] = inner
    if policies.boundaries == "split":
        text = _split_at(text, {offset for inner in trimmed.values() for offset in inner}, changes, name)
    starts = [start for start, _ in text.token_offsets]
    for outer, (start, end) in trimmed.items():
        first, last = bisect_right(starts, start) - 1, bisect_right(starts, end - 1) - 1
        if (starts[first], text.token_offsets[last][1]) != (start, end):
            covered = text.text[start:end]
            snapped = text.text[starts[first] : text.token_offsets[last][1]]
            example = f"{name}: '{covered[:60]}' of '{snapped[:60]}'"
            if policies.boundaries == "error":
                message = f"the span '{covered[:60]}' (characters {start} to {end}) begins or ends within a token, of "
                raise DataError(f"document '{name}': {message}'{snapped[:60]}'")
            if policies.boundaries == "drop":
                places[outer] = "it begins or ends within a token"
                continue
            changes.change("span", "extended to whole tokens", example)
        places[outer] = first, last
    return text, places


def _split_at(text: TokenizedText, cuts: Set[int], changes: Changes, name: str) -> TokenizedText:
    """The text with a boundary of tokens at each of these characters."""
    ordered = sorted(cuts)
    sentences: List[List[str]] = []
    offsets: List[Bounds] = []
    tokens = iter(text.token_offsets)
    for sentence in text.sentences:
        sentences.append([])
        for _ in sentence:
            start, end = next(tokens)
            inside = ordered[bisect_right(ordered, start) : bisect_right(ordered, end - 1)]
            if inside:
                changes.change("token", "split where a span begins or ends", f"{name}: '{text.text[start:end][:60]}'")
            for first, last in zip([start, *inside], [*inside, end]):
                sentences[-1].append(text.text[first:last])
                offsets.append((first, last))
    return TokenizedText(text.text, sentences, offsets)

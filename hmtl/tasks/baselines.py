"""What can be scored without learning anything but counts: the floor that a model has to clear.

Each baseline is fitted to training documents and predicts test documents in the very form that the task's metric takes.
What the baselines of several kinds share is here.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Callable, DefaultDict, Dict, Iterable, Iterator, List, Mapping, Sequence, Tuple

from hmtl.document import Document
from hmtl.errors import UserError

Phrase = Tuple[str, ...]


@dataclass
class Baseline:
    """What a task's baseline scored: its description, and `precision`, `recall`, `f1` and the like."""

    description: str
    metrics: Dict[str, float]


def best_variant(
    variants: Mapping[str, str], scores: Mapping[str, float], others: Sequence[str] = (), figure: str = "f1"
) -> Baseline:
    """The variant of a baseline with the higher F1, or another figure, and its scores under their own names.

    # Parameters

    variants : `Mapping[str, str]`
        What each variant does, by the prefix that its scores have; one has none.
    scores : `Mapping[str, float]`
    others : `Sequence[str]`, optional (default = none)
        Prefixes of scores of other variants.
    figure : `str`, optional (default = `"f1"`)
        The score that decides.
    """
    better = max(variants, key=lambda prefix: scores[prefix + figure])
    prefixes = [prefix for prefix in (*variants, *others) if prefix]
    variant_of = {name: next(filter(name.startswith, prefixes), "") for name in scores}
    metrics = {name.removeprefix(better): value for name, value in scores.items() if variant_of[name] == better}
    return Baseline(variants[better], metrics)


class Phrases:
    """Sequences of tokens, found again in a sentence by a few look-ups a token."""

    def __init__(self, phrases: Iterable[Phrase]) -> None:
        self._phrases = set(phrases)
        widths: DefaultDict[str, set] = defaultdict(set)
        for phrase in self._phrases:
            widths[phrase[0]].add(len(phrase))
        # For each token the widths of the phrases that begin with it, the longest first.
        self._widths = {token: sorted(found, reverse=True) for token, found in widths.items()}

    def matches(self, sentence: List[str]) -> Iterator[Tuple[int, int, Phrase]]:
        """First token, last token and phrase of all occurrences: from left to right, the longest first at a token."""
        for start, token in enumerate(sentence):
            for width in self._widths.get(token, ()):
                phrase = tuple(sentence[start : start + width])
                # At the end of a sentence a slice may be shorter than asked for.
                if len(phrase) == width and phrase in self._phrases:
                    yield start, start + width - 1, phrase

    def count(self, sentences: Iterable[List[str]]) -> "Counter[Phrase]":
        """How often each phrase occurs."""
        return Counter(phrase for sentence in sentences for _, _, phrase in self.matches(sentence))


def most_frequent(counts: "Counter[str]") -> str:
    """The most frequent label, of several the first in alphabetical order."""
    return min(counts, key=lambda label: (-counts[label], label))


def prefixed(prefix: str, scores: Dict[str, float]) -> Dict[str, float]:
    """The scores with a prefix to their names."""
    return {prefix + name: value for name, value in scores.items()}


def with_layer(documents: Sequence[Document], layer: str) -> List[Document]:
    """The documents with a span layer; see `annotated`."""
    return annotated(documents, lambda document: layer in document.spans, f"the span layer '{layer}'")


def annotated(documents: Sequence[Document], has: Callable[[Document], bool], what: str) -> List[Document]:
    """The documents with an annotation, whose name is `what`.

    # Raises

    UserError
        Where there are none.
    """
    found = [document for document in documents if has(document)]
    if not found:
        layers = sorted({layer for document in documents for layer in document.spans})
        raise UserError(
            f"none of the {len(documents)} documents has {what} (span layers found: {', '.join(layers) or 'none'}); "
            "choose another layer or corpus"
        )
    return found

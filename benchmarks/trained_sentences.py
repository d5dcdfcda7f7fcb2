#!/usr/bin/env python
"""Whether weights that are learnt split sentences better than the rules do, at the same places of the same texts.

    python benchmarks/trained_sentences.py GUM [--folds 4] [--seed 13370] [--l2 3]

GUM as for `benchmarks/sentences.py`. A logistic regression decides at the places that the rules are asked about (behind
stops, and where lines end), but where a rule is certain, such as behind a blank line. Its features are the stop, what
closes behind it, the kinds of the words about it, these words, line breaks, and pairs of them. It learns from training
documents in all layouts. Printed are precision, recall and F1 of boundaries: of the documents for training in a
cross-validation, and of those for development by weights of all training documents. Documents for tests are not read.
"""

import argparse
import random
from collections import Counter
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np
import spacy
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from sentences import LAYOUTS, Counts, GoldDocument, Spans, boundaries, read_split

from hmtl.text.sentences import _ABBREVIATIONS, _BEGINNERS, _DOTTED, _GOES_ON, Gap, _certainly, begins_sentence, gaps_of

# How often a feature occurs at least; one of a single word four times as often, since each text comes in four layouts.
_MIN_COUNT = 3

Weights = Dict[str, float]


def kind_of_word(word: str) -> str:
    """The kind of the word before a stop, or at the end of a line."""
    low = word.lower()
    for kind, holds in (
        ("none", not word),
        ("abbreviation", low in _ABBREVIATIONS),
        ("dotted", bool(_DOTTED.match(word))),
        ("letter", len(word) == 1 and word.isalpha()),
        ("digits", word.isdigit()),
        ("goes on", low in _GOES_ON),
        ("mark", not word[-1:].isalnum()),
        ("upper", word[:1].isupper()),
        ("short", len(word) < 4),
    ):
        if holds:
            return kind
    return "lower"


def kind_of_next(gap: Gap) -> str:
    """What opens behind a gap, and the kind of what follows."""
    word = gap.next_word
    kinds = {"upper": word[:1].isupper(), "lower": word[:1].islower(), "digit": word[:1].isdigit()}
    return gap.opening + next((kind for kind, holds in kinds.items() if holds), "mark")


def features(gap: Gap) -> List[str]:
    """The features of a gap, each of which is there or not."""
    stop = gap.tail[:2] if gap.tail.startswith("..") else gap.tail[:1]
    closing = gap.tail.lstrip(".!?…")[:1]
    line = "full" if gap.is_full else "break" if gap.num_breaks else "space"
    word, behind = kind_of_word(gap.word), kind_of_next(gap)
    begins = gap.next_word.lower() in _BEGINNERS
    return [
        "any",
        f"stop={stop} line={line}",
        f"stop={stop} line={line} next={behind}",
        f"stop={stop} closing={closing} next={behind}",
        f"word={word} stop={stop} next={behind}",
        f"word={word} stop={stop} begins={begins}",
        f"word={word} line={line}",
        f"next={behind} begins={begins}",
        f"stop={stop} closing={closing}",
        f"'{gap.word.lower()}' before",
        f"'{gap.next_word.lower()}' behind {stop}",
    ]


def train(gaps: Sequence[Gap], begins: Sequence[bool], l2: float) -> Weights:
    """The weights of the largest likelihood, less `l2` / 2 times the sum of their squares."""
    rows = [features(gap) for gap in gaps]
    counts = Counter(feature for row in rows for feature in row)
    kept = sorted(name for name, count in counts.items() if count >= _MIN_COUNT * (4 if name.startswith("'") else 1))
    column = {name: number for number, name in enumerate(kept)}
    cells = [(number, column[name]) for number, row in enumerate(rows) for name in row if name in column]
    matrix = csr_matrix((np.ones(len(cells)), tuple(zip(*cells))), (len(rows), len(column)))
    signs = np.where(np.array(begins), 1.0, -1.0)

    def loss(weights: np.ndarray) -> Tuple[float, np.ndarray]:
        margins = signs * (matrix @ weights)
        slope = matrix.T @ (signs / (1 + np.exp(margins)))
        return np.logaddexp(0, -margins).sum() + l2 * weights @ weights / 2, l2 * weights - slope

    found = minimize(loss, np.zeros(len(column)), jac=True, method="L-BFGS-B").x
    return dict(zip(kept, found))


class Texts:
    """The gaps of each document in each layout, and its boundaries."""

    def __init__(self) -> None:
        self._nlp = spacy.blank("en")

    def of(self, document: GoldDocument, layout: str) -> Tuple[Spans, List[Gap], set]:
        """The tokens, the gaps, and where sentences end."""
        text, gold = document.raw(layout)
        tokens = [(token.idx, token.idx + len(token)) for token in self._nlp(text) if not token.is_space]
        return tokens, [*gaps_of(text, tokens)], boundaries(gold)

    def examples(self, documents: Sequence[GoldDocument]) -> Iterator[Tuple[Gap, bool]]:
        """The gaps of all layouts at which no rule is certain, and whether a sentence begins there."""
        for document in documents:
            for layout in LAYOUTS:
                tokens, gaps, gold = self.of(document, layout)
                yield from ((gap, tokens[gap.number - 1][1] in gold) for gap in gaps if _certainly(gap) is None)


def by_weights(weights: Weights) -> Callable[[Gap], bool]:
    """Decides by weights where no rule is certain."""

    def decide(gap: Gap) -> bool:
        certain = _certainly(gap)
        return certain if certain is not None else sum(weights.get(name, 0.0) for name in features(gap)) > 0

    return decide


def main(arguments: Optional[List[str]] = None) -> None:
    """Trains, and prints the scores of both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gum", type=Path, help="the folder of the corpus")
    parser.add_argument("--folds", type=int, default=4, help="of the cross-validation (4)")
    parser.add_argument("--seed", type=int, default=13370, help="of the folds (13370)")
    parser.add_argument("--l2", type=float, default=3.0, help="the weight of the squares (3)")
    parsed = parser.parse_args(arguments)
    texts = Texts()
    training, development = (read_split(parsed.gum, split) for split in ("train", "dev"))
    random.Random(parsed.seed).shuffle(training)
    folds = [training[number :: parsed.folds] for number in range(parsed.folds)]
    tests = []
    for fold in folds:
        tests.append(("train", fold, [document for other in folds if other is not fold for document in other]))
    tests.append(("dev", development, training))
    counts: Dict[Tuple[str, str, str], Counts] = {}
    for part, documents, learnt_from in tests:
        gaps, begins = zip(*texts.examples(learnt_from))
        deciders = {"rules": begins_sentence, "weights": by_weights(train(gaps, begins, parsed.l2))}
        for layout in LAYOUTS:
            for document in documents:
                tokens, candidates, gold = texts.of(document, layout)
                for name, decide in deciders.items():
                    found = {tokens[gap.number - 1][1] for gap in candidates if decide(gap)}
                    counts.setdefault((part, layout, name), Counts()).add(found, gold)
    print("| documents | layout | by | precision | recall | F1 |\n|---|---|---|--:|--:|--:|")
    for (part, layout, name), count in counts.items():
        scores = count.scores()
        print(f"| {part} | {layout} | {name} | " + " | ".join(f"{value:.1f}" for value in scores.values()) + " |")


if __name__ == "__main__":
    main()

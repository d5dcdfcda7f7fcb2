"""Features of the data of a task (Bingel & Søgaard 2017, section 4)."""

import math
from collections import Counter
from typing import Callable, Dict, List, Sequence, Tuple
from typing import Counter as CounterOf

from research.task_relations.missing import MissingFeature

# Of each sentence its tokens and, as many, its labels.
Sentences = Sequence[Tuple[Sequence[str], Sequence[str]]]

DATA = ("sentences", "labels", "label_entropy", "tokens_per_type", "oov_rate", "frobenius_norm", "js_divergence")


def data_features(train: Sentences, validation: Sentences) -> Dict[str, Callable[[], float]]:
    """The features by name, each computed when called; words as they are written."""
    return {
        "sentences": lambda: float(len(train)),
        "labels": lambda: float(len(_labels(train))),
        "label_entropy": lambda: label_entropy(train),
        "tokens_per_type": lambda: tokens_per_type(train),
        "oov_rate": lambda: oov_rate(train, validation),
        "frobenius_norm": lambda: frobenius_norm(train),
        "js_divergence": lambda: js_divergence(train, validation),
    }


def label_entropy(sentences: Sentences) -> float:
    """The entropy of the labels of all tokens, in nats.

    # Raises

    MissingFeature
        Where there is only one label: there is nothing to learn.
    """
    labels = _labels(sentences)
    if len(labels) < 2:
        raise MissingFeature(f"the training data have {len(labels)} label{'' if len(labels) == 1 else 's'}")
    total = sum(labels.values())
    return -sum(count / total * math.log(count / total) for count in labels.values())


def tokens_per_type(sentences: Sentences) -> float:
    """How often a word occurs on average."""
    words = _words(sentences)
    return sum(words.values()) / len(words)


def oov_rate(train: Sentences, validation: Sentences) -> float:
    """How many of the tokens of the validation data are not in the training data, in percent."""
    known, words = _words(train), _words(validation)
    return 100 * sum(count for word, count in words.items() if word not in known) / sum(words.values())


def frobenius_norm(sentences: Sentences) -> float:
    """The Frobenius norm of the matrix of the counts of each word (column) in each sentence (row)."""
    return math.sqrt(sum(count * count for tokens, _ in sentences for count in Counter(tokens).values()))


def js_divergence(train: Sentences, validation: Sentences) -> float:
    """The Jensen-Shannon divergence of the words of both, in nats: from 0, the same, to ln 2, none in common.

    The published figures compared words with labels by a slip.
    """
    first, second = _distribution(_words(train)), _distribution(_words(validation))
    divergence = 0.0
    for one, other in ((first, second), (second, first)):
        # Half the divergence of `one` from the mean of both.
        divergence += sum(p * math.log(2 * p / (p + other.get(word, 0.0))) for word, p in one.items()) / 2
    return max(0.0, divergence)


def _distribution(words: CounterOf[str]) -> Dict[str, float]:
    total = sum(words.values())
    return {word: count / total for word, count in words.items()}


def _words(sentences: Sentences) -> CounterOf[str]:
    words: CounterOf[str] = Counter(token for tokens, _ in sentences for token in tokens)
    if not words:
        raise MissingFeature("there are no words")
    return words


def _labels(sentences: Sentences) -> CounterOf[str]:
    labels: List[str] = [label for _, of_sentence in sentences for label in of_sentence]
    return Counter(labels)

"""The 14 features of a task, of its data and of its learning curve (Bingel & Søgaard 2017, section 4)."""

import math
import warnings
from collections import Counter
from dataclasses import dataclass
from typing import Callable, Dict, List, Sequence, Tuple
from typing import Counter as CounterOf

import numpy as np
from scipy.optimize import OptimizeWarning, curve_fit

from research.task_relations.study import Losses


class MissingFeature(ValueError):
    """What would be measured is not defined here; the message says why."""


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


MAX_EVALUATIONS = 20000
# ln c of an anchored curve: beyond, the curve is a step at its first point.
MAX_LOG_C = 40.0


@dataclass
class LogCurve:
    """`y = a + b ln(c x + d)`.

    The data tell b, but not c, d and a: any factor moved from c and d into a gives the same curve. An anchored curve is
    the one of all equal ones with `c x + d = 1` at the first point, so that a is its value there, and 1 / c the
    iterations in which it changes by `b ln 2`.
    """

    a: float
    b: float
    c: float
    d: float

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return self.a + self.b * np.log(self.c * x + self.d)


def fit_log_curve(x: np.ndarray, y: np.ndarray, anchored: bool = True) -> LogCurve:
    """The least-squares fit.

    # Parameters

    x, y : `np.ndarray`
        Shape of both: `(num_points,)`.
    anchored : `bool`, optional (default = `True`)
        Whether c is what an anchored curve has. If not, it is where Levenberg-Marquardt ends that starts with all four
        at 1, as that of the published figures: one of many values that fit alike.

    # Raises

    MissingFeature
        Where there are fewer points than unknowns, a constant loss or one that is not finite, or the fit fails.
    """
    if len(y) < 5:
        raise MissingFeature(f"{len(y)} points are too few for a curve")
    if not np.isfinite(y).all():
        raise MissingFeature("the loss is not finite")
    if np.ptp(y) == 0:
        raise MissingFeature("the loss is constant")
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            # Of the covariance, which says nothing here, and logarithms of negative numbers, which are refused.
            warnings.simplefilter("ignore", OptimizeWarning)
            curve = _fit_anchored(x, y) if anchored else _fit_from_ones(x, y)
            finite = np.isfinite([curve.a, curve.b, curve.c, curve.d, *curve(x)]).all()
    except RuntimeError:
        raise MissingFeature("the fit of the curve does not converge") from None
    if not finite:
        raise MissingFeature("the fit of the curve fails")
    return curve


def _fit_anchored(x: np.ndarray, y: np.ndarray) -> LogCurve:
    start, end = x.min(), x.max()

    def curve(x: np.ndarray, a: float, b: float, log_c: float) -> np.ndarray:
        return a + b * np.log1p(np.exp(log_c) * (x - start))  # c x + d > 0 with any of them

    # About ten times as steep at the start as on average.
    first_guess = (y[0], (y[-1] - y[0]) / np.log(11), np.log(10 / (end - start)))
    bounds = ([-np.inf, -np.inf, -MAX_LOG_C], [np.inf, np.inf, MAX_LOG_C])
    (a, b, log_c), _ = curve_fit(curve, x, y, p0=first_guess, bounds=bounds, x_scale="jac", max_nfev=MAX_EVALUATIONS)
    c = np.exp(log_c)
    return LogCurve(float(a), float(b), float(c), float(1 - c * start))


def _fit_from_ones(x: np.ndarray, y: np.ndarray) -> LogCurve:
    def curve(x: np.ndarray, a: float, b: float, c: float, d: float) -> np.ndarray:
        return a + b * np.log(c * x + d)

    parameters, _ = curve_fit(curve, x, y, maxfev=MAX_EVALUATIONS)
    return LogCurve(*map(float, parameters))


PERCENTS = (10, 20, 30, 50, 70)
GRADIENTS = tuple(f"gradient_{percent}" for percent in PERCENTS)
CURVE_FIT = ("curve_b", "curve_c")

# The fit reads every tenth of the first 5,000 records; of short runs all.
FIT_RECORDS, FIT_STEP, FIT_STEP_FROM = 5000, 10, 500


def gradient(losses: Losses, percent: int) -> float:
    """The slope of the loss over the two records around `percent` % of them, per iteration.

    # Raises

    MissingFeature
        Where there are fewer than ten records, a constant loss, or one that is not finite.
    """
    num_records = len(losses.values)
    if num_records < 10:
        raise MissingFeature(f"{num_records} losses are too few for gradients")
    if np.ptp(losses.values) == 0:
        raise MissingFeature("the loss is constant")
    middle = num_records * percent // 100
    width = losses.iterations[middle + 1] - losses.iterations[middle - 1]
    slope = (losses.values[middle + 1] - losses.values[middle - 1]) / width if width else float("nan")
    if not np.isfinite(slope):
        raise MissingFeature(f"no slope at {percent} %: losses that are not finite, or two of the same iteration")
    return float(slope)


def curve_features(losses: Losses, published_fit: bool = False) -> Dict[str, Callable[[], float]]:
    """The features by name, each computed when called.

    # Parameters

    losses : `Losses`
    published_fit : `bool`, optional (default = `False`)
        Whether c of the curve is where the fit of the published figures ends, see `LogCurve`.
    """
    step = FIT_STEP if len(losses.values) >= FIT_STEP_FROM else 1
    x, y = (values[:FIT_RECORDS:step] for values in (losses.iterations, losses.values))
    found: Dict[str, Callable[[], float]] = {
        name: lambda percent=percent: gradient(losses, percent)  # type: ignore[misc]
        for name, percent in zip(GRADIENTS, PERCENTS)
    }
    found["curve_b"] = lambda: fit_log_curve(x, y, not published_fit).b
    found["curve_c"] = lambda: fit_log_curve(x, y, not published_fit).c
    return found

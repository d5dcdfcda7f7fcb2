"""The F1 figures of a task, by the names of their metrics, and what tables call them; most tasks have the first alone.

Of relations there are three, which `RelationScores` describes.
"""

from typing import Any, Dict, Mapping

STRICT, LAST_TOKENS, TYPED = "f1", "f1_last_tokens", "f1_typed"

FIGURES = {STRICT: "f1", LAST_TOKENS: "last tokens", TYPED: "typed"}

# Before there were three, `f1` was that of last tokens; this stood beside it, and tells such records.
_OF_EARLIER_VERSIONS = "f1_sentences_with_relations"


def figures_of(metrics: Mapping[str, Any]) -> Dict[str, float]:
    """The figures among the metrics of a task, in the order of `FIGURES`; records of earlier versions have one that
    they called otherwise."""
    if _OF_EARLIER_VERSIONS in metrics:
        return {LAST_TOKENS: metrics["f1"]}
    return {name: metrics[name] for name in FIGURES if metrics.get(name) is not None}


def in_words(metrics: Mapping[str, Any]) -> str:
    """The figures times 100, the first as F1, the others by their names."""
    return ", ".join(f"{'F1' if n == STRICT else FIGURES[n]} {100 * x:.2f}" for n, x in figures_of(metrics).items())

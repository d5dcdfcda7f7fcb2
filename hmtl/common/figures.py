"""The F1 figures of a task, by the names of their metrics, and what tables call them; most tasks have the first alone.

Of relations there are several, which `RelationScores` and `EntityRelationScores` describe. A kind of prediction may
have others (`Kind.figures`), which an evaluation then names in its record.
"""

from typing import Any, Dict, Mapping, Optional

STRICT, LAST_TOKENS, TYPED = "f1", "f1_last_tokens", "f1_typed"

# Of relations of documents alone, which others need not list.
ENTITIES, IGN_ENTITIES = "f1_entities", "ign_f1_entities"

# Of dependencies: the tokens whose head and relation are right, and those whose head is.
LAS, UAS = "las", "uas"

FIGURES = {STRICT: "f1", LAST_TOKENS: "last tokens", TYPED: "typed"}

# Before there were three, `f1` was that of last tokens; this stood beside it, and tells such records.
_OF_EARLIER_VERSIONS = "f1_sentences_with_relations"


def figures_of(metrics: Mapping[str, Any], figures: Mapping[str, str] = FIGURES) -> Dict[str, float]:
    """The figures among the metrics of a task, in the order of `figures`; records of earlier versions have one that
    they called otherwise."""
    if _OF_EARLIER_VERSIONS in metrics:
        return {LAST_TOKENS: metrics["f1"]}
    return {name: metrics[name] for name in figures if metrics.get(name) is not None}


def in_words(metrics: Mapping[str, Any], figures: Mapping[str, str] = FIGURES) -> str:
    """The figures times 100, by their titles."""
    found = figures_of(metrics, figures)
    return ", ".join(f"{_title(name, figures)} {100 * value:.2f}" for name, value in found.items())


def foremost(metrics: Mapping[str, Any], figures: Mapping[str, str], split: str) -> Optional[Dict[str, Any]]:
    """The first figure of a task as records and pages have it: its title as `figure`, its `value`, from 0 to 1, and the
    `split` of the data; `None` where there is none."""
    for name, value in figures_of(metrics, figures).items():
        return {"figure": _title(name, figures), "value": value, "split": split}
    return None


def _title(name: str, figures: Mapping[str, str]) -> str:
    return "F1" if name == STRICT else figures[name]

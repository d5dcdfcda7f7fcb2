"""The figures of the paper (Sanh, Wolf and Ruder 2019), in its own setups.

F1 times 100 on test: NER of OntoNotes; EMD, RE and CR of ACE 2005, unless a setup says otherwise. Relations count by
the last tokens of their arguments. K and L are printed as differences to F and A, and are their sums here.
"""

from typing import Dict, NamedTuple, Optional, Sequence, Tuple

from hmtl.common.figures import FIGURES, LAS, LAST_TOKENS, STRICT, UAS

# The corpora, by their folder of configurations, that these figures are of.
CORPORA = "ldc"

# What tables call the figures of a task, in their order.
TITLES = {**FIGURES, LAS: "LAS", UAS: "UAS"}


class Column(NamedTuple):
    """What a score is about: a task; of coreference, whether its candidates are the gold mentions; of relations, which
    of `TITLES`."""

    task: str
    gold_mentions: bool = False
    figure: str = STRICT

    @property
    def title(self) -> str:
        figure = "strict" if (self.task, self.figure) == ("relation", STRICT) else TITLES[self.figure]
        parts = [task_title(self.task), "gold mentions" * self.gold_mentions, figure * (figure != TITLES[STRICT])]
        return ", ".join(filter(None, parts))


TASK_ORDER = ("ner", "emd", "relation", "coref", "pos", "chunks", "dependencies")


def task_place(task: str) -> Tuple[int, str]:
    """By what tasks are sorted: the paper's in its order, those of the joint many-task model, then others."""
    return (TASK_ORDER.index(task) if task in TASK_ORDER else len(TASK_ORDER)), task


def task_title(task: str) -> str:
    """The paper's name of a task."""
    return {"ner": "NER", "emd": "EMD", "relation": "RE", "coref": "CR", "pos": "POS"}.get(task, task)


# What the endings of a setup's name say, the setups whose levels are in another order, and setups by their whole name.
_ENDINGS = {"-GM": "gold mentions", "-words": "words alone", "-without-encoder": "without encoder"}
_ORDERS = {"K": "EMD below NER", "L": "EMD below NER"}
_WORDS = {
    "paper": "the paper's heads, encoder frozen",
    "spans": "heads of spans, the same otherwise",
    "finetuned": "heads of spans, encoder fine-tuned",
    "no-shortcuts": "no short-cut connections",
    "hard": "one encoder for all tasks",
    "sluice": "sluice networks",
    "separate": "an encoder for each task, as many parameters in all",
    "labels": "levels read the labels below, too",
    "uniform": "tasks drawn uniformly",
    "power": "tasks drawn by a power of their data",
    "by-validation": "tasks drawn by what they lack in validation",
    "lower": "label embeddings and successive regularization",
    "lower-no-label-embeddings": "no labels are read",
    "lower-no-regularisation": "no successive regularization",
    "lower-neither": "neither",
}


def setup_words(setup: str) -> Optional[str]:
    """What a setup is that differs from others in more than its tasks; `None` of those that do not."""
    words = [_WORDS[setup]] if setup in _WORDS else []
    words += [words for ending, words in _ENDINGS.items() if ending in setup]
    words += [_ORDERS[setup]] if setup in _ORDERS else []
    return ", ".join(words) or None


def setup_in_words(setup: str, tasks: Sequence[str]) -> str:
    """What a figure calls a setup: its name, its tasks, and what else is special about it."""
    if setup in _WORDS:
        return f"{setup}: {_WORDS[setup]}"
    titles = [task_title(task) for task in tasks if task != "entities" or "relation" not in tasks]
    what = "all four tasks" if set(titles) == {"NER", "EMD", "RE", "CR"} else ", ".join(titles)
    more = setup_words(setup)
    return f"{setup}: {what}{f', {more}' if more else ''}"


NER, EMD, RE, CR, CR_GM = (
    Column("ner"),
    Column("emd"),
    Column("relation", figure=LAST_TOKENS),
    Column("coref"),
    Column("coref", gold_mentions=True),
)

TEST_F1: Dict[str, Dict[Column, float]] = {
    "A": {NER: 87.36, EMD: 85.69, RE: 61.30, CR: 64.78},
    "A-GM": {NER: 87.10, EMD: 87.24, RE: 62.69, CR_GM: 70.29},
    "B": {NER: 87.12},
    "C": {EMD: 86.14},
    "D": {RE: 55.99},
    "E": {CR: 65.67},
    "E-GM": {CR_GM: 69.38},
    "F": {NER: 86.91, EMD: 86.02},
    "G": {EMD: 85.50, RE: 60.49},
    "H": {EMD: 85.65, CR: 63.02},
    "I": {NER: 87.51, EMD: 86.26, RE: 60.18},
    "J": {NER: 87.50, EMD: 85.87, CR: 66.64},
    "K": {NER: 86.91 - 0.48, EMD: 86.02 - 0.83},
    "L": {NER: 87.36 - 1.15, EMD: 85.69 - 0.55, RE: 61.30 - 2.13, CR: 64.78 - 0.61},
    # Its CR, 70.14 on the corpus of A, looks like one of gold mentions, which the paper does not say: left out.
    "A-CoNLL-2003": {NER: 91.63, EMD: 86.53, RE: 60.83},
    "A-CoNLL-2012": {NER: 86.90, EMD: 85.04, RE: 61.07, CR: 62.48},
}

# How many more updates of the task a multi-task model needed than a single-task one, in percent (table 9).
MORE_UPDATES: Dict[str, Dict[Column, float]] = {"A-GM": {NER: -16.0, EMD: -44.0, RE: 78.0, CR_GM: -28.0}}


def paper_f1(corpora: str, setup: str, column: Column) -> Optional[float]:
    """The paper's figure; `None` where the corpora are others, or it has none."""
    return TEST_F1.get(setup, {}).get(column) if corpora == CORPORA else None

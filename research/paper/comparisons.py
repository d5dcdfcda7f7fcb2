"""Who is compared with whom, and what the paper claims: declared here, for all tables and figures.

A setup is addressed as `CORPORA/SETUP`, by the folders of its configuration: `free` and `spans` hold the paper's
letters, with the paper's heads and with heads of spans; `sizes` and `sharing` hold variants of `free/A`, and `jmt` the
lower levels of the joint many-task model.
"""

import re
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from research.paper.paper import Column
from research.paper.results import Result, columns_of
from research.paper.table_files import CONVERGENCE


class Arm(NamedTuple):
    """A setup: one side of a comparison."""

    corpora: str
    setup: str

    def __str__(self) -> str:
        return f"{self.corpora}/{self.setup}"


# The finished runs of each setup.
Runs = Dict[Arm, List[Result]]

# All tasks with all of their data, and each task alone: the setups that `sizes` and `sharing` continue.
REFERENCE = Arm("free", "A")
ALONE = {"ner": Arm("free", "B"), "emd": Arm("free", "C"), "relation": Arm("free", "D"), "coref": Arm("free", "E")}
SIZES, SHARING, SPANS, JMT = "sizes", "sharing", "spans", "jmt"
# Of the task's training documents, in percent; `relation-25` of `sizes` has 25, `relation-25-alone` is that task alone.
_SIZE = re.compile(r"(?P<task>\w+)-(?P<percent>\d+)")
ALL_DATA = 100

# A level that is there for another one, and is no task of the paper's: Re-DocRED's own mentions, which relations join.
SERVES = {"entities": "relation"}


@dataclass(frozen=True)
class Pair:
    """A setup against another in one score.

    # Attributes

    system, other : `Arm`
    column : `Column`
    less : `Optional[Tuple[Arm, Arm]]`
        Where it is given, the question is by how much the difference is larger than the one of these two.
    percent : `Optional[int]`
        Of the task's training documents, where that is the question.
    """

    system: Arm
    other: Arm
    column: Column
    less: Optional[Tuple[Arm, Arm]] = None
    percent: Optional[int] = None

    @property
    def corpora(self) -> str:
        """Whose tables it stands in: those of the setup, or of sizes."""
        return self.system.corpora if self.percent is None else SIZES

    def named(self, arm: Arm) -> str:
        """What these tables call a setup: its name, where it is of the same corpora."""
        return arm.setup if arm.corpora == self.corpora else str(arm)

    @property
    def arms(self) -> List[Tuple[float, Arm]]:
        """Each setup with its weight in the difference."""
        first, second = self.less or (None, None)
        weights = [(1.0, self.system), (-1.0, self.other), (-1.0, first), (1.0, second)]
        return [(weight, arm) for weight, arm in weights if arm is not None]


@dataclass(frozen=True)
class Family:
    """The comparisons of one table, which are corrected for their number.

    # Attributes

    name, title : `str`
    subject : `str`
        What is better where the first of a pair is, in the table's words.
    first, second : `str`
        What the table calls the sides of a pair.
    what : `str`
        A sentence about what is compared.
    pairs : `Callable[[Runs], Iterator[Pair]]`
    """

    name: str
    title: str
    subject: str
    first: str
    second: str
    what: str
    pairs: Callable[[Runs], Iterator[Pair]]


def tasks_alone(tasks: Sequence[str]) -> Set[str]:
    """The tasks without those that are there for others of them."""
    return {task for task in tasks if SERVES.get(task, "") not in tasks}


def arm_alone(runs: Runs, multi: Arm, column: Column) -> Optional[Arm]:
    """The setup of a score's task alone, on the same corpora and with the same embedding."""
    if len(tasks_alone(runs[multi][0].tasks)) < 2 or multi.corpora in (SIZES, SHARING):
        return None
    task = SERVES.get(column.task, column.task)
    first = runs[multi][0]
    for arm, others in runs.items():
        alone = others[0]
        if (
            arm.corpora == multi.corpora
            and tasks_alone(alone.tasks) == {task}
            and alone.embedding() == first.embedding()
            and column in alone.scores
            and alone.scores[column].chosen_alike == first.scores[column].chosen_alike
        ):
            return arm
    return None


def _alone(runs: Runs) -> Iterator[Pair]:
    for multi, results in runs.items():
        for column in columns_of(results):
            alone = arm_alone(runs, multi, column) if column in results[0].scores else None
            if alone is not None:
                yield Pair(multi, alone, column)


def _letters(*pairs: Tuple[str, str]) -> Callable[[Runs], Iterator[Pair]]:
    """The same setups in each folder that has both."""

    def found(runs: Runs) -> Iterator[Pair]:
        for corpora in dict.fromkeys(arm.corpora for arm in runs if arm.corpora not in (SIZES, SHARING)):
            for system, other in pairs:
                yield from _in_common(runs, Arm(corpora, system), Arm(corpora, other))

    return found


def _embeddings(runs: Runs) -> Iterator[Pair]:
    whole, without, words = "A-GM", "A-GM-without-encoder", "A-GM-words"
    yield from _letters((whole, without), (without, words))(runs)
    for pair in _letters((whole, without))(runs):
        corpora = pair.system.corpora
        less = Arm(corpora, without), Arm(corpora, words)
        if all(arm in runs for arm in less):
            yield Pair(pair.system, pair.other, pair.column, less=less)


def _spans(runs: Runs) -> Iterator[Pair]:
    for arm in runs:
        if arm.corpora == SPANS:
            yield from _in_common(runs, arm, Arm(REFERENCE.corpora, arm.setup))
    yield from _letters(("spans", "paper"), ("finetuned", "spans"))(runs)


def _sharing(runs: Runs) -> Iterator[Pair]:
    for arm in runs:
        if arm.corpora == SHARING:
            yield from _in_common(runs, arm, REFERENCE)


def _sizes(runs: Runs) -> Iterator[Pair]:
    for arm in runs:
        size = _SIZE.fullmatch(arm.setup) if arm.corpora == SIZES else None
        if size is not None:
            for pair in _in_common(runs, arm, Arm(SIZES, f"{arm.setup}-alone")):
                if pair.column.task == size["task"]:
                    yield Pair(arm, pair.other, pair.column, percent=int(size["percent"]))
    if any(arm.corpora == SIZES for arm in runs):
        for task, alone in ALONE.items():
            for pair in _in_common(runs, REFERENCE, alone):
                if pair.column.task == task:
                    yield Pair(REFERENCE, alone, pair.column, percent=ALL_DATA)


def _growth(runs: Runs) -> Iterator[Pair]:
    with_all = {pair.column: (pair.system, pair.other) for pair in _sizes(runs) if pair.percent == ALL_DATA}
    for pair in _sizes(runs):
        if pair.percent != ALL_DATA and pair.column in with_all:
            yield Pair(pair.system, pair.other, pair.column, with_all[pair.column], pair.percent)


def _in_common(runs: Runs, system: Arm, other: Arm) -> Iterator[Pair]:
    if system in runs and other in runs:
        for column in columns_of(runs[system]):
            if column in columns_of(runs[other]):
                yield Pair(system, other, column)


FAMILIES = (
    Family(
        "alone",
        "Multi-task against single-task",
        "multi-task",
        "setup",
        "alone",
        "Each setup of several tasks against each of its tasks alone, with the same embedding.",
        _alone,
    ),
    Family(
        "added",
        "One more task",
        "the larger set of tasks",
        "setup",
        "without",
        "RE added to F is I, to J it is A; CR added to F is J, to I it is A; both added to F are A.",
        _letters(("I", "F"), ("A", "J"), ("J", "F"), ("A", "I"), ("A", "F")),
    ),
    Family(
        "order",
        "The order of the levels",
        "NER below EMD",
        "NER below EMD",
        "EMD below NER",
        "The same tasks, with NER below EMD as the paper has it, and with EMD below NER.",
        _letters(("A", "L"), ("F", "K")),
    ),
    Family(
        "embeddings",
        "What the embedding is made of",
        "the larger embedding",
        "setup",
        "without",
        "All three parts (words, characters, the frozen encoder), without the encoder, and words alone; last, by how "
        "much the encoder adds more than the characters.",
        _embeddings,
    ),
    Family(
        "spans",
        "Heads of spans against the paper's",
        "the new one",
        "setup",
        "against",
        "The same setup with other heads, or with the encoder fine-tuned.",
        _spans,
    ),
    Family(
        "sizes",
        "The gain by the size of the task",
        "multi-task",
        "multi-task",
        "alone",
        "All four tasks against one alone, which has a part of its training documents in both; the others have all.",
        _sizes,
    ),
    Family(
        "growth",
        "Is the gain larger where the task is smaller?",
        "the gain with less data",
        "multi-task",
        "alone",
        "The gain with a part of the task's training documents, less the gain with all.",
        _growth,
    ),
    Family(
        "sharing",
        "How the tasks share",
        "the variant",
        "variant",
        "against",
        "Setup A with other ways of sharing, or another sampler of tasks, against A: encoders in a hierarchy with "
        "short-cuts, tasks drawn in proportion to their data.",
        _sharing,
    ),
    Family(
        JMT,
        "Label embeddings and successive regularization",
        "the model with more",
        "setup",
        "without",
        "The lower levels of the joint many-task model (Hashimoto et al. 2017): with the labels below and held near "
        "what the task before has left, against the same without one of these, or without both.",
        _letters(
            ("lower", "lower-no-label-embeddings"),
            ("lower", "lower-no-regularisation"),
            ("lower", "lower-neither"),
            ("lower-no-regularisation", "lower-neither"),
            ("lower-no-label-embeddings", "lower-neither"),
        ),
    ),
)


@dataclass(frozen=True)
class Claim:
    """What the paper claims, and the rows of the tables that speak to it.

    # Attributes

    statement : `str`
    table : `str`
        Of the rows: the name of a family, or `convergence`.
    is_evidence : `Callable[[Dict[str, Any]], bool]`
        Whether a row of that table is of this claim.
    sign : `int`
        1 where the claim says that the row's figure is above 0, else -1.
    """

    statement: str
    table: str
    is_evidence: Callable[[Dict[str, Any]], bool]
    sign: int = 1


# Until when its rows count the updates of a task.
BEST_EPOCH, BEST_ALONE = "best epoch", "best alone"
# The paper's setups of all four tasks.
_ALL, _ALL_GIVEN_MENTIONS = "A", "A-GM"


def _of_pairs(*pairs: Tuple[str, str], tasks: Sequence[str] = ()) -> Callable[[Dict[str, Any]], bool]:
    """Whether a row is of one of these pairs, of these tasks (of all, where none are named), and of no score that only
    a test with gold mentions has."""

    def of_pairs(row: Dict[str, Any]) -> bool:
        is_pair = (row["system"], row["other"]) in pairs and row["less"] is None
        return is_pair and (not tasks or row["task"] in tasks)

    return of_pairs


CLAIMS = (
    Claim(
        "Multi-task training beats single-task training",
        "alone",
        lambda row: row["system"] == _ALL and not row["gold_mentions"] and row["task"] not in SERVES,
    ),
    Claim("Adding RE helps NER and EMD", "added", _of_pairs(("I", "F"), ("A", "J"), tasks=("ner", "emd"))),
    Claim("Adding RE and CR helps NER and EMD", "added", _of_pairs(("A", "F"), tasks=("ner", "emd"))),
    Claim("Adding CR helps NER and EMD", "added", _of_pairs(("J", "F"), ("A", "I"), tasks=("ner", "emd"))),
    Claim(
        "The order of the hierarchy matters: NER below EMD is better",
        "order",
        lambda row: not row["gold_mentions"] and row["task"] not in SERVES,
    ),
    Claim(
        "Multi-task training converges faster: fewer updates until the task's own best epoch",
        CONVERGENCE,
        lambda row: row["setup"] == _ALL and row["until"] == BEST_EPOCH and row["task"] not in SERVES,
        sign=-1,
    ),
    Claim(
        "Multi-task training converges faster: fewer updates until the best of the task alone",
        CONVERGENCE,
        lambda row: row["setup"] == _ALL and row["until"] == BEST_ALONE and row["task"] not in SERVES,
        sign=-1,
    ),
    Claim("The contextual encoder helps", "embeddings", _of_pairs((_ALL_GIVEN_MENTIONS, "A-GM-without-encoder"))),
    Claim(
        "The contextual encoder is what matters: it adds more than the characters do",
        "embeddings",
        lambda row: row["less"] is not None,
    ),
)

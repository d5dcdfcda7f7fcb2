"""Which method of advice a study has found best, how far it is to be trusted, and what it says of each pair."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Tuple

from hmtl.errors import DataError, UserError

# In the folder of a study; `python -m research.task_relations methods` writes both.
METHODS, SCORES = "methods.csv", "method_scores.csv"
SCORES_COLUMNS = ("method", "main", "auxiliary", "score")
# A rank correlation below this is no more than a hint.
WEAK = 0.3
# Rows of METHODS that are no method: what the choice of the best one may be trusted for, and repeated runs.
CHOSEN, REPEAT = "chosen", "repeat"

_NUMBERS = ("rank_correlation", "low", "high", "mains")


@dataclass
class Reliability:
    """How a method ranked the auxiliary tasks of the main tasks of a study, which it did not learn from.

    # Attributes

    method : `str`
        Its name, an option of `hmtl advise`.
    title : `str`
    rank_correlation : `float`
        Spearman's, with the measured gains; the mean over the main tasks.
    interval : `Tuple[float, float]`
        95 %, of a bootstrap over the main tasks.
    mains : `int`
        Their number.
    cpu_minutes : `Optional[float]`
        What it took on all tasks of the study, where that was measured.
    """

    method: str
    title: str
    rank_correlation: float
    interval: Tuple[float, float]
    mains: int
    cpu_minutes: Optional[float] = None

    def in_words(self) -> str:
        """Such as `+0.22 on average over 10 main tasks (95 % interval -0.01 to +0.40)`."""
        low, high = self.interval
        return (
            f"{self.rank_correlation:+.2f} on average over {self.mains} main tasks (95 % interval {low:+.2f} to "
            f"{high:+.2f})"
        )


@dataclass
class Methods:
    """The methods of a study, and what they say.

    # Attributes

    found : `Dict[str, Reliability]`
        By name; without those of fewer tasks than the study has.
    chosen, repeat : `Optional[Reliability]`
        Of the best method, where it is chosen on the other main tasks; and of the measured gains of another seed.
    scores : `Dict[str, Dict[Tuple[str, str], float]]`
        By method, then by main and auxiliary task; the higher the better.
    """

    found: Dict[str, Reliability]
    chosen: Optional[Reliability]
    repeat: Optional[Reliability]
    scores: Dict[str, Dict[Tuple[str, str], float]]

    def best(self) -> Reliability:
        """The method with the highest rank correlation; of equals, the cheapest."""
        return max(self.found.values(), key=lambda one: (one.rank_correlation, -(one.cpu_minutes or 0.0)))

    def named(self, name: Optional[str]) -> Reliability:
        """The method of this name, or the best one.

        # Raises

        UserError
            Where there is none of this name.
        """
        if name is None:
            return self.best()
        if name not in self.found:
            there = ", ".join(sorted(self.found, key=lambda one: -self.found[one].rank_correlation))
            raise UserError(f"--method {name}: the study has no such method; there are {there}")
        return self.found[name]

    def lines(self, used: Reliability) -> Iterator[str]:
        """How far a ranking by a method is to be trusted, for people."""
        yield f"Ranked by {used.title} (--method {used.method})."
        yield f"Its rank correlation with measured gains is {used.in_words()}, none of whose gains it learned from."
        if used.cpu_minutes is not None:
            yield f"It took {used.cpu_minutes:.1f} CPU minutes for all tasks of the study."
        if self.chosen is not None and used == self.best():
            yield (
                f"It is the best of {len(self.found)} methods on these tasks, which flatters it: chosen on the other "
                f"main tasks, the best has {self.chosen.rank_correlation:+.2f}."
            )
        if self.repeat is not None:
            yield f"The same runs with another seed have {self.repeat.rank_correlation:+.2f}: no advice can do better."
        hint = "take the order for a weak hint, and run the first few pairs."
        if self.best().rank_correlation <= WEAK:
            yield f"No method beats {WEAK:+.1f} on this study: {hint}"
        elif self.chosen is not None and self.chosen.rank_correlation <= WEAK:
            yield f"Without the choice by these very tasks no method beats {WEAK:+.1f}: {hint}"


def read_methods(study: Path) -> Optional[Methods]:
    """The methods of a study; `None` where it has none.

    # Raises

    DataError
        Where a file has other columns, or a line that is none.
    """
    path = study / METHODS
    if not path.is_file():
        return None
    rows = _rows(path, ("tasks", "method", "title", *_NUMBERS, "cpu_minutes"))
    everything = rows[0][1]["tasks"] if rows else ""
    found: Dict[str, Reliability] = {}
    for line, row in rows:
        # The first rows are of all tasks of the study.
        if row["tasks"] == everything:
            found[row["method"]] = _reliability(row, path, line)
    chosen, repeat = found.pop(CHOSEN, None), found.pop(REPEAT, None)
    if not found:
        raise DataError("no method; 'python -m research.task_relations methods' writes the file", path)
    scores: Dict[str, Dict[Tuple[str, str], float]] = {}
    for line, row in _rows(study / SCORES, SCORES_COLUMNS):
        try:
            scores.setdefault(row["method"], {})[row["main"], row["auxiliary"]] = float(row["score"])
        except (TypeError, ValueError):
            raise DataError(f"score is {row['score']}; expected a number", study / SCORES, line) from None
    return Methods(found, chosen, repeat, scores)


def _rows(path: Path, columns: Tuple[str, ...]) -> List[Tuple[int, Dict[str, str]]]:
    if not path.is_file():
        raise UserError(f"{path}: no such file; 'python -m research.task_relations methods' writes it")
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if not set(columns) <= set(reader.fieldnames or ()):
            raise DataError(f"expected the columns {','.join(columns)}, found {reader.fieldnames}", path, 1)
        return [(reader.line_num, row) for row in reader]


def _reliability(row: Dict[str, str], path: Path, line: int) -> Reliability:
    try:
        correlation, low, high = (float(row[name]) for name in _NUMBERS[:3])
        minutes = float(row["cpu_minutes"]) if row["cpu_minutes"] else None
        return Reliability(row["method"], row["title"], correlation, (low, high), int(row["mains"]), minutes)
    except (TypeError, ValueError):
        raise DataError("expected numbers", path, line) from None

"""What a model gets right on each sentence or document of a test set: what significance tests need."""

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, DefaultDict, Dict, List, Tuple, cast

import numpy as np

from hmtl.common.figures import LAS, LAST_TOKENS, STRICT, UAS
from hmtl.common.files import atomic_write
from hmtl.errors import UserError
from hmtl.metrics.coreference_scores import AVERAGED, Singletons, document_fractions
from hmtl.metrics.relation_scores import last_tokens
from hmtl.models.hmtl import HMTL
from hmtl.runs.run_directory import is_best_for
from hmtl.tasks.task_head import TaskHead

# The document and the number of the sentence in it; -1 is the whole document.
Unit = Tuple[str, int]
WHOLE_DOCUMENT = -1

LABELLED, COREFERENCE = "labelled", "coreference"


@dataclass
class Counts:
    """The counts of one task, by the units of a test set.

    # Attributes

    kind : `str`
        `labelled`: correct, predicted and gold items; `coreference`: a numerator and a denominator of precision, and a
        numerator and a denominator of recall, of MUC, B-cubed and CEAF-phi4.
    units : `List[Unit]`
        Sorted, each once.
    values : `numpy.ndarray`
        Shape (num_units, 3), or (num_units, 12) of coreference. The F1 of a test set is that of the sums.
    """

    kind: str
    units: List[Unit]
    values: np.ndarray

    def by_document(self) -> "Counts":
        """The same with whole documents as units."""
        return _of_rows(
            self.kind, [((document, WHOLE_DOCUMENT), row) for (document, _), row in zip(self.units, self.values)]
        )

    @property
    def gold(self) -> np.ndarray:
        """What is to be found in each unit: labelled items, shape (num_units, 1), or the denominators of recall, shape
        (num_units, 3)."""
        return self.values[:, 2:] if self.kind == LABELLED else self.values[:, 3::4]

    def f1(self) -> float:
        """Of the whole test set, from 0 to 1."""
        return float(f1_of_sums(self.kind, self.values.sum(axis=0)))

    def write(self, path: Path) -> None:
        """Writes one JSON object, a unit a line."""
        rows = [
            json.dumps([document, number, *row]) for (document, number), row in zip(self.units, self.values.tolist())
        ]
        with atomic_write(path) as file:
            file.write(f'{{"kind": "{self.kind}", "rows": [\n' + ",\n".join(rows) + "\n]}\n")

    @classmethod
    def read(cls, path: Path) -> "Counts":
        """The counts that `write` wrote.

        # Raises

        UserError
            Where the file holds something else.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return _of_rows(content["kind"], [((row[0], row[1]), np.array(row[2:])) for row in content["rows"]])
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise UserError(
                f"{path}: expected the counts that 'research.paper reproduce' writes; evaluate the run again"
            ) from error


def f1_of_sums(kind: str, sums: np.ndarray) -> np.ndarray:
    """F1, shape (...), from sums of counts, shape (..., 3) or (..., 12); of coreference the average of three scores."""
    if kind == LABELLED:
        correct, predicted, gold = np.moveaxis(sums, -1, 0)
        return _ratio(2 * correct, predicted + gold)
    # Shape: (..., 3, 4)
    scores = sums.reshape(*sums.shape[:-1], 3, 4)
    precision, recall = _ratio(scores[..., 0], scores[..., 1]), _ratio(scores[..., 2], scores[..., 3])
    return _ratio(2 * precision * recall, precision + recall).mean(axis=-1)


def counts_name(task: str, gold_mentions: bool = False, figure: str = STRICT) -> str:
    """The name of the file, in a run's directory, with the counts of a task for one of its figures."""
    return f"counts_{task}{figure.removeprefix(STRICT)}{'_gold_mentions' * gold_mentions}.json"


class Counting:
    """Counts what each task's own best weights predict while a run is evaluated; see `evaluate_run`'s `observed`.

    The counts are those of a task and of one of its figures, such as `f1`; relations have them for `f1_last_tokens`,
    too, and dependencies for `las` and `uas`, whose F1 they are, since each token has one arc.
    """

    def __init__(self, model: HMTL) -> None:
        self._model = model
        self._rows: DefaultDict[Tuple[str, str], List[Tuple[Unit, np.ndarray]]] = defaultdict(list)

    def observed(self, weights: str, task: str, metadata: List[Dict[str, Any]], predictions: List[Any]) -> None:
        """Counts a batch."""
        if not is_best_for(weights, task):
            return
        head = self._model.head(task)
        compared: Dict[str, Callable[[Any], Any]] = {STRICT: lambda items: items}
        if head.predicts == "relations":
            compared[LAST_TOKENS] = last_tokens
        elif head.predicts == "dependencies":
            compared = {LAS: lambda arcs: arcs, UAS: lambda arcs: [(token, above) for token, above, _ in arcs]}
        for predicted, row in zip(predictions, metadata, strict=True):
            unit = row["doc_key"], row.get("sentence", WHOLE_DOCUMENT)
            for figure, part in compared.items():
                counts = _counts(part(predicted), part(row[head.predicts]), head)
                self._rows[task, figure].append((unit, counts))

    @property
    def counts(self) -> Dict[Tuple[str, str], Counts]:
        """By task and figure."""
        return {
            (task, figure): _of_rows(COREFERENCE if self._model.head(task).predicts == "clusters" else LABELLED, rows)
            for (task, figure), rows in self._rows.items()
        }


def _counts(predicted: Any, gold: Any, head: TaskHead) -> np.ndarray:
    if head.predicts == "clusters":
        fractions = document_fractions(predicted, gold, cast(Singletons, getattr(head, "singletons", "count")))
        return np.array([fractions[name] for name in AVERAGED], dtype=float).ravel()
    predicted, gold = set(predicted), set(gold)
    return np.array([len(predicted & gold), len(predicted), len(gold)])


def _of_rows(kind: str, rows: List[Tuple[Unit, np.ndarray]]) -> Counts:
    """Sums rows of the same unit, such as the parts of a document that was cut."""
    sums: Dict[Unit, np.ndarray] = {}
    for unit, row in rows:
        sums[unit] = sums[unit] + row if unit in sums else row
    units = sorted(sums)
    width = 12 if kind == COREFERENCE else 3
    return Counts(kind, units, np.array([sums[unit] for unit in units]).reshape(-1, width))


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """The quotient, where 0 / 0 counts as 0."""
    return np.divide(numerator, denominator, out=np.zeros(np.shape(numerator), dtype=float), where=denominator != 0)

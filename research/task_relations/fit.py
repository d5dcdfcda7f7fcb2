"""Fits the logistic regression to studies, and writes what came of it."""

from pathlib import Path
from typing import List, Sequence

from hmtl.common.files import atomic_write, write_json
from hmtl.common.tables import Table
from hmtl.errors import UserError
from research.task_relations.ablation import Row, ablation
from research.task_relations.coefficients import Coefficient, coefficients
from research.task_relations.cross_validation import FOLDS, REPEATS, cross_validate
from research.task_relations.model_card import card_as_markdown, model_card
from research.task_relations.pair_data import PairData, read_pair_data

CARD = "model_card"


class Fit:
    """Performance and coefficients of the logistic regression on studies.

    # Parameters

    directories : `Sequence[Path]`
        Studies.
    repeats, folds, seed : `int`
        See `cross_validate`.
    faithful : `bool`, optional (default = `False`)
        Adds a row as the published figures were made: c of the curves from their fit, and a scaler that has seen the
        test folds; and one with their fit alone.

    # Attributes

    data : `PairData`
    rows : `List[Row]`
    coefficients : `List[Coefficient]`

    # Raises

    UserError
        Where a study cannot be read, or there are too few pairs.
    """

    def __init__(
        self,
        directories: Sequence[Path],
        repeats: int = REPEATS,
        folds: int = FOLDS,
        seed: int = 1,
        faithful: bool = False,
    ) -> None:
        self.directories = list(dict.fromkeys(directories))
        self.repeats, self.folds, self.seed = repeats, folds, seed
        self.data = read_pair_data(self.directories)
        if self.data.measured.sum() < folds:
            raise UserError(
                f"{', '.join(map(str, self.directories))}: {int(self.data.measured.sum())} pairs with a known gain; "
                f"expected at least {folds}; 'task_relations.py run' makes them"
            )
        self.rows: List[Row] = ablation(self.data, repeats, folds, seed)
        if faithful:
            self.rows += self._faithful_rows()
        self.coefficients: List[Coefficient] = coefficients(self.data, seed=seed)

    def write(self, output: Path) -> None:
        """Writes the model card (JSON and Markdown), coefficients.csv and cross_validation.csv."""
        output.mkdir(parents=True, exist_ok=True)
        card = model_card(self.data, self.directories, self.rows, self.repeats, self.folds, self.seed)
        write_json(output / f"{CARD}.json", card)
        with atomic_write(output / f"{CARD}.md") as file:
            file.write(card_as_markdown(card))
        for table in (self.coefficients_table(), self.performance_table()):
            table.write(output)

    def coefficients_table(self) -> Table:
        return Table("coefficients", [vars(coefficient) for coefficient in self.coefficients])

    def performance_table(self) -> Table:
        return Table("cross_validation", [{"features": row.title, **vars(row.performance)} for row in self.rows])

    def _faithful_rows(self) -> List[Row]:
        data: PairData = read_pair_data(self.directories, published_fit=True)
        return [
            Row(
                "faithful" if sees_all else "published fit",
                f"all features, curves fitted as published, scaler {'on all pairs' if sees_all else 'in the fold'}",
                cross_validate(data, self.repeats, self.folds, self.seed, scaler_sees_all=sees_all),
            )
            for sees_all in (True, False)
        ]

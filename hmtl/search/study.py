"""Optuna's side of a search: its study in a file, its samplers and pruners."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Dict, List, Optional

import optuna
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, CmaEsSampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import Trial, TrialState

from hmtl.errors import UserError
from hmtl.search.space import SearchSpace

# Part of what Hyperband does with a trial.
STUDY_NAME = "search"


class Trials:
    """The trials of a study.

    What a sampler draws is a function of the seed, the number of the trial and the trials that are finished: a search
    that was interrupted draws what it would have drawn.

    # Parameters

    path : `Path`
        SQLite, written by the search alone, never by its trials.
    space : `SearchSpace`
    maximize : `bool`
    sampler : `str`
        `tpe`, `random`, `cmaes`, or `grid`: every combination, in order.
    pruner : `str`
        `median`, `hyperband` or `none`.
    seed : `int`, optional
    num_epochs : `int`, optional
        Of a trial that is not pruned, for Hyperband, which else goes by the first that is finished.

    # Raises

    UserError
        Where the space has no grid, or the sampler misses a package.
    """

    def __init__(
        self,
        path: Path,
        space: SearchSpace,
        maximize: bool,
        sampler: str,
        pruner: str,
        seed: int = None,
        num_epochs: int = None,
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._sampler, self._seed = sampler, seed
        self._grid = space.grid() if sampler == "grid" else None
        if sampler == "cmaes" and find_spec("cmaes") is None:
            raise UserError("--sampler cmaes needs the package cmaes: pip install cmaes")
        self._storage = f"sqlite:///{path.resolve()}"
        self._maximize, self._pruner, self._num_epochs = maximize, pruner, num_epochs

    def open(self) -> None:
        """Makes the study, or reads it."""
        self.study: Study = optuna.create_study(
            storage=self._storage,
            study_name=STUDY_NAME,
            direction="maximize" if self._maximize else "minimize",
            pruner=self._new_pruner(),
            load_if_exists=True,
        )

    def restart(self) -> None:
        """Forgets every trial."""
        optuna.delete_study(study_name=STUDY_NAME, storage=self._storage)
        self.open()

    def all_failed(self) -> bool:
        """Whether there are trials, and none that ended in another way or might still."""
        return bool(self.all()) and all(trial.state == TrialState.FAIL for trial in self.all())

    def any_finished(self) -> bool:
        """Whether there is a score."""
        return best_trial(self.study) is not None

    def limit(self, wanted: int) -> int:
        """How many trials there can be."""
        return wanted if self._grid is None else min(wanted, len(self._grid))

    def all(self) -> List[optuna.trial.FrozenTrial]:
        """Every trial that was begun, by its number."""
        return [trial for trial in self.study.get_trials(deepcopy=False) if trial.state != TrialState.WAITING]

    def interrupted(self) -> List[Trial]:
        """The trials that an earlier search began and did not finish, to go on with."""
        trials = []
        for trial in self.all():
            if trial.state == TrialState.RUNNING:
                self.study.sampler = self._new_sampler(trial.number)
                # A trial that is listed has no public link to the one that can be gone on with.
                trials.append(Trial(self.study, trial._trial_id))  # noqa: SLF001
        return trials

    def begin(self) -> Trial:
        """The next trial."""
        number = len(self.all())
        self.study.sampler = self._new_sampler(number)
        # One that waits was left by a search that was killed right here.
        if self._grid is not None and len(self.study.get_trials(deepcopy=False)) == number:
            self.study.enqueue_trial(self._grid[number])
        return self.study.ask()

    def _new_sampler(self, number: int) -> BaseSampler:
        seed = None if self._seed is None else (self._seed * 1_000_003 + number) % 2**32
        if self._sampler == "tpe":
            return TPESampler(seed=seed)
        return CmaEsSampler(seed=seed) if self._sampler == "cmaes" else RandomSampler(seed=seed)

    def _new_pruner(self) -> BasePruner:
        if self._pruner == "hyperband":
            return HyperbandPruner(max_resource=self._num_epochs or "auto")
        return MedianPruner() if self._pruner == "median" else NopPruner()


def importances(study: Study) -> Dict[str, float]:
    """The share of each parameter in the differences between scores; empty where too few trials tell them apart."""
    completed = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len({trial.value for trial in completed}) < 2:
        return {}
    return dict(optuna.importance.get_param_importances(study))


def best_trial(study: Study) -> Optional[Any]:
    """The trial with the best score, or `None` where none is finished."""
    completed = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return study.best_trial if completed else None

"""What a search tells: a table of its trials, the best one as overrides, what mattered, a plot."""

import csv
from pathlib import Path
from typing import Any, Dict, List, Optional

from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from hmtl.common.files import atomic_write, write_json
from hmtl.common.overrides import joined
from hmtl.common.tables import aligned
from hmtl.search.space import SearchSpace, label
from hmtl.search.study import best_trial, importances

TRIALS, BEST, IMPORTANCES, HISTORY = "trials.csv", "best.json", "importances.json", "history.png"
STATES = {
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
}
ROWS = 10
WITHOUT_MATPLOTLIB = f"no {HISTORY}: it needs matplotlib, pip install 'hmtl[plots]'"


class Report:
    """Writes the files of a search, and describes its trials.

    # Parameters

    directory : `Path`
    space : `SearchSpace`
    overrides : `Dict[str, Any]`
        Those that all trials have.
    """

    def __init__(self, directory: Path, space: SearchSpace, overrides: Dict[str, Any]) -> None:
        self._directory = directory
        self._space = space
        self._overrides = overrides

    def write_trials(self, study: Study) -> None:
        """Writes `trials.csv`, and `best.json` once there is a best trial: the overrides for `hmtl train -o`."""
        keys = [parameter.key for parameter in self._space.parameters]
        with atomic_write(self._directory / TRIALS) as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["trial", "state", "score", "epochs", "seconds", "reason", *keys])
            for trial in _begun(study):
                values = self._space.decode(trial.params)
                seconds = "" if trial.duration is None else round(trial.duration.total_seconds(), 1)
                writer.writerow(
                    [name_of(trial.number), STATES[trial.state], "" if trial.value is None else trial.value]
                    + [len(trial.intermediate_values), seconds, trial.user_attrs.get("reason", "")]
                    + [label(values[key]) if key in values else "" for key in keys]
                )
        best = best_trial(study)
        if best is not None:
            write_json(self._directory / BEST, joined([self._overrides, self._space.decode(best.params)]))

    def write_summary(self, study: Study) -> List[str]:
        """Writes `importances.json` and `history.png` where they can be made; returns what to tell of it."""
        notes = []
        shares = importances(study)
        if shares:
            write_json(self._directory / IMPORTANCES, shares)
            told = ", ".join(f"{key} {share:.0%}" for key, share in shares.items())
            finished = sum(trial.state == TrialState.COMPLETE for trial in _begun(study))
            notes.append(f"importance, from {finished} trials: {told}")
        if best_trial(study) is not None and not _draw_history(study, self._directory / HISTORY):
            notes.append(WITHOUT_MATPLOTLIB)
        return notes

    def outcome(self, study: Study, number: int) -> str:
        """One trial in one line."""
        [trial] = [trial for trial in _begun(study) if trial.number == number]
        values = ", ".join(f"{key} {_short(value)}" for key, value in self._space.decode(trial.params).items())
        reason = f": {trial.user_attrs['reason']}" if "reason" in trial.user_attrs else ""
        score = "" if trial.value is None else f", {trial.value:.5g}"
        return f"{STATES[trial.state]}{score} ({values}){reason}"

    def last_reason(self, study: Study) -> Optional[str]:
        """What the last trial that failed failed with."""
        reasons = [trial.user_attrs["reason"] for trial in _begun(study) if "reason" in trial.user_attrs]
        return reasons[-1] if reasons else None

    def table(self, study: Study) -> str:
        """How many trials ended how, and the best of them."""
        trials = _begun(study)
        counts = {state: sum(trial.state == state for trial in trials) for state in STATES}
        told = ", ".join(f"{count} {STATES[state]}" for state, count in counts.items() if count)
        finished = [trial for trial in trials if trial.state == TrialState.COMPLETE]
        sign = -1 if study.direction.name == "MAXIMIZE" else 1
        finished.sort(key=lambda trial: (sign * float(trial.value or 0.0), trial.number))
        keys = [parameter.key for parameter in self._space.parameters]
        rows = [["trial", "score", "epochs", *keys]]
        for trial in finished[:ROWS]:
            values = self._space.decode(trial.params)
            cells = [_short(values[key]) if key in values else "-" for key in keys]
            rows.append([name_of(trial.number), f"{trial.value:.5g}", str(len(trial.intermediate_values)), *cells])
        return f"{len(trials)} trials: {told}" + (f"\n\n{aligned(rows)}" if finished else "")


def name_of(number: int) -> str:
    """The name of a trial's directory."""
    return f"trial_{number:04d}"


def _begun(study: Study) -> List[FrozenTrial]:
    return [trial for trial in study.get_trials(deepcopy=False) if trial.state in STATES]


def _draw_history(study: Study, path: Path) -> bool:
    """Draws Optuna's plot of all scores; `False` where matplotlib is missing."""
    try:
        import matplotlib
    except ImportError:
        return False
    matplotlib.use("Agg")
    import warnings

    from matplotlib import pyplot
    from optuna.exceptions import ExperimentalWarning
    from optuna.visualization.matplotlib import plot_optimization_history

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        figure: Any = plot_optimization_history(study).figure
    with atomic_write(path, "wb") as file:
        figure.savefig(file, format="png", dpi=120, bbox_inches="tight")
    pyplot.close(figure)
    return True


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.5g}"
    text = label(value)
    return text if len(text) <= 40 else f"{text[:37]}..."

"""The report of a study: gains as a heat map, how well they are predicted, and by what."""

import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Mapping, Optional, Sequence

import numpy as np

from hmtl.common.files import atomic_write, write_png
from hmtl.common.tables import Table, markdown
from hmtl.errors import UserError
from research.paper.report import WITHOUT_MATPLOTLIB
from research.task_relations.cross_validation import FOLDS, REPEATS
from research.task_relations.fit import Fit, spread
from research.task_relations.methods_markdown import FIGURE, draw_methods, methods_section
from research.task_relations.pair_data import PairData
from research.task_relations.prediction import MIN_PAIRS, advise
from research.task_relations.published import COEFFICIENTS, NUM_GAINS, NUM_PAIRS, TABLE_2
from research.task_relations.study import LOSSES, Affinities, Gains, Study, gains_of, read_affinities, read_study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REPORT, HEAT_MAP = "report.md", "gains.png"
# Of the coefficients, in the report; coefficients.csv has all.
NUM_COEFFICIENTS = 15


def write_report(
    directory: Path, output: Path, repeats: int = REPEATS, folds: int = FOLDS, seed: int = 1, faithful: bool = False
) -> List[str]:
    """Writes report.md, gains.png, CSV files of all tables and the model card, and methods.png where methods of advice
    have been compared; returns notes for the user.

    A part of a study is reported as far as it goes.

    # Raises

    UserError
        Where the study cannot be read, or holds no gain.
    """
    study = read_study(directory)
    gains, left_out = gains_of(study)
    if not gains:
        raise UserError(f"{directory}: no pair whose gain is known; 'python -m research.task_relations run' makes them")
    output.mkdir(parents=True, exist_ok=True)
    notes = [*study.missing(), *left_out]
    scores = Table("advice_scores")
    fit = _fit(study, gains, repeats, folds, seed, faithful, notes)
    _gains_table(gains).write(output)
    _single_table(study).write(output)
    if fit is not None:
        fit.write(output)
        _coefficients_beside(fit).write(output)
        scores = advice_scores(fit.data, read_affinities(directory))
        scores.write(output)
        notes = [note.removeprefix(f"{directory}: ") for note in fit.data.notes]
    has_image = True
    try:
        alone = {task: scores[max(scores)] for task, scores in study.single.items()}
        draw_heat_map(gains, study.tasks, output / HEAT_MAP, alone)
        draw_methods(directory, output / FIGURE)
    except ImportError:
        has_image = False
        notes.append(WITHOUT_MATPLOTLIB)
    with atomic_write(output / REPORT) as file:
        file.write("\n".join(_lines(study, gains, fit, scores, notes, has_image)).rstrip() + "\n")
    return notes


def _fit(
    study: Study, gains: Gains, repeats: int, folds: int, seed: int, faithful: bool, notes: List[str]
) -> "Fit | None":
    if not study.losses:
        notes.append(f"no {LOSSES}: nothing to predict gains from")
        return None
    if len(gains) < folds:
        notes.append(f"{len(gains)} gains are too few for a cross-validation")
        return None
    return Fit([study.directory], repeats, folds, seed, faithful)


def _lines(
    study: Study, gains: Gains, fit: "Fit | None", scores: Table, notes: Sequence[str], has_image: bool
) -> Iterator[str]:
    num_gains = sum(gain > 0 for gain in gains.values())
    yield from ("# Which tasks help each other", "")
    yield f"{len(study.tasks)} tasks: {', '.join(study.tasks)}."
    yield from (f"{num_gains} of {len(gains)} directed pairs gain; in the paper {NUM_GAINS} of {NUM_PAIRS}.", "")
    yield from ("## Gains", "")
    if has_image:
        yield from (f"![relative gains in F1]({HEAT_MAP})", "")
    yield from _gains_markdown(gains, study.tasks)
    yield "Relative change of the main task's validation F1 in percent, against the task alone after as many updates"
    yield "of its own; rows are main tasks, columns auxiliary tasks. One run each: small figures may be chance."
    yield ""
    if fit is not None:
        yield from ("## Predicting gains", "")
        yield from _performance_markdown(fit)
        yield from ("## Coefficients", "")
        yield from _coefficients_markdown(fit)
    if scores.rows:
        yield from ("## Advice on each task, scored", "")
        yield from _scores_markdown(scores)
    yield from methods_section(study.directory, has_image)
    if notes:
        yield from ("## Missing", "", *(f"- {note}" for note in notes), "")


def _gains_markdown(gains: Gains, tasks: Sequence[str]) -> Iterator[str]:
    rows = []
    for main in tasks:
        of_main = [gains.get((main, auxiliary)) for auxiliary in tasks]
        known = [gain for gain in of_main if gain is not None]
        mean = f"{sum(known) / len(known):+.1f}" if known else ""
        rows.append([main, *("" if gain is None else f"{gain:+.1f}" for gain in of_main), mean])
    yield from (*markdown(["main", *tasks, "mean"], rows), "")


def _performance_markdown(fit: Fit) -> Iterator[str]:
    rows = []
    for row in fit.rows:
        ours = row.performance
        paper = TABLE_2.get(row.key)
        theirs = ["", ""] if paper is None else [f"{paper.accuracy:.3f}", f"{paper.f1:.3f}"]
        rows.append([row.title, spread(ours.accuracy, ours.accuracy_std), spread(ours.f1, ours.f1_std), *theirs])
    yield from (*markdown(["features", "accuracy", "F1 of gains", "paper: accuracy", "paper: F1"], rows), "")
    yield f"Logistic regression, {fit.repeats} x {fit.folds}-fold cross-validation over the pairs, seed {fit.seed}:"
    yield "mean ± standard deviation over the repeats; scaled and imputed inside the fold unless said otherwise. The"
    yield "best combination is chosen by the folds that score it, and flatters. With tasks left out whole, the pairs of"
    yield "each main task are predicted from those that it has no part in. The paper's figures (its table 2) are of its"
    yield "own tasks, with a scaler that saw the test folds; its majority F1 is that of always a gain."
    yield ""


def _coefficients_markdown(fit: Fit) -> Iterator[str]:
    if not fit.coefficients:
        yield from ("All gains are of one sign: there is nothing to weigh.", "")
        return
    shown = fit.coefficients[:NUM_COEFFICIENTS]
    rows = [[one.feature, f"{one.mean:+.3f} ± {one.std:.3f}", _published(one.feature)] for one in shown]
    yield from (*markdown(["feature", "coefficient", "paper"], rows), "")
    yield f"The {min(NUM_COEFFICIENTS, len(fit.coefficients))} largest, mean ± standard deviation over fits to 80 %"
    yield "of the pairs; features scaled to 0..1. The paper's come with all features, from the notebook published with"
    yield "it (its table 3 shows some); its c of the curve is not ours, which the data determine (see `LogCurve`)."
    yield "Features that go together share their weight: no single coefficient proves a cause."
    yield ""


def _scores_markdown(scores: Table) -> Iterator[str]:
    rows = [[row.get(name, "") for name in scores.columns] for row in scores.rows]
    cells = [[f"{value:+.2f}" if isinstance(value, float) else str(value) for value in row] for row in rows]
    yield from (*markdown(scores.columns, cells), "")
    yield "Spearman's rank correlation with the measured gains over the auxiliary tasks of each main task, whose own"
    yield "pairs the predictions were not learned from; `hmtl advise` makes them. With so few pairs a task, the"
    yield "correlation of one task may well be chance; look at the mean."
    yield ""


def _coefficients_beside(fit: Fit) -> Table:
    rows = [{**vars(one), "paper": COEFFICIENTS.get(one.feature)} for one in fit.coefficients]
    return Table("coefficients", rows)


def _published(feature: str) -> str:
    return f"{COEFFICIENTS[feature]:+.3f}" if feature in COEFFICIENTS else ""


def _gains_table(gains: Gains) -> Table:
    rows = [{"main": main, "auxiliary": other, "gain_percent": gain} for (main, other), gain in sorted(gains.items())]
    return Table("gains", rows)


def _single_table(study: Study) -> Table:
    """The paper's table of tasks, as far as the runs tell: F1 of each alone at the end."""
    rows: List[Dict[str, object]] = []
    for task, scores in sorted(study.single.items()):
        last = max(scores)
        rows.append({"task": task, "iterations": last, "f1": scores[last]})
    return Table("single_tasks", rows)


# Of its quantiles, so that one extreme pair does not bleach the others.
COLOR_QUANTILE = 0.95


def gains_matrix(gains: Gains, tasks: Sequence[str]) -> np.ndarray:
    """Rows are main tasks, columns auxiliary tasks, NaN where no gain is known; shape: `(num_tasks, num_tasks)`."""
    return np.array([[gains.get((main, auxiliary), np.nan) for auxiliary in tasks] for main in tasks])


# Where F1 of the task alone is lower, a few spans more or less are a large part of it.
MIN_F1 = 0.2


def draw_heat_map(gains: Gains, tasks: Sequence[str], path: Path, alone: Optional[Mapping[str, float]] = None) -> None:
    """Draws the gains in percent: red is a gain, blue a loss.

    Rows of tasks whose F1 `alone`, from 0 to 1, is below `MIN_F1` have numbers without a colour, and none in the scale.

    # Raises

    ImportError
        Where matplotlib is missing.
    """
    write_png(path, heat_map_figure(gains, tasks, alone))


def heat_map_figure(gains: Gains, tasks: Sequence[str], alone: Optional[Mapping[str, float]] = None) -> "Figure":
    # Only here: it is optional, and takes its time. Without pyplot nothing looks for a display.
    from matplotlib.figure import Figure

    numbers = gains_matrix(gains, tasks)
    low = {task: f1 for task, f1 in (alone or {}).items() if f1 < MIN_F1}
    matrix = numbers.copy()
    matrix[[task in low for task in tasks]] = np.nan
    known = np.abs(matrix[~np.isnan(matrix)])
    limit = float(np.quantile(known, COLOR_QUANTILE)) if known.size and known.max() > 0 else 1.0
    limit = limit or float(known.max())
    size = 2 + 0.75 * len(tasks)
    figure = Figure(figsize=(size + 1, size), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(matrix, cmap="RdBu_r", vmin=-limit, vmax=limit)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xticks(range(len(tasks)), tasks, rotation=45, ha="left")
    axes.set_yticks(
        range(len(tasks)), [f"{task}\n(alone F1 {100 * low[task]:.1f})" if task in low else task for task in tasks]
    )
    axes.set_xlabel("auxiliary task")
    axes.set_ylabel("main task")
    for row, column in np.argwhere(~np.isnan(numbers)):
        value = numbers[row, column]
        color = "dimgray" if np.isnan(matrix[row, column]) else "white" if abs(value) > 0.6 * limit else "black"
        axes.text(column, row, f"{value:.1f}", ha="center", va="center", color=color, fontsize=8)
    figure.colorbar(image, ax=axes, label="relative gain in F1, %", extend="both", shrink=0.8)
    return figure


def advice_scores(data: PairData, affinities: Affinities) -> Table:
    """Spearman's rank correlation with the measured gains: a row a main task, and the mean.

    Tasks without which too few pairs are left to learn from are left out.
    """
    rows: List[Dict[str, Any]] = []
    for main in data.involved():
        measured = [other for (_, first, other), known in zip(data.pairs, data.measured) if first == main and known]
        num_pairs = int((data.measured & data.without(main)).sum())
        if not measured or num_pairs < MIN_PAIRS:
            continue
        found = advise(data, main, measured, affinities, samples=0).scores()
        scores = {name: score for name, (score, _) in found.items() if not np.isnan(score)}
        rows.append({"main": main, "pairs": len(measured), **scores})
    names = dict.fromkeys(name for row in rows for name in row if name not in ("main", "pairs"))
    if names:
        means = {name: statistics.mean(row[name] for row in rows if name in row) for name in names}
        rows.append({"main": "mean", "pairs": sum(row["pairs"] for row in rows), **means})
    return Table("advice_scores", rows)

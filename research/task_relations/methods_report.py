"""The tables of methods of advice: computed from what a study holds, written beside it, and read by `hmtl advise`."""

import csv
import shutil
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from hmtl.advice.methods import CHOSEN, METHODS, REPEAT, SCORES, SCORES_COLUMNS
from hmtl.common.files import write_csv
from hmtl.common.tables import Table
from hmtl.errors import UserError
from research.task_relations import methods as ways
from research.task_relations.gradients.measure import (
    ESTIMATES,
    GRADIENTS,
    SHARED_INPUTS,
    read_estimates,
    read_gradient_costs,
    read_shared_inputs,
)
from research.task_relations.gradients.shared_inputs import Measurement
from research.task_relations.hierarchy import Measured, best_subsets, gains_of_subsets, without_pairs
from research.task_relations.methods import Method
from research.task_relations.pair_data import read_pair_data
from research.task_relations.study import (
    COSTS,
    COSTS_COLUMNS,
    SUBSETS,
    TASKS,
    Gains,
    gains_of,
    read_affinities,
    read_costs,
    read_study,
    read_subsets,
)
from research.task_relations.surrogate import SubsetScores

# Of the surrogate with fewer subsets: steps of their number, and how often they are drawn.
_STEP, _REPEATS = 10, 20


class Setting(NamedTuple):
    """Tasks on which methods are compared.

    # Attributes

    name : `str`
        As the column `tasks` has it.
    gains : `Gains`
        Measured.
    subsets : `SubsetScores`
        Measured scores of subsets of three tasks and more.
    methods : `List[Method]`
    repeats : `List[Gains]`
        Gains measured again by other seeds, for the ceiling.
    costs : `Mapping[str, float]`
        The CPU minutes of each part.
    """

    name: str
    gains: Gains
    subsets: SubsetScores
    methods: List[Method]
    repeats: Sequence[Gains]
    costs: Mapping[str, float]


def study_setting(study: Path, repeats: Sequence[Path] = ()) -> Tuple[Setting, List[Measurement]]:
    """All methods that a study has what they need for, and what its gradients measured.

    # Raises

    UserError
        Where it holds no gain.
    """
    gains, _ = gains_of(read_study(study))
    if not gains:
        raise UserError(f"{study}: no pair whose gain is known; 'python -m research.task_relations run' makes them")
    data = read_pair_data([study])
    tasks = sorted({task for pair in gains for task in pair})
    methods = [*ways.learned_methods(data, tasks), ways.usual_method(gains)]
    affinities = read_affinities(study)
    if affinities:
        methods.append(ways.affinity_method(affinities))
    measurements, gradient_methods = _of_gradients(study / GRADIENTS)
    methods += gradient_methods
    subsets = read_subsets(study / SUBSETS)
    if subsets:
        methods.append(ways.surrogate_method(subsets))
    of_repeats = [gains_of(read_study(path))[0] for path in repeats]
    costs = {**read_costs(study / COSTS), **read_gradient_costs(study / GRADIENTS)}
    name = f"all {len(tasks)}"
    return Setting(name, gains, subsets, methods, [gains, *of_repeats] if of_repeats else [], costs), measurements


def hierarchy_setting(
    measured: Measured, gradients: Path, costs: Mapping[str, float]
) -> Tuple[Setting, List[Measurement]]:
    """The same of the four tasks of the hierarchy."""
    gains = gains_of_subsets(measured.scores)
    measurements, methods = _of_gradients(gradients)
    methods.append(ways.usual_method(gains))
    # Pairs are what is ranked: the surrogate may not have seen them. Each subset it predicts from all the others.
    fitted = without_pairs(measured.scores)
    surrogate = ways.surrogate_method(measured.scores)
    surrogate.scores, surrogate.title = ways.relevances(fitted), "surrogate of all subsets but the pairs"
    surrogate.num_subsets = len({subset for subset, _ in fitted})
    surrogate.parts = ("single runs", "subset runs")
    methods.append(surrogate)
    repeats = [gains_of_subsets(of_seed) for of_seed in measured.by_seed.values()]
    costs = {**costs, **read_gradient_costs(gradients)}
    return Setting("hierarchy", gains, measured.scores, methods, repeats, costs), measurements


def _of_gradients(directory: Path) -> Tuple[List[Measurement], List[Method]]:
    measurements: List[Measurement] = []
    methods: List[Method] = []
    if (directory / SHARED_INPUTS).is_file():
        measurements = read_shared_inputs(directory / SHARED_INPUTS)
        methods += ways.gradient_methods(measurements)
    if (directory / ESTIMATES).is_file():
        methods += ways.grad_tag_methods(read_estimates(directory / ESTIMATES))
    return measurements, methods


def same_texts(tasks: Mapping[str, Any]) -> List[str]:
    """The largest group of tasks whose training data are one file."""
    groups: Dict[str, List[str]] = {}
    for task, entry in tasks.items():
        groups.setdefault(entry["train"], []).append(task)
    return max(groups.values(), key=len)


def of_tasks(setting: Setting, name: str, tasks: Sequence[str]) -> Setting:
    """The same among some of the tasks."""
    return setting._replace(
        name=name,
        gains=ways.within(setting.gains, tasks),
        # A score beside tasks of other texts still tells of these.
        subsets=ways.subsets_within(setting.subsets, tasks),
        repeats=[ways.within(gains, tasks) for gains in setting.repeats],
    )


def methods_rows(setting: Setting) -> Tuple[List[Dict[str, Any]], List[Dict[str, Any]]]:
    """The rows of methods.csv, and those of each main task."""
    rows: List[Dict[str, Any]] = []
    of_mains: List[Dict[str, Any]] = []
    by_method = {}
    for method in setting.methods:
        by_task = ways.correlations(method.scores, setting.gains)
        if not by_task:
            continue
        by_method[method.name] = by_task
        subsets = ways.mean_and_interval(ways.subset_correlations(method, setting.subsets))
        rows.append(
            {
                **_row(setting, method.name, method.title, by_task),
                "held_out_subsets": subsets.get("rank_correlation"),
                "held_out_low": subsets.get("low"),
                "held_out_high": subsets.get("high"),
                "trained_subsets": method.num_subsets or None,
                "cpu_minutes": _cost(setting, method),
            }
        )
    if len(by_method) > 1:
        title = "the best of these, as chosen on the other main tasks"
        by_method[CHOSEN] = ways.chosen_by_others(by_method)
        rows.append(_row(setting, CHOSEN, title, by_method[CHOSEN]))
    repeated = ways.ceiling(setting.repeats)
    if repeated:
        by_method[REPEAT] = repeated
        rows.append(_row(setting, REPEAT, "the runs themselves, by another seed", repeated))
    for name, by_task in by_method.items():
        of_mains += [
            {"tasks": setting.name, "method": name, "main": main, "rank_correlation": score}
            for main, score in by_task.items()
        ]
    return rows, of_mains


def _row(setting: Setting, name: str, title: str, by_task: Mapping[str, float]) -> Dict[str, Any]:
    pairs = sum(main in by_task for main, _ in setting.gains)
    return {
        "tasks": setting.name,
        "method": name,
        "title": title,
        **ways.mean_and_interval(by_task),
        "pairs": pairs,
        "held_out_subsets": None,
        "held_out_low": None,
        "held_out_high": None,
        "trained_subsets": None,
        "cpu_minutes": None,
    }


def _cost(setting: Setting, method: Method) -> Optional[float]:
    known = [setting.costs.get(part) for part in method.parts]
    minutes = [cost for cost in known if cost is not None]
    return round(sum(minutes), 1) if len(minutes) == len(known) else None


def score_rows(setting: Setting) -> List[Dict[str, Any]]:
    """What each method says of each pair, for `hmtl advise`."""
    return [
        {"method": method.name, "main": main, "auxiliary": auxiliary, "score": score}
        for method in setting.methods
        for (main, auxiliary), score in sorted(method.scores.items())
    ]


def advised_rows(setting: Setting) -> List[Dict[str, Any]]:
    """For each main task of the hierarchy: the auxiliary task that each method puts first and what it gained, beside
    the best one, and the best subset of all."""
    best = best_subsets(setting.subsets)
    mains = sorted({main for main, _ in setting.gains})
    rows = []
    for method in setting.methods:
        for main in mains:
            of_main = {other: gain for (first, other), gain in setting.gains.items() if first == main}
            scores = {other: method.scores[main, other] for other in of_main if (main, other) in method.scores}
            if not scores:
                continue
            advised = max(scores, key=lambda other: scores[other])
            found = max(of_main, key=lambda other: of_main[other])
            subset, score = best[main]
            rows.append(
                {
                    "method": method.name,
                    "main": main,
                    "advised": advised,
                    "advised_gain_percent": of_main[advised],
                    "best": found,
                    "best_gain_percent": of_main[found],
                    "best_subset": "+".join(subset),
                    "best_subset_f1": 100 * score,
                }
            )
    return rows


def take_subsets(source: Path, study: Path) -> None:
    """Copies the scores of random subsets, and what they took, into a study.

    # Raises

    UserError
        Where there are none.
    """
    if not (source / SUBSETS).is_file():
        raise UserError(f"{source}: no {SUBSETS}; expected the --output of 'run --subsets'")
    shutil.copyfile(source / SUBSETS, study / SUBSETS)
    costs = {**_cost_rows(study / COSTS), **_cost_rows(source / COSTS)}
    write_csv(study / COSTS, COSTS_COLUMNS, list(costs.values()))


def _cost_rows(path: Path) -> Dict[str, Dict[str, str]]:
    if not path.is_file():
        return {}
    with open(path, encoding="utf-8", newline="") as file:
        return {row["part"]: row for row in csv.DictReader(file)}


def write_methods(
    study: Path,
    repeats: Sequence[Path] = (),
    hierarchy: Optional[Tuple[Measured, Path, Mapping[str, float]]] = None,
) -> List[str]:
    """Writes methods.csv and method_scores.csv into a study, which `hmtl advise` reads, and the tables beside them:
    methods_by_main.csv, shares.csv, surrogate_sizes.csv and, with the hierarchy, advised.csv; returns what is missing.

    # Raises

    UserError
        Where the study cannot be read, or holds no gain.
    """
    setting, measurements = study_setting(study, repeats)
    settings = [setting]
    if (study / TASKS).is_file():
        from research.task_relations.run.tasks import read_tasks

        together = same_texts(read_tasks(study / TASKS))
        if 2 < len(together) < len({task for pair in setting.gains for task in pair}):
            settings.append(of_tasks(setting, f"same texts, {len(together)}", together))
    shares = Table("shares", ways.shares_of(measurements, setting.gains))
    sizes = Table("surrogate_sizes")
    if setting.subsets:
        sizes.rows = ways.surrogate_sizes(setting.subsets, setting.gains, _STEP, _REPEATS, ways.SEED)
    write_csv(study / SCORES, SCORES_COLUMNS, score_rows(setting))
    notes = _missing(setting)
    if hierarchy is not None:
        of_hierarchy, _ = hierarchy_setting(*hierarchy)
        settings.append(of_hierarchy)
        Table("advised", advised_rows(of_hierarchy)).write(study)
        notes += [f"hierarchy: setup {setup} is not run" for setup in hierarchy[0].missing]
    rows, of_mains = Table(METHODS.removesuffix(".csv")), Table("methods_by_main")
    for each in settings:
        found = methods_rows(each)
        rows.rows += found[0]
        of_mains.rows += found[1]
    for table in (rows, of_mains, shares, sizes):
        if table.rows:
            table.write(study)
    return notes


def _missing(setting: Setting) -> List[str]:
    names = {method.name for method in setting.methods}
    wanted = {
        "affinity": "no affinity.csv: 'affinity' measures it",
        "affinity-shared": "no gradients: 'gradients' measures them",
        "surrogate": "no subsets.csv: 'run --subsets' trains random subsets",
    }
    return [note for name, note in wanted.items() if name not in names]

"""What a probing leaves: table.md, its CSV files, results.json and heat_map.png; those of tokens and of transfer."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Mapping, Sequence, Tuple

from hmtl.common.files import atomic_write, write_json, write_png
from hmtl.common.tables import Table, markdown
from hmtl.probing import tokens
from hmtl.probing.sentences import COMPRESSION, RANDOM, SELECTIVITY, TRAINED, Plan, Result
from hmtl.probing.senteval import FILES, ProbingTask
from hmtl.probing.transfer import TransferPlan, TransferResult
from hmtl.probing.transfer_tasks import SIMILARITY, TransferTask
from hmtl.probing.vectors import WORDS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Below the output directory. `TOKENS` are the same of single tokens, with .csv, too, and `TRANSFER` of transfer tasks.
TABLE, RESULTS, IMAGE, TOKENS, TRANSFER = "table.md", "results.json", "heat_map.png", "tokens", "transfer"
WITHOUT_MATPLOTLIB = "no heat map without matplotlib: pip install 'hmtl[plots]'"

MAJORITY, THE_PAPER = "majority", "paper"
_FURTHER = {
    SELECTIVITY: "Selectivity, accuracy less that in a control task in which the first word decides, in points:",
    COMPRESSION: "Compression, how many times shorter than the uniform code the training labels can be coded:",
}
_TITLES = {TRAINED: "", RANDOM: "random encoder: ", THE_PAPER: "paper: "}

# The probing results of Sanh, Wolf and Ruder (2019), in the table of their second half: accuracies in percent, by level
# and pooling, then by task.
_ROWS = {
    ("embedding", "max"): (62.4, 43.0, 32.5, 76.3, 74.5, 88.1, 85.7, 82.7, 54.7, 56.9),
    ("embedding", "average"): (72.1, 70.0, 38.5, 79.9, 81.4, 89.7, 88.5, 86.5, 57.4, 63.0),
    ("ner", "max"): (50.7, 3.24, 19.5, 34.2, 57.2, 66.6, 63.5, 61.6, 50.7, 52.0),
    ("emd", "max"): (43.3, 1.8, 19.3, 30.0, 56.3, 64.0, 60.1, 57.9, 51.3, 50.4),
    ("relation", "max"): (56.8, 1.2, 19.3, 24.5, 53.9, 62.3, 60.8, 57.1, 50.4, 52.2),
    ("coref", "max"): (61.9, 11.0, 29.5, 55.9, 70.0, 82.8, 83.0, 76.5, 53.3, 58.7),
}

PAPER: Dict[Tuple[str, str], Dict[str, float]] = {row: dict(zip(FILES, values)) for row, values in _ROWS.items()}


def write_report(results: Sequence[Result], plan: Plan, model: str, output: Path) -> List[str]:
    """Writes the files below `output`; returns the lines of the table and notes for the user."""
    table, sizes = probing_table(results, plan.tasks), sizes_table(plan.tasks)
    table.write(output)
    sizes.write(output)
    lines = list(table_lines(table, sizes))
    if plan.left_out:
        sizes_left_out = ", ".join(f"{name} ({size})" for name, size in plan.left_out.items())
        lines += ["", f"Left out, for fewer than {plan.min_test} test sentences: {sizes_left_out}."]
    with atomic_write(output / TABLE) as file:
        file.write("\n".join(lines) + "\n")
    write_json(output / RESULTS, _described(results, plan, model))
    try:
        write_png(output / IMAGE, heat_map(table, {row["task"]: row["test"] for row in sizes.rows}))
    except ImportError:
        lines += ["", WITHOUT_MATPLOTLIB]
    return lines


def write_token_report(results: Sequence[tokens.TokenProbeResult], output: Path) -> str:
    """Writes `tokens.md`, `tokens.csv` and `tokens.json` below `output`; returns the table."""
    table = tokens.table(results)
    with atomic_write(output / f"{TOKENS}.md") as file:
        file.write(table)
    rows = tokens.rows(results)
    Table(TOKENS, [{name: value for name, value in row.items() if name != "by_document"} for row in rows]).write(output)
    write_json(output / f"{TOKENS}.json", rows)
    return table


def _described(results: Sequence[Result], plan: Plan, model: str) -> Dict[str, Any]:
    tasks = {
        task.name: {
            "sha256": task.sha256,
            "classes": len(task.labels),
            "majority": task.majority_accuracy(),
            **{split: len(examples) for split, examples in task.splits.items()},
        }
        for task in plan.tasks
    }
    return {
        "model": model,
        "probe": plan.settings.describe(),
        "tasks": tasks,
        "left_out": plan.left_out,
        "results": [asdict(result) for result in results],
    }


def probing_table(results: Sequence[Result], tasks: Sequence[ProbingTask]) -> Table:
    """Test accuracies in percent: of each row of the results, of the majority class, and the paper's for these levels.

    Of results, further columns have the selectivity, in points, and the compression. The paper's are those of
    SentEval's own data, and comparable with results on these alone.
    """
    rows: Dict[Tuple[str, str, str], Dict[str, Any]] = {}
    for result in results:
        row = rows.setdefault(result.row, dict(zip(("encoder", "level", "pooling"), result.row)))
        row[result.task] = 100 * result.accuracy
        if result.selectivity is not None:
            row[column(result.task, SELECTIVITY)] = 100 * result.selectivity
        if result.compression is not None:
            row[column(result.task, COMPRESSION)] = result.compression
    majority = {task.name: 100 * task.majority_accuracy() for task in tasks}
    table = Table("table", [*rows.values(), {"encoder": MAJORITY, "level": "", "pooling": "", **majority}])
    for (level, pooling), accuracies in PAPER.items():
        if any(result.level == level for result in results):
            chosen = {task.name: accuracies[task.name] for task in tasks}
            table.rows.append({"encoder": THE_PAPER, "level": level, "pooling": pooling, **chosen})
    return table


def column(task: str, measure: str) -> str:
    """The name of the column of a measure other than the accuracy."""
    return f"{task} {measure}"


def sizes_table(tasks: Sequence[ProbingTask]) -> Table:
    """The classes of each task, and the examples of each split."""
    rows = [
        {
            "task": task.name,
            "classes": len(task.labels),
            **{split: len(examples) for split, examples in task.splits.items()},
        }
        for task in tasks
    ]
    return Table("tasks", rows)


def table_lines(table: Table, sizes: Table) -> Iterator[str]:
    """The lines of the table for people, below it one for each further measure, and how large the tasks are.

    `+-` is half of the 95 % interval of an accuracy of 50 %, in points, for so many test sentences.
    """
    names = [row["task"] for row in sizes.rows]
    titles = ["level", "pooling", *names]
    yield "Accuracy in percent:"
    yield ""
    yield from markdown(titles, [[*_title(row), *(f"{row[name]:.1f}" for name in names)] for row in table.rows])
    for measure, described in _FURTHER.items():
        columns = [column(name, measure) for name in names]
        rows = [row for row in table.rows if columns[0] in row]
        if rows:
            yield from ("", described, "")
            places = 2 if measure == COMPRESSION else 1
            yield from markdown(
                titles, [[*_title(row), *(f"{row[name]:.{places}f}" for name in columns)] for row in rows]
            )
    yield from ("", "Sentences:", "")
    lines = [[*map(str, row.values()), f"{98 / row['test'] ** 0.5:.1f}"] for row in sizes.rows]
    yield from markdown([*sizes.columns, "+-"], lines)


def _title(row: Dict[str, Any]) -> List[str]:
    level = "bag of word vectors" if row["level"] == WORDS else row["level"]
    return ["majority class" if row["encoder"] == MAJORITY else _TITLES[row["encoder"]] + level, row["pooling"]]


# What tables for people show beside the score of a task.
_SHOWN = ("f1", "spearman")


def write_transfer_report(results: Sequence[TransferResult], plan: TransferPlan, model: str, output: Path) -> List[str]:
    """Writes `transfer.md`, `transfer.csv` and `transfer.json` below `output`; returns the lines of the table."""
    table = transfer_table(results, plan.tasks)
    table.write(output)
    lines = list(transfer_lines(table, plan.tasks))
    with atomic_write(output / f"{TRANSFER}.md") as file:
        file.write("\n".join(lines) + "\n")
    tasks = {
        task.name: {
            "sha256": task.sha256,
            "protocol": task.protocol,
            "settings": plan.settings.describe(task.protocol),
            "labels": list(task.labels),
            "majority": task.majority_accuracy(),
            "examples": {split: len(examples) for split, examples in task.splits.items()},
        }
        for task in plan.tasks
    }
    described = {"model": model, "tasks": tasks, "results": [asdict(result) for result in results]}
    write_json(output / f"{TRANSFER}.json", described)
    return lines


def transfer_table(results: Sequence[TransferResult], tasks: Sequence[TransferTask]) -> Table:
    """The score of each task, accuracy or Pearson's correlation, times 100, of each row of the results, and the
    accuracy of the majority class; further columns have all other measures, squared errors as they are."""
    rows: Dict[Tuple[str, str, str], Dict[str, Any]] = {}
    for result in results:
        row = rows.setdefault(result.row, dict(zip(("encoder", "level", "pooling"), result.row)))
        for number, (measure, value) in enumerate(result.scores.items()):
            row[column(result.task, measure) if number else result.task] = value if measure == "mse" else 100 * value
    majority = {task.name: 100 * accuracy for task in tasks if (accuracy := task.majority_accuracy()) is not None}
    return Table(TRANSFER, [*rows.values(), {"encoder": MAJORITY, "level": "", "pooling": "", **majority}])


def transfer_lines(table: Table, tasks: Sequence[TransferTask]) -> Iterator[str]:
    """The lines of the table for people, below it one of further measures, and how large the tasks are."""
    names = [task.name for task in tasks]
    yield "Accuracy in percent, or Pearson's correlation x 100 (SICK-R, STS):"
    yield ""
    yield from markdown(["level", "pooling", *names], [[*_title(row), *_hundredths(row, names)] for row in table.rows])
    further = [column(name, measure) for name in names for measure in _SHOWN]
    further = [each for each in further if each in table.columns]
    if further:
        yield from ("", "F1 of the second label in percent, Spearman's correlation x 100:", "")
        rows = [row for row in table.rows if row["encoder"] != MAJORITY]
        yield from markdown(
            ["level", "pooling", *further], [[*_title(row), *_hundredths(row, further)] for row in rows]
        )
    yield from ("", "Sentences, or pairs of them:", "")
    sizes = []
    for task in tasks:
        counts = {split: len(examples) for split, examples in task.splits.items()}
        if task.protocol == SIMILARITY:
            counts = {"test": sum(counts.values())}
        described = ", ".join(f"{split} {count}" for split, count in counts.items())
        sizes.append([task.name, task.protocol, str(len(task.labels) or ""), described])
    yield from markdown(["task", "measured by", "labels", "examples"], sizes)


def _hundredths(row: Dict[str, Any], columns: Sequence[str]) -> List[str]:
    return [f"{row[name]:.1f}" if name in row else "" for name in columns]


# Accuracies on fewer test sentences say next to nothing: one sentence is more than 3 points.
MIN_SENTENCES = 30


def heat_map(table: Table, tasks: Mapping[str, int]) -> "Figure":
    """A panel for each pooling, a line for each level of trained and random encoders.

    Numbers are accuracies in percent; colours go from the majority class (0) to no mistakes (1), so that tasks with
    few and many classes compare. Of tasks with fewer than `MIN_SENTENCES` test sentences the cells are left blank.

    # Parameters

    table : `Table`
    tasks : `Mapping[str, int]`
        The tasks, each with the number of its test sentences.

    # Raises

    ImportError
        Where matplotlib is missing.
    """
    # Only here: it is optional, and takes its time. Without pyplot nothing looks for a display.
    from matplotlib.figure import Figure

    majority = next(row for row in table.rows if row["encoder"] == MAJORITY)
    rows = [row for row in table.rows if row["encoder"] not in (MAJORITY, THE_PAPER)]
    poolings = list(dict.fromkeys(row["pooling"] for row in rows))
    panels = {pooling: [row for row in rows if row["pooling"] == pooling] for pooling in poolings}
    height = 1.2 + 0.4 * max(map(len, panels.values()))
    figure = Figure(figsize=(2 + (1.6 + 0.7 * len(tasks)) * len(panels), height), layout="constrained")
    for number, (pooling, of_pooling) in enumerate(panels.items()):
        axes = figure.add_subplot(1, len(panels), number + 1)
        axes.set_title(f"{pooling} pooling")
        shares = [
            [_share(row[task], majority[task]) if size >= MIN_SENTENCES else math.nan for task, size in tasks.items()]
            for row in of_pooling
        ]
        image = axes.imshow(shares, cmap="viridis", vmin=0, vmax=1, aspect="auto")
        names = [name if size >= MIN_SENTENCES else f"{name} (only {size})" for name, size in tasks.items()]
        axes.set_xticks(range(len(tasks)), names, rotation=40, ha="right")
        titles = [f"random: {row['level']}" if row["encoder"] == RANDOM else row["level"] for row in of_pooling]
        axes.set_yticks(range(len(of_pooling)), titles)
        for line, row in enumerate(of_pooling):
            for place, (task, size) in enumerate(tasks.items()):
                if size < MIN_SENTENCES:
                    continue
                color = "white" if _share(row[task], majority[task]) < 0.6 else "black"
                axes.text(place, line, f"{row[task]:.0f}", ha="center", va="center", fontsize=8, color=color)
    figure.colorbar(image, ax=figure.axes, label="from majority class to no mistakes")
    return figure


def _share(accuracy: float, majority: float) -> float:
    return (accuracy - majority) / (100 - majority) if majority < 100 else 0.0

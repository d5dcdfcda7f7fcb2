"""The tables of methods of advice to read, and their figure."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Dict, Iterator, List, Sequence

from hmtl.advice.methods import CHOSEN, METHODS, REPEAT, WEAK
from hmtl.common.files import write_png
from hmtl.common.tables import markdown
from research.task_relations.methods import INTERVAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FIGURE = "methods.png"

Rows = List[Dict[str, str]]


def methods_section(study: Path, has_image: bool) -> Iterator[str]:
    """The section of the report; nothing where methods have not been compared."""
    rows = _rows(study / METHODS)
    if not rows:
        return
    yield from ("## Methods of advice", "")
    if has_image:
        yield from (f"![rank correlation of each method with measured gains]({FIGURE})", "")
    settings = list(dict.fromkeys(row["tasks"] for row in rows))
    header = ["method", *settings, *(f"{name}: subsets" for name in settings), "trained subsets", "CPU minutes"]
    cells = [_cells(rows, method, settings) for method in _methods(rows)]
    # What nothing is known of needs no column.
    kept = [column for column in range(len(header)) if any(row[column] for row in cells)]
    header = [header[column] for column in kept]
    yield from (*markdown(header, [[row[column] for column in kept] for row in cells]), "")
    yield "Spearman's rank correlation with the measured gains over the auxiliary tasks of each main task, the mean"
    yield f"over the main tasks, and the {INTERVAL} % interval of a bootstrap over these; `subsets`: the same with"
    yield "measured F1 over the subsets with the main task, which the method has not seen. What is learned from pairs"
    yield "or subsets is learned without those that it is tested on: of pairs, none with the main task. CPU minutes are"
    yield "of all that has to be run for the advice on all tasks, on one thread."
    yield ""
    shares = _rows(study / "shares.csv")
    if shares:
        yield from ("### Gradients on shared texts", "")
        cells = [[row["measure"], f"{100 * float(row['share']):.0f} %", _interval(row)] for row in shares]
        yield from (*markdown(["measure", "shared texts", "rank correlation"], cells), "")
        yield "Of the pairs of tasks that have their texts in common alone, by the share of a batch's texts that source"
        yield "and target have in common."
        yield ""
    sizes = _rows(study / "surrogate_sizes.csv")
    if sizes:
        yield from ("### Subsets that a surrogate needs", "")
        cells = [[row["subsets"], _signed(row["pairs"]), _signed(row["held_out_subsets"])] for row in sizes]
        yield from (*markdown(["subsets", "pairs", "held-out subsets"], cells), "")
    advised = _rows(study / "advised.csv")
    if advised:
        yield from ("### What would have been advised for the hierarchy", "")
        yield from (*_advised(advised), "")


def _advised(rows: Rows) -> Iterator[str]:
    mains = list(dict.fromkeys(row["main"] for row in rows))
    by = {(row["method"], row["main"]): row for row in rows}
    cells = [
        [method, *(f"{by[method, main]['advised']} ({_percent(by[method, main], 'advised')})" for main in mains)]
        for method in dict.fromkeys(row["method"] for row in rows)
    ]
    first = {main: next(row for row in rows if row["main"] == main) for main in mains}
    cells.append(["best pair", *(f"{row['best']} ({_percent(row, 'best')})" for row in first.values())])
    of_subsets = (f"{row['best_subset']} (F1 {float(row['best_subset_f1']):.1f})" for row in first.values())
    cells.append(["best subset", *of_subsets])
    yield from markdown(["method", *mains], cells)
    yield ""
    yield "The auxiliary task that each method puts first, and the measured gain from it in percent."


def draw_methods(study: Path, path: Path) -> bool:
    """Draws methods with their intervals, gradients by the share of common texts, and surrogates by their subsets;
    nothing where methods have not been compared, which it tells.

    # Raises

    ImportError
        Where matplotlib is missing.
    """
    rows = _rows(study / METHODS)
    if not rows:
        return False
    from matplotlib.figure import Figure

    shares, sizes = _rows(study / "shares.csv"), _rows(study / "surrogate_sizes.csv")
    widths = [2.2, *[1.0] * sum(map(bool, (shares, sizes)))]
    figure = Figure(figsize=(4 + 3 * sum(widths), 0.45 * len(_methods(rows)) + 1.6), layout="constrained")
    axes = figure.subplots(1, len(widths), width_ratios=widths, squeeze=False)[0]
    _draw_intervals(axes[0], rows)
    if shares:
        _draw_lines(axes[1], shares, "share", "measure", "rank_correlation", "share of common texts")
        axes[1].set_title("gradients, tasks of the same texts")
    if sizes:
        of_both = [
            {"subsets": row["subsets"], "of": name.replace("_", " "), "value": row[name]}
            for name in ("pairs", "held_out_subsets")
            for row in sizes
            if row[name]
        ]
        _draw_lines(axes[-1], of_both, "subsets", "of", "value", "trained subsets")
        axes[-1].set_title("surrogate")
    write_png(path, figure)
    return True


def _draw_intervals(axes: "Axes", rows: Rows) -> None:
    settings, methods = list(dict.fromkeys(row["tasks"] for row in rows)), _methods(rows)
    for number, setting in enumerate(settings):
        of_setting = {row["method"]: row for row in rows if row["tasks"] == setting}
        for place, method in enumerate(methods):
            if method in of_setting:
                row = of_setting[method]
                height = place + 0.22 * (number - (len(settings) - 1) / 2)
                color = f"C{number}"
                axes.plot([float(row["low"]), float(row["high"])], [height, height], color=color, linewidth=1.5)
                label = setting if place == next(p for p, m in enumerate(methods) if m in of_setting) else None
                axes.plot([float(row["rank_correlation"])], [height], "o", color=color, markersize=5, label=label)
    axes.axvline(0, color="gray", linewidth=0.8)
    axes.axvline(WEAK, color="gray", linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(methods)), [_title(rows, method) for method in methods], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(-1, 1)
    axes.set_xlabel("rank correlation with measured gains")
    axes.legend(fontsize=8, loc="lower left")


def _draw_lines(axes: "Axes", rows: Rows, x: str, group: str, y: str, label: str) -> None:
    for name in dict.fromkeys(row[group] for row in rows):
        of_group = [row for row in rows if row[group] == name and row[y]]
        axes.plot([float(row[x]) for row in of_group], [float(row[y]) for row in of_group], "o-", label=name)
    axes.axhline(0, color="gray", linewidth=0.8)
    axes.set_xlabel(label)
    axes.set_ylabel("rank correlation")
    axes.legend(fontsize=8)


def _methods(rows: Rows) -> List[str]:
    """In the order of the rows; last the two that are none."""
    found = dict.fromkeys(row["method"] for row in rows)
    return sorted(found, key=lambda method: method in (CHOSEN, REPEAT))


def _title(rows: Rows, method: str) -> str:
    return next(row["title"] for row in rows if row["method"] == method)


def _cells(rows: Rows, method: str, settings: Sequence[str]) -> List[str]:
    found = {row["tasks"]: row for row in rows if row["method"] == method}
    cells = [_title(rows, method)]
    cells += [_interval(found[name]) if name in found else "" for name in settings]
    for name in settings:
        row = found.get(name, {})
        cells.append(_interval(row, "held_out_subsets", "held_out_low", "held_out_high"))
    first = next(iter(found.values()))
    return [*cells, first["trained_subsets"], first["cpu_minutes"]]


def _interval(row: Dict[str, str], value: str = "rank_correlation", low: str = "low", high: str = "high") -> str:
    if not row.get(value):
        return ""
    return f"{_signed(row[value])} ({_signed(row[low])} to {_signed(row[high])})"


def _signed(value: str) -> str:
    return f"{float(value):+.2f}" if value else ""


def _percent(row: Dict[str, str], name: str) -> str:
    return f"{float(row[f'{name}_gain_percent']):+.1f} %"


def _rows(path: Path) -> Rows:
    if not path.is_file():
        return []
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))

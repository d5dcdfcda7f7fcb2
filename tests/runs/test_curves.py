import csv
import io
import json
import logging
import sys
from pathlib import Path

import numpy
import pytest
from PIL import Image

from hmtl.runs.curves import LOSS_COLOR, VALIDATION_COLOR, make_figure, write_curves


@pytest.fixture
def run(tiny_run: Path, tmp_path: Path) -> Path:
    """The metrics and the configuration of the tiny run, to write beside."""
    for path in (tiny_run / "config.json", *tiny_run.glob("metrics_epoch_*.json")):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def rows_of(run: Path) -> list:
    with open(run / "curves.csv", newline="") as file:
        return list(csv.DictReader(file))


def colours(path: Path) -> set:
    pixels = numpy.asarray(Image.open(path).convert("RGB")).reshape(-1, 3)
    return {"#%02X%02X%02X" % tuple(pixel) for pixel in numpy.unique(pixels, axis=0)}


def test_the_table_has_what_the_metrics_files_have(run):
    write_curves(run)
    rows = rows_of(run)
    assert [row["epoch"] for row in rows] == ["0", "1"]
    for number, row in enumerate(rows):
        metrics = json.loads((run / f"metrics_epoch_{number}.json").read_text())
        for task in ("ner", "emd", "relation", "coref"):
            for name in (f"training_{task}_updates", f"training_{task}_share", f"validation_{task}_f1"):
                assert float(row[name]) == metrics[name]
            # So short an epoch need not draw every task.
            loss = row[f"training_{task}_loss"]
            assert (float(loss) if loss else None) == metrics.get(f"training_{task}_loss")
        assert not [column for column in row if column.startswith("best_") or column == "training_duration"]


def test_a_value_that_an_epoch_lacks_is_empty(run):
    path = run / "metrics_epoch_0.json"
    metrics = json.loads(path.read_text())
    del metrics["validation_ner_f1"]
    path.write_text(json.dumps(metrics))
    write_curves(run)
    assert [row["validation_ner_f1"] == "" for row in rows_of(run)] == [True, False]


def test_the_image_has_both_curves_of_every_task(run):
    pytest.importorskip("matplotlib")
    assert write_curves(run) == ["curves.csv", "curves.png"]
    assert {VALIDATION_COLOR, LOSS_COLOR} <= colours(run / "curves.png")
    width, height = Image.open(run / "curves.png").size
    # Four panels, two by two.
    assert width > 1000 and height > 700


def points_of(figure, task: str, label: str) -> list:
    """The points of a curve, read from the panel of a task."""
    [title] = [axes for axes in figure.axes if axes.get_title().split(":")[0] == task]
    panel = [axes for axes in figure.axes if axes.get_position().bounds == title.get_position().bounds]
    lines = [line for axes in panel for line in axes.get_lines() if line.get_label() == label]
    return [tuple(point) for line in lines for point in line.get_xydata()]


def test_the_curves_have_the_values_of_the_metrics():
    pytest.importorskip("matplotlib")
    # Two tasks an update; one that is not trained at first, one that never is, a loss, and names of all kinds.
    epochs = [
        {
            "epoch": epoch,
            "training_a_loss": 5.0 - epoch,
            "training_a_updates": 10,
            "training_a_share": 0.5,
            "training_a_b_updates": 10 * epoch,
            **({"training_a_b_loss": 1e-5 * epoch} if epoch else {}),
            "training_$x$ y_updates": 0,
            "training_d_loss": float("nan") if epoch == 1 else 1.0,
            "training_d_updates": 1,
            "validation_a_f1": 0.1 * epoch,
            "validation_a_loss": 7.0 - epoch,
            "validation_a_b_loss": 3.0 + epoch,
            "validation_d_f1": float("nan"),
            "best_epoch_a": epoch,
            "best_validation_a_f1": 0.1 * epoch,
            "best_epoch_a_b": 0,
            "best_validation_a_b_loss": 3.0,
            "best_epoch_d": None,
        }
        for epoch in range(3)
    ]
    figure = make_figure(epochs, {"a": "f1", "a_b": "loss", "$x$ y": "f1", "d": "f1"})
    figure.savefig(io.BytesIO())  # titles are only read when they are drawn
    assert points_of(figure, "a", "training loss") == [(0, 5.0), (1, 4.0), (2, 3.0)]
    assert points_of(figure, "a", "validation") == [(0, 0.0), (1, 0.1), (2, 0.2)]
    assert points_of(figure, "a", "best") == [(2, 0.2)]
    assert points_of(figure, "a_b", "training loss") == [(1, 1e-5), (2, 2e-5)]
    assert points_of(figure, "a_b", "validation") == [(0, 3.0), (1, 4.0), (2, 5.0)]
    assert points_of(figure, "a_b", "best") == [(0, 3.0)]
    assert points_of(figure, r"\$x\$ y", "training loss") == points_of(figure, r"\$x\$ y", "validation") == []
    assert [x for x, _ in points_of(figure, "d", "training loss")] == [0, 1, 2]
    assert points_of(figure, "d", "best") == []


@pytest.mark.parametrize("num_tasks, panels", [(1, (1, 1)), (2, (1, 2)), (5, (3, 2))])
def test_there_is_a_panel_for_each_of_any_number_of_tasks(num_tasks, panels):
    pytest.importorskip("matplotlib")
    tasks = [f"task_{number}" for number in range(num_tasks)]
    figure = make_figure([{"epoch": 0, **{f"training_{task}_loss": 1.0 for task in tasks}}], dict.fromkeys(tasks, "f1"))
    assert [axes.get_title() for axes in figure.axes if axes.get_title()] == tasks
    assert figure.axes[0].get_subplotspec().get_gridspec().get_geometry() == panels


def test_without_validation_the_loss_is_drawn_alone(run):
    pytest.importorskip("matplotlib")
    for path in run.glob("metrics_epoch_*.json"):
        metrics = json.loads(path.read_text())
        path.write_text(json.dumps({key: value for key, value in metrics.items() if key.startswith("training_")}))
    write_curves(run)
    assert LOSS_COLOR in colours(run / "curves.png")
    assert VALIDATION_COLOR not in colours(run / "curves.png")


def test_without_matplotlib_there_is_the_table_and_one_line(run, monkeypatch, caplog):
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # as if it were not installed
    with caplog.at_level(logging.INFO, logger="hmtl"):
        assert write_curves(run) == ["curves.csv"]
    assert len(caplog.messages) == 1 and "pip install 'hmtl[plots]'" in caplog.messages[0]
    assert not (run / "curves.png").exists()


def test_a_run_of_another_trainer_has_a_table_only(run):
    for number in range(2):
        (run / f"metrics_epoch_{number}.json").write_text(json.dumps({"training_loss": 2.0 - number}))
    assert write_curves(run) == ["curves.csv"]
    assert [row["training_loss"] for row in rows_of(run)] == ["2.0", "1.0"]


def test_a_run_without_epochs_has_none(tmp_path):
    assert write_curves(tmp_path) == []
    assert list(tmp_path.iterdir()) == []

"""What the files of a run are called, and that no other place in the code calls them anything."""

import ast
import re
from collections import defaultdict
from pathlib import Path
from typing import DefaultDict, Iterator, List, Set, Tuple

import pytest

from hmtl.runs.run_directory import (
    BEST_OVERALL,
    MANIFEST,
    MODEL_STATE,
    TRAINING_STATE,
    Point,
    RunDirectory,
    best_weights_name,
    is_best_for,
)

ROOT = Path(__file__).resolve().parents[2]


def touch(directory: Path, *names: str) -> None:
    directory.mkdir(exist_ok=True)
    for name in names:
        (directory / name).touch()


def test_the_names_of_files_are_those_of_earlier_releases(tmp_path: Path) -> None:
    """Runs of earlier releases are recovered, compared and evaluated by these names."""
    run, point = RunDirectory(str(tmp_path)), Point(3, 20)
    expected = {
        "config.json": run.config,
        "command.json": run.command,
        "meta.json": run.meta,
        "vocabulary": run.vocabulary,
        "finetuning.json": run.finetuning,
        "out.log": run.log,
        "log": run.tensorboard,
        "checkpoint_e3_b20.json": run.checkpoint_file(MANIFEST, point),
        "model_state_e3_b20.th": run.checkpoint_file(MODEL_STATE, point),
        "training_state_e3_b20.th": run.checkpoint_file(TRAINING_STATE, point),
        "training_state_e3_b20_w1.th": run.checkpoint_file(TRAINING_STATE, point, worker=1),
        best_weights_name("ner"): tmp_path / "best_ner.safetensors",
        BEST_OVERALL: tmp_path / "best.safetensors",
        "metrics_epoch_11.json": run.epoch_metrics(11),
        "metrics.json": run.metrics,
        "model.tar.gz": run.archive,
        "curves.csv": run.curves_table,
        "curves.png": run.curves_image,
        "evaluation.json": run.evaluation(),
        "evaluation_validation.json": run.evaluation("validation"),
        "evaluation_gold_mentions.json": run.evaluation(gold_mentions=True),
        "evaluation_validation_gold_mentions.json": run.evaluation("validation", gold_mentions=True),
        "run.lock": run.lock,
        ".replaced": run.replaced,
    }
    assert {name: tmp_path / name for name in expected} == expected


def test_weights_are_best_for_their_own_task_alone() -> None:
    assert is_best_for("best_ner", "ner")
    assert not any(is_best_for(name, "ner") for name in ("best", "best_ner2", best_weights_name("ner")))


def test_epochs_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    touch(tmp_path, *(f"metrics_epoch_{epoch}.json" for epoch in (10, 9, 0)))
    touch(tmp_path, "metrics_epoch_x.json", "metrics_epoch_3.json.7-ab.partial", "metrics.json")
    assert RunDirectory(tmp_path).epochs() == [0, 9, 10]
    assert RunDirectory(tmp_path / "none").epochs() == []


def test_what_has_no_manifest_is_no_checkpoint(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    touch(tmp_path, "model_state_e1_b0.th", "training_state_e1_b0.th", "checkpoint_e2_b0.th", "model_state_e2_b0.json")
    assert not run.has_checkpoint() and run.epochs_in_checkpoint() == 0
    assert run.points() == run.points(MODEL_STATE) == run.points(TRAINING_STATE) == {Point(1, 0)}
    touch(tmp_path, "checkpoint_e2_b5.json", "checkpoint_e10_b0.json", "checkpoint_e11_b0.json.7-ab.partial")
    assert run.has_checkpoint() and run.epochs_in_checkpoint() == 10
    assert run.points(MANIFEST) == {Point(2, 5), Point(10, 0)}
    assert run.points() == {Point(1, 0), Point(2, 5), Point(10, 0)}


def test_parts_of_a_state_are_those_of_their_worker(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    touch(tmp_path, "checkpoint_e1_b0_w0.json", "checkpoint_e2_b0_w1.json")
    assert run.points(MANIFEST) == set()
    assert run.points(MANIFEST, worker=1) == {Point(2, 0)}
    assert run.has_checkpoint()


def test_how_a_run_is_resumed(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    assert run.resume_options() == []
    touch(run.path, "config.json", "model_state_e1_b0.th")
    assert run.resume_options() == ["--force"] and not run.is_trained()
    touch(run.path, "checkpoint_e1_b0.json")
    assert run.resume_options() == ["--recover"] and run.is_trained()


def test_a_finished_run_needs_no_checkpoint(tmp_path: Path) -> None:
    touch(tmp_path, "model.tar.gz")
    assert RunDirectory(tmp_path).is_trained()


@pytest.mark.parametrize(
    "names, is_run",
    [(["config.json"], False), (["out.log"], False), (["config.json", "out.log"], True), (["config.json", "a"], False)],
)
def test_what_a_run_is(names: List[str], is_run: bool, tmp_path: Path) -> None:
    touch(tmp_path, *names)
    assert RunDirectory(tmp_path).is_run() == is_run


@pytest.mark.parametrize(
    "name, is_of_training",
    [("out.log", False), ("out_worker1.log", False), ("run.lock", False), (".replaced", False)]
    + [("metrics_epoch_0.json", True), ("best_ner.safetensors", True), ("notes.txt", True), ("output.log", True)],
)
def test_what_is_there_before_the_first_step(name: str, is_of_training: bool, tmp_path: Path) -> None:
    touch(tmp_path, "config.json", "vocabulary", name)
    assert RunDirectory(tmp_path).holds_training() == is_of_training


def test_what_training_writes(tmp_path: Path) -> None:
    names = ["config.json", "out.log", "out_worker1.log", "metrics.json", "metrics_epoch_0.json", "best.safetensors"]
    names += ["model_state_e1_b0.th", "x.partial"]
    touch(tmp_path, *names, "evaluation.json", "curves.csv", "experiment.json")
    assert sorted(path.name for path in RunDirectory(tmp_path).written_in_training()) == sorted(names)


NAMES = re.compile(
    r"^(checkpoint|model_state|training_state)(_e.*)?$|metrics_epoch_|\.replaced$|^out(\.log|_worker)"
    r"|^(config|command|meta|metrics|finetuning)\.json$|^model\.tar\.gz$|^\.(safetensors|partial)$"
)
# A file of the same name in another kind of directory: that of prepared data.
ELSEWHERE = {
    ("hmtl/corpora/preparation/output.py", ".replaced"),
    # Of a folder of documents, where other tools describe them.
    ("hmtl/corpora/formats/reading.py", "meta.json"),
    # Of an encoder of transformers.
    ("hmtl/packaging/package.py", "config.json"),
    # Of what is mounted into a container.
    ("scripts/container_steps.py", "model.tar.gz"),
}


def strings_of(path: Path) -> Iterator[str]:
    """The strings of a module that are no documentation, those between the braces of an f-string joined by `{}`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    parts: Set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts |= {id(part) for part in node.values}
            texts = [str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values]
            yield "".join(texts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) not in documentation | parts:
                yield node.value


def test_each_name_stands_in_the_code_once() -> None:
    places: DefaultDict[str, List[Tuple[str, str]]] = defaultdict(list)
    for folder in ("hmtl", "research", "scripts", "benchmarks"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for text in strings_of(path):
                match = NAMES.search(text)
                name = str(path.relative_to(ROOT))
                # A sentence for the user may name a file.
                if match is not None and " " not in text and (name, match[0]) not in ELSEWHERE:
                    places[match[0]].append((name, text))
    homes = ("hmtl/common/file_names.py", "hmtl/runs/run_directory.py")
    assert {name for found in places.values() for name, _ in found} == set(homes), places
    assert all(len(found) == 1 for found in places.values()), places

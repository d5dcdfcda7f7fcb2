"""The command line of `python -m research.task_relations`."""

import json

import pytest
from relation_study import TASKS, steeper_helps, write_study

from research.task_relations.__main__ import main
from research.task_relations.study import read_affinities


def call(*arguments):
    main([*map(str, arguments)])


def test_features_fit_and_report(tmp_path, capsys):
    study = write_study(tmp_path / "study", steeper_helps())
    call("features", study)
    out, err = capsys.readouterr()
    assert f"7 features of 5 tasks: {study / 'features.csv'}" in out
    assert "tasks.json does not name the data of chunks" in err
    call("fit", study, "--repeats", 1)
    assert "## Fitted on" in capsys.readouterr().out and (study / "fit" / "model_card.json").is_file()
    call("report", study, "--repeats", 1, "--output", tmp_path / "report")
    assert (tmp_path / "report" / "report.md").read_text() in capsys.readouterr().out


def test_the_data_of_tasks_are_measured_where_a_study_names_them(tmp_path, capsys):
    study = write_study(tmp_path / "study", steeper_helps())
    for split, tokens in (("train", ["Ada", "met", "Bob"]), ("dev", ["Eve", "met", "Bob"])):
        document = {"doc_key": split, "sentences": [tokens], "ner": [[[0, 0, "PER"]]]}
        (tmp_path / f"{split}.jsonl").write_text(json.dumps(document) + "\n")
    reader = {"type": "hmtl_token_labels", "corpus": "jsonl", "layer": "ner", "scheme": "bio"}
    paths = {"train": "train.jsonl", "validation": "dev.jsonl", "test": "dev.jsonl"}
    entry = {"reader": reader, **{split: str(tmp_path / name) for split, name in paths.items()}}
    (study / "tasks.json").write_text(json.dumps({"names": entry}))
    call("features", study)
    header, *lines = (study / "features.csv").read_text().splitlines()
    row = dict(zip(header.split(","), lines[TASKS.index("names")].split(",")))
    assert (row["sentences"], row["tokens_per_type"]) == ("1.0", "1.0")
    assert float(row["oov_rate"]) == pytest.approx(100 / 3)
    assert row["labels"] == "2.0"
    assert "14 features of 5 tasks" in capsys.readouterr().out


def test_affinities_are_measured_in_one_joint_run(tmp_path, capsys):
    firsts = range(0, 60, 3)
    document = {
        "doc_key": "a",
        "sentences": [["Ada", "met", "Bob"] for _ in firsts],
        "ner": [[[first, first, "PER"]] for first in firsts],
        "emd": [[[first + 2, first + 2, "PER"]] for first in firsts],
    }
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps(document) + "\n")
    tasks = {}
    for layer in ("ner", "emd"):
        reader = {"type": "hmtl_token_labels", "corpus": "jsonl", "layer": layer, "scheme": "bio"}
        tasks[layer] = {"reader": reader, **dict.fromkeys(("train", "validation", "test"), str(path))}
    (tmp_path / "tasks.json").write_text(json.dumps(tasks))
    call("affinity", tmp_path, "--steps", 10, "--every", 10)
    assert f"4 affinities of 2 tasks: {tmp_path / 'affinity.csv'}" in capsys.readouterr().out
    found = read_affinities(tmp_path)
    assert set(found) == {(source, target) for source in tasks for target in tasks}
    # Down its own gradient a task's loss falls.
    assert found["ner", "ner"] > 0 and found["emd", "emd"] > 0


@pytest.mark.parametrize("command", ["run", "affinity", "features", "fit", "report", "predict", "advise"])
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as end:
        call(command, "--help")
    assert end.value.code == 0 and "usage:" in capsys.readouterr().out


def test_a_mistake_is_one_line_and_exit_code_2(tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        call("report", tmp_path / "nothing")
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith(
        f"research.task_relations: error: {tmp_path / 'nothing'}: no such directory"
    )

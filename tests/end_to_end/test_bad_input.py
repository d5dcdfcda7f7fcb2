"""What a user may get wrong: one clear line on stderr, exit code 2, no traceback."""

import json
import subprocess
import sys
import tarfile

import pytest

from hmtl.cli import main


def line_of_failure(capsys, *arguments):
    """Runs the command line, which must fail as a user's mistake, and returns the line that it ends with."""
    with pytest.raises(SystemExit) as failure:
        main([str(argument) for argument in arguments])
    error = capsys.readouterr().err
    assert failure.value.code == 2
    assert "Traceback" not in error
    assert error.count("hmtl: error: ") == 1
    return error.strip().splitlines()[-1]


def line_of_training(capsys, fixtures, tmp_path, overrides):
    """The same for a training of the tiny configuration with overrides; nothing half-made is left behind."""
    directory = tmp_path / "run"
    line = line_of_failure(capsys, "train", fixtures / "tiny.jsonnet", "-s", directory, "-o", json.dumps(overrides))
    assert not directory.exists()
    return line


def document(**changes):
    layers = {"ner": [[[0, 0, "PERSON"]]], "emd": [[[0, 0, "PER"]]], "relations": [[]], "clusters": []}
    return json.dumps({"doc_key": "d", "sentences": [["Ada", "slept", "."]], **layers, **changes})


def test_missing_file(capsys, fixtures, tmp_path):
    missing = tmp_path / "missing.jsonl"
    line = line_of_training(capsys, fixtures, tmp_path, {"train_data_path.ner": str(missing)})
    assert f"{missing}: no such file or directory" in line


def test_empty_file(capsys, fixtures, tmp_path):
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    line = line_of_training(capsys, fixtures, tmp_path, {"train_data_path.ner": str(empty)})
    assert f"{empty}: no documents found" in line


def test_wrong_number_of_columns(capsys, fixtures, tmp_path):
    path = tmp_path / "bad.gold_conll"
    path.write_text("#begin document (bc/a); part 000\nbc/a 0 0 Hello\n\n#end document\n")
    changes = {"dataset_reader.readers.ner.corpus": "ontonotes", "train_data_path.ner": str(path)}
    line = line_of_training(capsys, fixtures, tmp_path, changes)
    assert f"{path}:2: " in line and "column" in line


def test_span_outside_its_sentence(capsys, fixtures, tmp_path):
    path = tmp_path / "outside.jsonl"
    path.write_text(document() + "\n" + document(ner=[[[1, 3, "PERSON"]]]) + "\n")
    line = line_of_training(capsys, fixtures, tmp_path, {"train_data_path.ner": str(path)})
    assert f"{path}:2: document 'd': 'ner' span [1, 3] lies outside" in line


def test_not_json(capsys, fixtures, tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_text(document() + "\n{oops\n")
    assert f"{path}:2: not valid JSON" in line_of_training(
        capsys, fixtures, tmp_path, {"train_data_path.emd": str(path)}
    )


def test_layer_that_the_corpus_lacks(capsys, fixtures, tmp_path):
    line = line_of_training(capsys, fixtures, tmp_path, {"dataset_reader.readers.ner.layer": "supersenses"})
    assert "has no layer 'supersenses' (it has:" in line


def test_unknown_label_of_validation_data(capsys, fixtures, tmp_path):
    path = tmp_path / "unknown.jsonl"
    path.write_text(document(ner=[[[0, 0, "SPACESHIP"]]]))
    line = line_of_training(capsys, fixtures, tmp_path, {"validation_data_path.ner": str(path)})
    assert "unknown label 'SPACESHIP' in namespace 'ner_labels', which knows: " in line


def test_unknown_label_at_evaluation(capsys, tiny_run, tmp_path):
    path = tmp_path / "unknown.jsonl"
    path.write_text(document(ner=[[[0, 0, "SPACESHIP"]]]))
    line = line_of_failure(capsys, "evaluate", tiny_run / "model.tar.gz", json.dumps({"ner": str(path)}))
    assert "unknown label 'SPACESHIP' in namespace 'ner_labels'" in line


def test_level_that_reads_an_unknown_level(capsys, fixtures, tmp_path):
    line = line_of_training(capsys, fixtures, tmp_path, {"model.levels.relation.reads": ["chunks"]})
    assert "level 'relation' reads the unknown level 'chunks'; the levels are: coref, emd, ner, relation" in line


def test_circle_of_levels(capsys, fixtures, tmp_path):
    line = line_of_training(capsys, fixtures, tmp_path, {"model.levels.ner.reads": ["relation"]})
    assert "levels read one another in a circle: " in line and "ner -> relation -> emd -> ner" in line.replace(
        "emd -> ner -> relation -> emd", "ner -> relation -> emd -> ner"
    )


def test_unknown_key_of_the_trainer(capsys, fixtures, tmp_path):
    assert "patiense" in line_of_training(capsys, fixtures, tmp_path, {"trainer.patiense": 3})


def test_unknown_type(capsys, fixtures, tmp_path):
    assert "propotional" in line_of_training(capsys, fixtures, tmp_path, {"trainer.sampler": "propotional"})


def test_task_without_data(capsys, fixtures, tmp_path):
    path = tmp_path / "unrelated.jsonl"
    path.write_text(document())
    changes = {
        "train_data_path.relation": str(path),
        "dataset_reader.readers.relation.only_sentences_with_relations": True,
    }
    assert "task 'relation' has no data" in line_of_training(capsys, fixtures, tmp_path, changes)


def test_unset_environment_variable(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("HMTL_DATA", "")
    line = line_of_failure(capsys, "train", "configs/hmtl_gum_redocred.jsonnet", "-s", tmp_path / "run")
    assert "Set the environment variable HMTL_DATA to the folder that holds gum/ and redocred/" in line


def test_archive_of_another_model(capsys, tmp_path, fixtures):
    directory = tmp_path / "tagger"
    (tmp_path / "train.tsv").write_text("a###X b###Y\n")
    config = {
        "dataset_reader": {"type": "sequence_tagging"},
        "train_data_path": str(tmp_path / "train.tsv"),
        "model": {
            "type": "simple_tagger",
            "text_field_embedder": {"token_embedders": {"tokens": {"type": "embedding", "embedding_dim": 2}}},
            "encoder": {"type": "lstm", "input_size": 2, "hidden_size": 2},
        },
        "data_loader": {"batch_size": 1},
        "trainer": {"num_epochs": 1, "optimizer": "adam"},
    }
    (tmp_path / "tagger.json").write_text(json.dumps(config))
    main(["train", str(tmp_path / "tagger.json"), "-s", str(directory)])
    (tmp_path / "input.jsonl").write_text('{"text": "Ada slept."}\n')
    line = line_of_failure(capsys, "allennlp", "predict", directory / "model.tar.gz", tmp_path / "input.jsonl")
    assert "the predictor 'hmtl' needs an hmtl model, and this is a SimpleTagger" in line


def test_archive_that_is_none(capsys, tmp_path):
    path = tmp_path / "model.tar.gz"
    with tarfile.open(path, "w:gz"):
        pass
    (tmp_path / "input.jsonl").write_text('{"text": "Ada slept."}\n')
    assert "config.json" in line_of_failure(capsys, "allennlp", "predict", path, tmp_path / "input.jsonl")


def test_the_command_itself_exits_with_2(fixtures, tmp_path):
    overrides = json.dumps({"train_data_path.ner": "missing.jsonl"})
    result = subprocess.run(
        [
            sys.executable,
            "-m",
            "hmtl",
            "train",
            str(fixtures / "tiny.jsonnet"),
            "-s",
            str(tmp_path / "run"),
            "-o",
            overrides,
        ],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2
    assert result.stderr.strip().splitlines()[-1].startswith("hmtl: error: missing.jsonl: no such file")
    assert "Traceback" not in result.stderr

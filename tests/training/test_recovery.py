import json
import shutil
from pathlib import Path
from typing import Dict

import torch
from allennlp.common import Params
from allennlp.data import Vocabulary

from hmtl.cli import main
from hmtl.training.recovery import RunVocabulary, read_back_vocabulary
from hmtl.weights import load_weights


def vocabulary_files(run: Path) -> Dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (run / "vocabulary").glob("*.txt")}


def test_a_recovered_run_reads_its_vocabulary_back(fixtures: Path, tmp_path: Path) -> None:
    shutil.copytree(fixtures / "jsonl", tmp_path / "jsonl")
    train, run = tmp_path / "jsonl" / "train.jsonl", tmp_path / "run"
    overrides = {"trainer.num_epochs": 1, **{f"train_data_path.{task}": str(train) for task in ("ner", "emd")}}
    arguments = ["train", str(fixtures / "tiny.jsonnet"), "-s", str(run), "-o", json.dumps(overrides)]
    main(arguments)
    files, config = vocabulary_files(run), (run / "config.json").read_text()
    weights = load_weights(run / "best.safetensors")

    # A vocabulary built anew would have another word, and embeddings of another size.
    layers = {"ner": [[[0, 0, "PERSON"]]], "emd": [[[0, 0, "PER"]]], "relations": [[]], "clusters": []}
    document = {"doc_key": "new", "sentences": [["Zaphod", "slept", "."]], **layers}
    train.write_text(train.read_text() + json.dumps(document) + "\n")
    main([*arguments, "--recover"])

    assert vocabulary_files(run) == files
    assert (run / "config.json").read_text() == config
    assert all(torch.equal(tensor, weights[name]) for name, tensor in load_weights(run / "best.safetensors").items())


def test_without_a_checkpoint_the_vocabulary_is_built(tmp_path: Path) -> None:
    (tmp_path / "vocabulary").mkdir()
    params = Params({"vocabulary": {"min_count": {"tokens": 2}}})
    read_back_vocabulary(params, tmp_path)
    assert params.as_dict() == {"vocabulary": {"min_count": {"tokens": 2}}}


def test_a_vocabulary_that_is_read_back_is_the_same_and_is_not_written(tmp_path: Path) -> None:
    built = Vocabulary(
        tokens_to_add={"tokens": ["the", "@@"], "ner_labels": ["O", "B-PER"]}, padding_token="<p>", oov_token="<u>"
    )
    built.save_to_files(str(tmp_path / "vocabulary"))
    (tmp_path / "checkpoint_e1_b0.json").write_text("{}")
    params = Params({"vocabulary": {"padding_token": "<p>", "oov_token": "<u>", "min_count": {"tokens": 2}}})
    read_back_vocabulary(params, tmp_path)

    read = Vocabulary.from_params(params["vocabulary"], instances=[])

    assert isinstance(read, RunVocabulary)
    for namespace in ("tokens", "ner_labels"):
        assert read.get_index_to_token_vocabulary(namespace) == built.get_index_to_token_vocabulary(namespace)
    files = vocabulary_files(tmp_path)
    read.add_token_to_namespace("new")
    read.save_to_files(str(tmp_path / "vocabulary"))
    assert vocabulary_files(tmp_path) == files

"""Flaw 7: NER reads the part of OntoNotes where no entities are marked, which also shifts proportional sampling."""

from pathlib import Path
from typing import Dict

import pytest
from allennlp.common import Params
from allennlp.data import DatasetReader

from hmtl.training.task_samplers import ProportionalSampler

F = Path(__file__).resolve().parents[2] / "configs" / "setups" / "ldc" / "F.jsonnet"


def columns(key: str, num_sentences: int) -> str:
    """A document in CoNLL-2012 columns, each sentence one word."""
    row = f"{key} 0 0 rain NN (TOP*) - - - - * -\n\n"
    return f"#begin document ({key}); part 000\n{row * num_sentences}#end document\n"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """NER: 2 sentences of news and 3 of the New Testament; EMD: 2 sentences."""
    train = tmp_path / "conll-2012" / "v4" / "data" / "train"
    for genre, num_sentences in (("nw", 2), ("pt", 3)):
        (train / genre).mkdir(parents=True)
        (train / genre / "one.v4_gold_conll").write_text(columns(f"{genre}/one", num_sentences))
    ace = tmp_path / "ace2005" / "train"
    ace.mkdir(parents=True)
    (ace / "one.like_conll").write_text("#begin document (one); part 000\n0 rain * -\n\n0 fell * -\n\n#end document\n")
    for name in ("HMTL_DATA", "HMTL_GLOVE", "HMTL_ELMO"):
        monkeypatch.setenv(name, str(tmp_path))
    return tmp_path


def num_sentences() -> Dict[str, int]:
    """What the configuration of setup F reads for each task."""
    config = Params.from_file(str(F)).as_dict(quiet=True)
    found = {}
    for task, params in config["dataset_reader"]["readers"].items():
        params["token_indexers"] = {"tokens": {"type": "single_id"}}
        found[task] = len(list(DatasetReader.from_params(Params(params)).read(config["train_data_path"][task])))
    return found


def test_right_leaves_it_out(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HMTL_PRESET", "")
    assert num_sentences() == {"ner": 2, "emd": 2}
    # At a batch size of 1, both tasks are drawn equally often.
    assert ProportionalSampler().probabilities(num_sentences(), 0) == {"ner": 0.5, "emd": 0.5}


def test_faithful_keeps_it(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HMTL_PRESET", "faithful")
    assert num_sentences() == {"ner": 5, "emd": 2}
    probabilities = ProportionalSampler().probabilities(num_sentences(), 0)
    assert probabilities == pytest.approx({"ner": 5 / 7, "emd": 2 / 7})

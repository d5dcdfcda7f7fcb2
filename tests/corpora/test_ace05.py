"""The corpus `ace05`, which reads the LDC's directory in a configuration."""

import logging
from pathlib import Path

import pytest
from ace_files import FIXTURE, SPLITS
from allennlp.commands.train import train_model
from allennlp.common import Params

from hmtl.corpora import Corpus
from hmtl.corpora.ace05 import Ace05Corpus
from hmtl.corpora.preparation.sources.ace_source import Ace05Source
from hmtl.errors import DataError, UserError

ROOT = Path(__file__).resolve().parents[2]


def corpus(**options) -> Corpus:
    return Corpus.from_params(Params({"type": "ace05", "split_dir": str(SPLITS), **options}))


def names(path: str) -> list:
    return [document.doc_key for document in corpus().documents(path)]


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_the_documents_are_those_of_the_preparation(split):
    source = Ace05Source(FIXTURE, SPLITS)
    prepared = [document for unit in source.units(split) for document in source.convert(unit).documents]
    assert list(corpus().documents(f"{FIXTURE}#{split}")) == prepared


def test_options_of_a_configuration():
    (document, _) = corpus(zone="text", directions="both").documents(f"{FIXTURE}#dev")
    assert document.sentences[0] == ["Nuria", "K."]
    assert len([label for _, _, label in document.relations if label == "PER-SOC"]) == 2


def test_wrong_options_are_named():
    with pytest.raises(UserError, match="zone: 'title' is none of document, body, text"):
        corpus(zone="title")


def test_slices_of_a_split():
    assert names(f"{FIXTURE}#train#1:2") == ["CNN_ENG_20990212_101500.3"]
    assert names(f"{FIXTURE}#train#1:") == ["CNN_ENG_20990212_101500.3", "APW_ENG_20990315.0042"]


@pytest.mark.parametrize(
    "path, message",
    [
        (f"{FIXTURE}", r"expected the LDC's directory and a split \(#train, #dev, #test\)"),
        (f"{FIXTURE}#validation", "expected the LDC's directory and a split"),
        ("nowhere#train", "nowhere: no such directory"),
        (f"{FIXTURE}#train#7:", "no documents"),
    ],
)
def test_bad_paths_are_named(path, message):
    with pytest.raises(DataError, match=message):
        names(path)


def test_a_missing_document_ends_the_reading():
    with pytest.raises(DataError, match=r"timex2norm/.*\.sgm: no such file"):
        list(Ace05Corpus().documents(f"{FIXTURE}#train"))


def test_losses_are_logged(caplog):
    with caplog.at_level(logging.INFO, logger="hmtl"):
        list(corpus().documents(f"{FIXTURE}#train"))
    assert "mention: text differs from the text at its offsets: 2" in caplog.text


CONFIGURATION = """
local corpora = import '%(root)s/configs/lib/corpora.libsonnet';
local embedders = import '%(root)s/configs/lib/embedders.libsonnet';
local experiment = import '%(root)s/configs/lib/experiment.libsonnet';
local levels = import '%(root)s/configs/lib/levels.libsonnet';

local small_encoder = { encoder+: { hidden_size: 8, num_layers: 1, dropout: 0.0 } };
local tasks = corpora.ace05('%(fixture)s', { split_dir: '%(splits)s' });

experiment.new(
  // Some types of the few documents are in the validation data alone.
  tasks={
    emd: tasks.emd { reader+: { allow_unknown_labels: true } },
    relation: tasks.relation { reader+: { allow_unknown_labels: true } },
    coref: tasks.coref,
  },
  embedding=embedders.combine([embedders.words(dim=8)]),
  levels={
    emd: levels.tagger([]) + small_encoder,
    relation: levels.relation(['emd']) + small_encoder,
    coref: levels.coref(['emd']) + small_encoder,
  },
  num_epochs=1,
)
"""


def test_training_from_the_directory(tmp_path):
    config = tmp_path / "ace05.jsonnet"
    config.write_text(CONFIGURATION % {"root": ROOT, "fixture": FIXTURE, "splits": SPLITS})
    model = train_model(Params.from_file(str(config)), str(tmp_path / "run"))
    assert set(model.tasks) == {"emd", "relation", "coref"}
    assert "GPE" in {label.split("-")[-1] for label in model.vocab.get_token_to_index_vocabulary("emd_labels")}
    assert "PER-SOC" in model.vocab.get_token_to_index_vocabulary("relation_labels")
    assert (tmp_path / "run" / "model.tar.gz").exists()

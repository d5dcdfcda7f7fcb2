import json
from pathlib import Path

import pytest
from allennlp.data import Instance, Vocabulary
from allennlp.data.fields import LabelField, TextField
from allennlp.data.token_indexers import SingleIdTokenIndexer
from allennlp.data.tokenizers import Token

from hmtl.cli import main
from hmtl.errors import UserError
from hmtl.models import HMTL
from hmtl.models.finetuning import VocabularyWithArchive

INSTANCES = [
    Instance(
        {
            "text": TextField([Token("in"), Token("zebra")], {"tokens": SingleIdTokenIndexer(namespace="tokens")}),
            "label": LabelField("ANIMAL", label_namespace="ner_labels"),
        }
    )
]


@pytest.mark.parametrize("name", ["", "model.tar.gz"])
def test_words_of_both_and_labels_of_the_new_data(tiny_run, name):
    old = Vocabulary.from_files(tiny_run / "vocabulary")
    vocab = VocabularyWithArchive.from_instances_and_archive(iter(INSTANCES), str(tiny_run / name))
    words = set(vocab.get_token_to_index_vocabulary("tokens"))
    assert words == {"zebra"} | set(old.get_token_to_index_vocabulary("tokens"))
    assert set(vocab.get_token_to_index_vocabulary("ner_labels")) == {"ANIMAL"}
    assert "emd_labels" not in vocab.get_namespaces()
    # Each entry once, those of the new data first.
    assert [vocab.get_token_from_index(index, "tokens") for index in (2, 3)] == ["in", "zebra"]
    assert vocab.get_vocab_size("tokens") == len(words)


def test_no_archive(tmp_path):
    with pytest.raises(UserError, match="gone: no such archive"):
        VocabularyWithArchive.from_instances_and_archive(INSTANCES, str(tmp_path / "gone"))
    with pytest.raises(UserError, match="no vocabulary"):
        VocabularyWithArchive.from_instances_and_archive(INSTANCES, str(tmp_path))


def test_a_run_with_it_is_trained_and_loaded(tiny_run, fixtures, tmp_path):
    run = tmp_path / "run"
    train = str(fixtures / "jsonl" / "dev.jsonl")
    overrides = {
        "trainer.num_epochs": 1,
        "model.type": "hmtl_finetuned",
        "model.pretrained_file": str(tiny_run),
        "vocabulary": {"type": "with_archive", "archive_file": str(tiny_run)},
        "train_data_path": dict.fromkeys(["ner", "emd", "relation", "coref"], train),
        **{f"dataset_reader.readers.{task}.allow_unknown_labels": True for task in ("ner", "emd", "relation")},
    }
    main(["train", str(fixtures / "tiny.jsonnet"), "-s", str(run), "-o", json.dumps(overrides)])
    counts = json.loads(Path(run / "finetuning.json").read_text())["entries"]
    assert counts["text_field_embedder.token_embedder_tokens"]["left_out"] == 0
    assert counts["text_field_embedder.token_embedder_tokens"]["new"] > 0
    model = HMTL.from_archive(run / "model.tar.gz")
    old = Vocabulary.from_files(tiny_run / "vocabulary")
    assert set(old.get_token_to_index_vocabulary("tokens")) <= set(model.vocab.get_token_to_index_vocabulary("tokens"))

import json
import runpy
from pathlib import Path

import pytest

from hmtl.cli import main as hmtl
from hmtl.document import read_jsonl

ROOT = Path(__file__).resolve().parents[2]
main = runpy.run_path(str(ROOT / "scripts" / "tag_heads.py"))["main"]
CONFIGURATION = """
local corpora = import '%(lib)s/corpora.libsonnet';
local embedders = import '%(lib)s/embedders.libsonnet';
local experiment = import '%(lib)s/experiment.libsonnet';
local levels = import '%(lib)s/levels.libsonnet';
local small = { encoder+: { hidden_size: 16 }, input_dropout: 0.0 };
local tags(layer) = {
  reader: { type: 'hmtl_token_labels', layer: layer, scheme: 'plain', allow_unknown_labels: true },
  train: '%(data)s/train.jsonl', validation: '%(data)s/train.jsonl', test: '%(data)s/train.jsonl', batch_size: 1,
};

experiment.new(
  tasks={ pos: tags('pos'), head_tags: tags('head_tags') },
  embedding=embedders.combine([embedders.words(dim=16)]),
  levels={ pos: levels.token_labels([], 0.0) + small, head_tags: levels.token_labels(['pos'], 0.0) + small },
  initializer=embedders.learned_words_initializer,
  optimizer={ type: 'adam', lr: 0.02 },
  num_epochs=20,
)
"""


def test_labels_that_are_learned_by_heart_are_read_back_as_the_trees(fixtures, tmp_path, capsys):
    main(["write", str(fixtures / "treebank"), str(tmp_path / "data")])
    (document, _) = read_jsonl(tmp_path / "data" / "train.jsonl")
    assert [json.loads(span.label) for span in document.spans["head_tags"][:3]] == [
        [1, "VERB", "nsubj"], [0, "", "root"], [-1, "VERB", "obj"],
    ]  # fmt: skip
    values = {"lib": ROOT / "configs" / "lib", "data": tmp_path / "data"}
    (tmp_path / "tags.jsonnet").write_text(CONFIGURATION % values)
    hmtl(["train", str(tmp_path / "tags.jsonnet"), "-s", str(tmp_path / "run")])
    capsys.readouterr()
    main(["score", str(tmp_path / "run")])
    scores = dict(line.split() for line in capsys.readouterr().out.splitlines())
    assert set(scores) == {"uas", "las", "uas_without_punctuation", "las_without_punctuation", "trees"}
    assert float(scores["las"]) > 90 and float(scores["trees"]) > 60


def test_a_folder_without_splits_is_an_error_in_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        main(["write", str(tmp_path), str(tmp_path / "out")])
    assert end.value.code == 2 and "expected a folder with files named train" in capsys.readouterr().err

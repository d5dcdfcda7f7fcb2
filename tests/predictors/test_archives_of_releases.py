"""Archives that an earlier release trained predict what that release predicted, byte by byte.

`archives/NAME/model.tar.gz` was trained by hmtl before it had a token indexer of its own: the levels `ner` and `emd` of
8 units, for 12 epochs on `jsonl`, on word vectors and characters, and on `archives/transformer/encoder`, a random BERT,
with AllenNLP's `pretrained_transformer_mismatched` and parts of 16 word pieces. `outputs.jsonl` is what that release
predicted with scores for `archives/inputs.jsonl`.
"""

import json
from pathlib import Path

import pytest

from hmtl.predictors import HMTLPredictor


@pytest.mark.parametrize("name", ["words_and_characters", "transformer"])
def test_outputs_are_the_same_bytes(name: str, fixtures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = fixtures / "archives" / name
    # Where the archive's configuration expects the encoder.
    monkeypatch.chdir(folder)
    predictor = HMTLPredictor.load(folder / "model.tar.gz", with_scores=True)
    inputs = [json.loads(line) for line in (folder.parent / "inputs.jsonl").read_text(encoding="utf-8").splitlines()]
    outputs = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in predictor.predict_batch_json(inputs))
    assert outputs == (folder / "outputs.jsonl").read_text(encoding="utf-8")
    assert any(row["ner"] and row["emd"] for row in map(json.loads, outputs.splitlines()))

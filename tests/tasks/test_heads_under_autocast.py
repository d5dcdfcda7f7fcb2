"""Under autocast every head has nearly the loss and the gradients that it has in float32."""

import json
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
import torch
from _jsonnet import evaluate_snippet
from allennlp.common import Params
from allennlp.data import DataLoader, DatasetReader, Vocabulary
from allennlp.models import Model

import hmtl  # noqa: F401  (registers everything)
from hmtl.data.data_loaders import PerTaskDataLoader
from hmtl.models import HMTL
from hmtl.tasks import BiaffineHead, CorefHead, CrfHead, RelationHead, SpanHead, SpanRelationHead
from hmtl.tasks.clusters.coref import tokens_of
from hmtl.tasks.task_head import TaskHead

ROOT = Path(__file__).resolve().parents[2]
DTYPES = [torch.bfloat16, torch.float16]
# A number in bf16 is right to 2^-9, one in fp16 to 2^-12; thousands of them are summed.
LOSS_TOLERANCE = {torch.bfloat16: 0.02, torch.float16: 0.003}
SIMILARITY = {torch.bfloat16: 0.999, torch.float16: 0.9999}
DIM, INPUT_DIM, NUM_SENTENCES, LENGTH = 32, 24, 4, 20


def crf(reduction: str) -> TaskHead:
    labels = {"PER": 2, "ORG": 1}
    return CrfHead(Vocabulary(counter={"ner_labels": labels}), DIM, "ner", loss_reduction=reduction)


def relation(reduction: str) -> TaskHead:
    types = {"PHYS": 3, "PER-SOC": 2, "ART": 1}
    vocabulary = Vocabulary(counter={"re_labels": types})
    return RelationHead(vocabulary, DIM, "re", prior_probability=0.1, loss_reduction=reduction)


def coref() -> TaskHead:
    # All spans are kept: which are, is a decision that no tolerance bounds.
    return CorefHead(Vocabulary(), DIM, INPUT_DIM, spans_per_word=8.0, hidden_dim=20, dropout=0.0)


def spans(content: str, several_labels: bool = False) -> TaskHead:
    vocabulary = Vocabulary(counter={"ner_labels": {"PER": 2, "ORG": 1}})
    options = {"dropout": 0.0, "prior_probability": 0.3, "several_labels": several_labels}
    return SpanHead(vocabulary, DIM, INPUT_DIM, "ner", content=content, **options)


def span_relations() -> TaskHead:
    counter = {"re_labels": {"PHYS": 3, "PER-SOC": 2, "ART": 1}, "mention_labels": {"PER": 2, "ORG": 1}}
    options = {"dropout": 0.0, "prior_probability": 0.3, "num_drawn_spans": 0}
    return SpanRelationHead(Vocabulary(counter=counter), DIM, "re", {"ner": ["PER", "ORG"]}, **options)


def biaffine() -> TaskHead:
    vocabulary = Vocabulary(counter={"dependencies_labels": {"nsubj": 3, "obj": 2, "root": 1}})
    head = BiaffineHead(vocabulary, DIM, "dependencies", arc_dim=20, relation_dim=10, dropout=0.0)
    for weight in (head._arc_weight, head._relation_weight):
        torch.nn.init.normal_(weight, std=0.1)
    return head


HEADS = {
    "crf sum": lambda: crf("sum"),
    "crf mean": lambda: crf("mean"),
    "relation sum": lambda: relation("sum"),
    "relation mean": lambda: relation("mean"),
    "relation as_2018": lambda: relation("as_2018"),
    "spans": lambda: spans("attention"),
    "spans with several labels": lambda: spans("maximum", several_labels=True),
    "span relations": span_relations,
    "coref": coref,
    "biaffine": biaffine,
}


def batch(encoding_dtype: torch.dtype = torch.float32) -> Dict[str, Any]:
    lengths = torch.tensor([LENGTH, 3, 11, 16])
    spans = [[start, start + 1, start % 2] for start in (0, 4, 8)]
    return {
        "encoding": torch.randn(NUM_SENTENCES, LENGTH, DIM).to(encoding_dtype),
        "encoder_input": torch.randn(NUM_SENTENCES, LENGTH, INPUT_DIM),
        "mask": torch.arange(LENGTH) < lengths.unsqueeze(1),
        "sentence_ids": (torch.arange(LENGTH) // 7).expand(NUM_SENTENCES, -1),
        "spans": torch.tensor([spans[: 1 + row % 3] + [[-1] * 3] * (2 - row % 3) for row in range(NUM_SENTENCES)]),
        "all_spans": torch.tensor([[[0, 1, row % 2], [1, 2, 1]] for row in range(NUM_SENTENCES)]),
        "span_relations": torch.tensor([[[0, 0, 1, 2, row % 3], [2, 2, 0, 1, 0]] for row in range(NUM_SENTENCES)]),
        "span_mentions": torch.tensor([[[0, 0, 0], [2, 2, 1]]] * NUM_SENTENCES),
        "dependencies": torch.tensor([[[0, 2, 0], [1, 0, 2], [2, 2, row % 2]] for row in range(NUM_SENTENCES)]),
        "relations": torch.tensor([[[0, 2, row % 3], [2, 1, 0]] for row in range(NUM_SENTENCES)]),
        "mentions": torch.tensor([[[0, 0, 0], [2, 2, 0], [1, 2, 0]]] * NUM_SENTENCES),
        "metadata": [{"spans": [], "relations": [], "clusters": [], "dependencies": [], "tokens": []}] * NUM_SENTENCES,
    }


def gradients_of(module: torch.nn.Module) -> Dict[str, torch.Tensor]:
    gradients = {name: p.grad.clone() for name, p in module.named_parameters() if p.grad is not None}
    module.zero_grad(set_to_none=True)
    assert gradients
    return gradients


def assert_similar(actual: Dict[str, torch.Tensor], expected: Dict[str, torch.Tensor], similarity: float) -> None:
    """All gradients are finite and float32, and point where the expected ones do, together and, if not tiny, each."""
    assert actual.keys() == expected.keys()
    assert all(gradient.dtype == torch.float32 and gradient.isfinite().all() for gradient in actual.values())
    both = [torch.cat([gradients[name].flatten() for name in expected]) for gradients in (actual, expected)]
    assert torch.nn.functional.cosine_similarity(*both, dim=0) > similarity
    assert both[0].norm().item() == pytest.approx(both[1].norm().item(), rel=0.02)
    for name, gradient in expected.items():
        if gradient.norm() > 0.01 * both[1].norm():
            found = torch.nn.functional.cosine_similarity(actual[name].flatten(), gradient.flatten(), dim=0)
            assert found > 0.99, f"{name}: {found}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", HEADS)
def test_losses_gradients_and_predictions(name: str, training: bool, dtype: torch.dtype) -> None:
    head = HEADS[name]().train(training)
    # The encoder hands on vectors of 16 bits.
    inputs = batch(dtype)
    whole = {**inputs, "encoding": inputs["encoding"].float()}
    expected = head(**whole)
    expected["loss"].backward()
    in_float32 = gradients_of(head)
    with torch.autocast("cpu", dtype=dtype):
        output = head(**inputs)
    output["loss"].backward()
    assert output["loss"].dtype == torch.float32
    assert output["loss"].item() == pytest.approx(expected["loss"].item(), rel=LOSS_TOLERANCE[dtype])
    assert_similar(gradients_of(head), in_float32, SIMILARITY[dtype])
    if "loss_count" in expected:
        assert torch.equal(output["loss_count"], expected["loss_count"])
    if not training:
        assert len(output["predictions"]) == NUM_SENTENCES


@pytest.mark.parametrize("dtype", DTYPES)
def test_scores_of_spans_tell_near_ones_apart(dtype: torch.dtype) -> None:
    """Spans are kept, and antecedents chosen, by their scores: near 200 numbers of bf16 are 1 apart, of fp16 1/8."""
    head = coref()
    torch.nn.init.constant_(head._mention_scorer.bias, 100.0)
    inputs = batch()
    with torch.autocast("cpu", dtype=dtype):
        tokens = tokens_of(inputs["encoding"], inputs["encoder_input"], inputs["sentence_ids"], [LENGTH])
        ((*_, scores),) = head._scored_spans(tokens, None)
    assert scores.dtype == torch.float32
    finite = scores[scores.isfinite() & (scores != 0)]
    assert finite.numel() > 1000
    assert finite.unique().numel() > 0.8 * finite.numel()
    assert finite.to(dtype).unique().numel() < 10


def test_losses_of_confident_scores_stay_finite() -> None:
    """In bf16, which has the range of float32; in fp16 such gradients overflow, and the scaler skips the update."""
    for name, build in HEADS.items():
        head = build()
        with torch.no_grad():
            for parameter in head.parameters():
                parameter.mul_(20)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = head(**batch())["loss"]
        loss.backward()
        assert loss.isfinite(), name
        gradients = gradients_of(head)
        assert all(gradient.isfinite().all() for gradient in gradients.values()), name


# ---------------------------------------------------------------------------------------------- whole hierarchies

SNIPPET = """
local corpora = import 'lib/corpora.libsonnet';
local embedders = import 'lib/embedders.libsonnet';
local experiment = import 'lib/experiment.libsonnet';
local levels = import 'lib/levels.libsonnet';
local small = { encoder+: { hidden_size: 16, dropout: 0.0 }, head+: { dropout: 0.0 }, input_dropout: 0.0 };
experiment.new(
  tasks=corpora.jsonl('%(data)s'),
  embedding=embedders.combine(%(embedding)s),
  levels=std.mapWithKey(function(task, level) level + small, levels.paper()),
)
"""

EMBEDDINGS = {
    "words and characters": "[embedders.words(dim=16), embedders.characters(dim=4, num_filters=8)]",
    "elmo": "[embedders.elmo('{options}', '{weights}')]",
    "transformer": "[embedders.words(dim=16), embedders.transformer('{transformer}', max_length=64)]",
    "cached transformer": "[embedders.transformer('{transformer}', max_length=64, cache_gib=1.0)]",
    "trained transformer": "[embedders.transformer('{transformer}', train=true, max_length=64)]",
    "checkpointed transformer": (
        "[embedders.transformer('{transformer}', train=true, max_length=64, gradient_checkpointing=true)]"
    ),
}


def build(embedding: str) -> Tuple[HMTL, Dict[str, List[Dict[str, Any]]]]:
    """A hierarchy of four tasks without dropout, and its batches."""
    values = {"data": ROOT / "tests" / "fixtures" / "jsonl", "embedding": embedding}
    config = json.loads(evaluate_snippet(str(ROOT / "configs" / "snippet.jsonnet"), SNIPPET % values))
    reader = DatasetReader.from_params(Params(config["dataset_reader"]))
    loader = DataLoader.from_params(Params(config["data_loader"]), reader=reader, data_path=config["train_data_path"])
    assert isinstance(loader, PerTaskDataLoader)
    vocab = Vocabulary.from_instances(loader.iter_instances())
    loader.index_with(vocab)
    model = Model.from_params(Params(config["model"]), vocab=vocab)
    assert isinstance(model, HMTL)
    return model.eval(), {task: list(loader.batches_of(task)) for task in model.tasks}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", EMBEDDINGS)
def test_hierarchies(name: str, dtype: torch.dtype, transformer: str, elmo: Dict[str, str]) -> None:
    model, batches = build(EMBEDDINGS[name].format(transformer=transformer, **elmo))
    has_kernel = dtype == torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    written: List[torch.dtype] = []
    for encoder in model.encoders.values():
        encoder.register_forward_hook(lambda module, inputs, output: written.append(output.dtype))
    for task in model.tasks:
        inputs = batches[task][0]
        expected = model(**inputs)
        expected["loss"].backward()
        in_float32 = gradients_of(model)
        written.clear()
        with torch.autocast("cpu", dtype=dtype):
            output = model(**inputs)
        output["loss"].backward()
        # CPUs have no kernel of the LSTM for fp16, and some none for bf16: they keep to float32.
        assert set(written) == {dtype if has_kernel else torch.float32}
        assert output["loss"].dtype == torch.float32
        assert output["loss"].item() == pytest.approx(expected["loss"].item(), rel=0.02)
        assert_similar(gradients_of(model), in_float32, 0.99)
        assert len(output["predictions"]) == len(expected["predictions"])
        model.train()
        with torch.autocast("cpu", dtype=dtype):
            loss = model(**inputs)["loss"]
        loss.backward()
        assert loss.isfinite()
        assert all(gradient.isfinite().all() for gradient in gradients_of(model).values())
        model.eval()

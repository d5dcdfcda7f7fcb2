"""Many texts at once: order, memory, independence of the batch, scores and number formats."""

import itertools
import json
import random
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest
import torch
from allennlp.common import Params
from allennlp.data import Batch, Vocabulary

from hmtl.data.token_indexers import TransformerIndexer
from hmtl.errors import UserError
from hmtl.models import HMTL
from hmtl.predictors import HMTLPredictor, hmtl_predictor
from hmtl.tasks import TaggingReader
from hmtl.text import TokenizedText

WORDS = ["Mara", "Lind", "Tom", "met", "her", "brother", "in", "Oslo", "works", "for", "Fjord", "Bakeries", "He", "it"]


def loaded(run: Path, **options: Any) -> HMTLPredictor:
    """The trained model with random weights in place of its own: it finds much, in all tasks."""
    predictor = HMTLPredictor.load(run, **options)
    torch.manual_seed(1)
    for parameter in predictor._model.parameters():
        torch.nn.init.normal_(parameter, std=0.6)
    return predictor


@pytest.fixture(scope="module")
def predictor(tiny_run: Path) -> HMTLPredictor:
    return loaded(tiny_run)


def random_texts(count: int, max_sentences: int = 5, seed: int = 0) -> List[Dict[str, Any]]:
    choose = random.Random(seed)
    return [
        {
            "doc_key": f"text {number}",
            "sentences": [
                choose.choices(WORDS, k=choose.randint(1, 25)) for _ in range(choose.randint(1, max_sentences))
            ],
        }
        for number in range(count)
    ]


def batches_seen(predictor: HMTLPredictor, monkeypatch: pytest.MonkeyPatch) -> List[List[int]]:
    """The lengths of the texts of each batch, filled while it predicts."""
    seen: List[List[int]] = []
    predict_batch = predictor._predict_batch

    def record(texts: List[Any], *options: Any) -> List[Dict[str, Any]]:
        seen.append([len(text) for _, text in texts])
        return predict_batch(texts, *options)

    monkeypatch.setattr(predictor, "_predict_batch", record)
    return seen


def test_what_a_text_gets_does_not_depend_on_the_others(predictor: HMTLPredictor) -> None:
    texts = random_texts(60)
    alone = [predictor.predict_json(text) for text in texts]
    assert all(any(output[task] for output in alone) for task in predictor.layers)
    assert list(predictor.predict_many(texts)) == alone
    assert list(predictor.predict_many(iter(texts[::-1]), batch_size=7)) == alone[::-1]
    assert list(predictor.predict_many(texts, max_tokens=50)) == alone


def test_vectors_that_heads_get_do_not_depend_on_the_others(predictor: HMTLPredictor) -> None:
    """Scores of tags and relations are linear in these."""
    texts, model = random_texts(20), predictor._model
    got: Dict[str, torch.Tensor] = {}

    def record(task: str, fields: Dict[str, torch.Tensor]) -> None:
        tokens = fields["encoding"][fields["mask"]]
        got[task] = torch.cat([got[task], tokens]) if task in got else tokens

    hooks = [
        head.register_forward_pre_hook(lambda _, __, fields, task=task: record(task, fields), with_kwargs=True)
        for task, head in model.heads.items()
    ]
    try:
        predictor.predict_batch_json(texts)
        together = dict(got)
        got.clear()
        for text in texts:
            predictor.predict_json(text)
    finally:
        for hook in hooks:
            hook.remove()
    for task, alone in got.items():
        # Each vector is there in some order: next to every one of these lies one of those.
        distances = torch.cdist(alone.double(), together[task].double(), compute_mode="donot_use_mm_for_euclid_dist")
        assert len(alone) == len(together[task]) and distances.amin(0).max() < 1e-5 and distances.amin(1).max() < 1e-5


def test_batches_hold_texts_of_similar_length(predictor: HMTLPredictor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hmtl_predictor, "WINDOW", 100)
    texts = random_texts(50)
    seen = batches_seen(predictor, monkeypatch)
    list(predictor.predict_many(texts, batch_size=10, max_tokens=300))
    lengths = [length for batch in seen for length in batch]
    assert lengths == sorted((sum(map(len, text["sentences"])) for text in texts), reverse=True)
    assert all(len(batch) <= 10 and (sum(batch) <= 300 or len(batch) == 1) for batch in seen)
    assert any(len(batch) == 10 for batch in seen) and any(len(batch) < 10 for batch in seen[:-1])


def test_an_endless_stream_is_read_as_far_as_needed(predictor: HMTLPredictor) -> None:
    num_read = 0

    def stream() -> Iterator[str]:
        nonlocal num_read
        for number in itertools.count():
            num_read += 1
            yield f"Tom met Mara in house {number}."

    outputs = predictor.predict_many(stream(), batch_size=3)
    window = 3 * hmtl_predictor.WINDOW
    for number in range(window + 1):
        assert next(outputs)["text"] == f"Tom met Mara in house {number}."
        assert num_read <= (number // window + 1) * window
    # Long texts fill the window sooner: each has 8 tokens.
    outputs = predictor.predict_many(stream(), batch_size=10**6, max_tokens=40)
    num_read = 0
    next(outputs)
    assert 0 < num_read * 7 <= 40 * hmtl_predictor.WINDOW + 7


def test_texts_before_a_bad_one_are_predicted(predictor: HMTLPredictor) -> None:
    outputs = predictor.predict_many(["Tom met Mara.", "He left.", "\ud800", "Never read."])
    assert [next(outputs)["text"], next(outputs)["text"]] == ["Tom met Mara.", "He left."]
    with pytest.raises(UserError, match="half of a surrogate pair"):
        next(outputs)

    def failing() -> Iterator[str]:
        yield "Tom met Mara."
        raise OSError("the disk is gone")

    outputs = predictor.predict_many(failing())
    assert next(outputs)["text"] == "Tom met Mara."
    with pytest.raises(OSError, match="the disk is gone"):
        next(outputs)
    with pytest.raises(UserError, match="a batch of 0 texts"):
        next(predictor.predict_many(["a"], batch_size=0))


def test_no_texts(predictor: HMTLPredictor) -> None:
    assert predictor.predict_batch_json([]) == list(predictor.predict_many([])) == []


EMPTY = ["", " \n\t\u00a0\u2003", {"sentences": []}, {"text": "", "doc_key": "e"}, {"text": " ", "sentences": []}]


def test_nothing_is_found_in_empty_texts_and_the_others_do_not_notice(
    predictor: HMTLPredictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = random_texts(len(EMPTY) + 1)
    expected = predictor.predict_batch_json(texts)
    seen = batches_seen(predictor, monkeypatch)
    mixed = [item for pair in zip(texts, EMPTY) for item in pair] + texts[-1:]
    for batch_size in (1, 3, 64):
        outputs = list(predictor.predict_many(mixed, batch_size=batch_size))
        assert outputs[::2] == expected
        nothing = {"sentences": [], "token_offsets": [], **{task: [] for task in predictor.layers}}
        assert outputs[1::2] == [
            {"doc_key": key, "text": text, **nothing}
            for key, text in [("document", ""), ("document", EMPTY[1]), ("document", ""), ("e", ""), ("document", "")]
        ]
    assert list(predictor.predict_many(EMPTY)) == outputs[1::2]
    assert all(0 not in batch for batch in seen), "the model sees none of them"


def test_a_text_in_which_no_token_is_found(predictor: HMTLPredictor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictor, "_split", lambda text: TokenizedText(text, [], []))
    assert predictor.predict("a")["sentences"] == [] and predictor.predict("a")["text"] == "a"


def test_what_is_no_text_is_handed_on_and_the_others_are_predicted(predictor: HMTLPredictor) -> None:
    good = random_texts(3)
    bad = [3, {"sentences": [["a", ""]]}, {"text": "b\udc00"}, {"text": "c", "doc_key": "\ud83d"}, {}]
    texts = [bad[0], good[0], bad[1], bad[2], good[1], bad[3], good[2], bad[4]]
    errors: List[Any] = []
    outputs = list(predictor.predict_many(texts, on_error=lambda number, error: errors.append((number, error))))
    assert outputs == predictor.predict_batch_json(good)
    assert [number for number, _ in errors] == [0, 2, 3, 5, 7]
    assert all(isinstance(error, UserError) for _, error in errors)
    assert "found int" in str(errors[0][1]) and "half of a surrogate pair" in str(errors[3][1])

    def refuse(number: int, error: UserError) -> None:
        raise UserError(f"text {number}") from error

    some = predictor.predict_many(texts[1:], on_error=refuse)
    assert next(some) == outputs[0]
    with pytest.raises(UserError, match="^text 1$"):
        next(some)


# ---------------------------------------------------------------------------------------------- scores


def without_scores(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_scores(entry) for key, entry in value.items() if key != "score"}
    return [without_scores(entry) for entry in value] if isinstance(value, list) else value


def test_scores_stand_beside_what_was_predicted(predictor: HMTLPredictor, tiny_run: Path) -> None:
    with_scores = loaded(tiny_run, with_scores=True)
    texts = random_texts(12)
    outputs = with_scores.predict_batch_json(texts)
    assert [without_scores(output) for output in outputs] == predictor.predict_batch_json(texts)
    json.dumps(outputs)
    for task, layer in with_scores.layers.items():
        rows = [row for output in outputs for row in output[task]]
        if layer == "clusters":
            rows = [mention for cluster in rows for mention in cluster]
        assert rows
        for row in rows:
            assert 0 <= row["score"] <= 1 and round(row["score"], 4) == row["score"]
    alone = [with_scores.predict_json(text) for text in texts]
    for together, single in zip(scores_of(outputs), scores_of(alone), strict=True):
        assert together == pytest.approx(single, abs=1.1e-4), "they are rounded"


def scores_of(value: Any) -> List[float]:
    if isinstance(value, dict):
        return [value["score"]] if "score" in value else [s for entry in value.values() for s in scores_of(entry)]
    return [s for entry in value for s in scores_of(entry)] if isinstance(value, list) else []


def test_scores_of_the_model(predictor: HMTLPredictor) -> None:
    """`forward` and `predict` return the heads' scores, nested like the predictions."""
    model, reader = predictor._hmtl, predictor._dataset_reader
    sentences = random_texts(1)[0]["sentences"]
    instance = reader.text_to_instance(sentences)
    reader.apply_token_indexers(instance)
    batch = Batch([instance])
    batch.index_instances(model.vocab)
    with torch.no_grad():
        output, scored = (model(**batch.as_tensor_dict(), with_scores=wanted) for wanted in (False, True))
    for task in model.tasks:
        assert scored[task] == output[task] and f"{task}_scores" not in output
        assert shape_of(scored[f"{task}_scores"], output[task])


def shape_of(scores: Any, predictions: Any) -> bool:
    if isinstance(scores, float):
        return True
    return len(scores) == len(predictions) and all(map(shape_of, scores, predictions))


# ---------------------------------------------------------------------------------------------- number formats


def test_sixteen_bits_predict_nearly_the_same(predictor: HMTLPredictor, tiny_run: Path) -> None:
    other = loaded(tiny_run, precision="bf16")
    texts = random_texts(30)
    expected, found = predictor.predict_batch_json(texts), other.predict_batch_json(texts)
    assert found != expected, "the format has an effect"
    for task in ("ner", "emd"):
        spans, others = (
            {
                (number, row["start"], row["end"], row["label"])
                for number, output in enumerate(outputs)
                for row in output[task]
            }
            for outputs in (expected, found)
        )
        assert len(spans & others) > 0.8 * max(len(spans), len(others)) > 0


def test_integers_in_the_linear_layers_of_a_transformer(transformer: str) -> None:
    config = {
        "text_field_embedder": {"token_embedders": {"tokens": {"type": "hmtl_transformer", "model_name": transformer}}},
        "levels": {"names": {"encoder": {"type": "pass_through"}, "head": {"type": "hmtl_crf"}}},
    }
    model = HMTL.from_params(Params(config), vocab=Vocabulary(tokens_to_add={"names_labels": ["A", "B"]}))
    indexer = TransformerIndexer(transformer)
    plain, integers = (
        HMTLPredictor(model, TaggingReader("names", token_indexers={"tokens": indexer}), precision=precision)
        for precision in ("fp32", "int8")
    )
    vectors = []
    for predictor in (plain, integers):
        predictor._hmtl.heads["names"].register_forward_pre_hook(
            lambda _, __, fields: vectors.append(fields["encoding"]), with_kwargs=True
        )
        assert predictor.predict_json({"sentences": [WORDS]})["sentences"] == [WORDS]
    kinds = {type(module).__module__ for module in integers._hmtl.text_field_embedder.modules()}
    assert any("quantized" in kind for kind in kinds)
    assert not any("quantized" in type(module).__module__ for module in model.modules()), "the model itself stays"
    error = (vectors[0] - vectors[1]).abs()
    # Integers of 8 bits have steps of 1/127 of the largest value.
    assert 0 < error.max() < 0.2 * vectors[0].abs().max()


@pytest.mark.parametrize(
    "precision, message",
    [
        ("fp64", "expected one of: fp32, bf16, fp16, int8"),
        ("fp16", "fp16 is for GPUs"),
        ("int8", "this model has none; use 'fp32' or 'bf16'"),
    ],
)
def test_formats_that_cannot_be(precision: str, message: str, tiny_run: Path) -> None:
    with pytest.raises(UserError, match=message):
        HMTLPredictor.load(tiny_run, precision=precision)

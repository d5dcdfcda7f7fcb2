"""The reference is a loop over the sentences, their spans and the labels of their corpora."""

import json
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
import torch
import torch.nn.functional as F
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary
from allennlp.data.token_indexers import SingleIdTokenIndexer

from hmtl.cli import main
from hmtl.document import Span
from hmtl.models import HMTL
from hmtl.models.finetuning.transfer import transfer
from hmtl.tasks import TextLabelSpanHead
from hmtl.tasks.task_head import LabelTexts

# `person` is of both corpora; vectors stand for texts.
SETS = {"gum": ["person", "animal"], "wnut": ["creative work", "person"]}
LABELS = ["person", "animal", "creative work"]
PAIRS = [f"{name}: {text}" for name, texts in SETS.items() for text in texts]
DIM, INPUT_DIM, EMBEDDING_DIM, WIDTH = 5, 7, 4, 3
LENGTHS = [4, 1, 5]
CORPORA = ["gum", "wnut", "wnut"]
# Nested, two labels of one span (the target is the one that the vocabulary has first), one that is too wide.
SPANS = [
    [(0, 1, "person"), (1, 1, "animal"), (0, 1, "animal")],
    [],
    [(0, 4, "person"), (2, 3, "creative work"), (3, 3, "person")],
]


def vocabulary() -> Vocabulary:
    counts = {pair: 9 - number for number, pair in enumerate(PAIRS)}
    vocab = Vocabulary(counter={"text_labels": counts, "sets_of_text_labels": {"gum": 2, "wnut": 1}})
    vocab.add_tokens_to_namespace(["a", "dog"], "tokens")
    return vocab


def head_of(**options: Any) -> TextLabelSpanHead:
    options = {"max_span_width": WIDTH, "hidden_dim": 6, "feature_size": 2, "prior_probability": 0.3, **options}
    indexers = {"tokens": SingleIdTokenIndexer()}
    torch.manual_seed(3)
    head = TextLabelSpanHead(vocabulary(), DIM, INPUT_DIM, EMBEDDING_DIM, "mentions", indexers, **options)
    # What starts as the identity and as nothing is to count.
    for layer in (head._word_projection, head._span_projection):
        torch.nn.init.normal_(layer.weight, std=0.5)
    torch.nn.init.normal_(head._word_projection.bias, std=0.5)
    return head


def batch_of() -> Dict[str, Any]:
    longest = max(map(len, SPANS))
    rows = [
        [(s, e, PAIRS.index(f"{corpus}: {x}")) for s, e, x in row] + [(-1, -1, -1)] * (longest - len(row))
        for corpus, row in zip(CORPORA, SPANS)
    ]
    return {
        "encoding": torch.randn(len(LENGTHS), max(LENGTHS), DIM),
        "encoder_input": torch.randn(len(LENGTHS), max(LENGTHS), INPUT_DIM),
        "mask": torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS).unsqueeze(1),
        "all_spans": torch.tensor(rows),
        "label_set": torch.tensor([list(SETS).index(corpus) for corpus in CORPORA]).view(-1, 1, 1),
        "metadata": [
            {"spans": [Span(*span) for span in row], "label_set": corpus} for corpus, row in zip(CORPORA, SPANS)
        ],
        "label_texts": LabelTexts(LABELS, torch.randn(len(LABELS), EMBEDDING_DIM)),
    }


def spans_of_length(length: int) -> List[Tuple[int, int]]:
    return [(start, end) for start in range(length) for end in range(start, min(length, start + WIDTH))]


def normalised(vector: torch.Tensor) -> torch.Tensor:
    centred = vector - vector.mean()
    return centred / (centred.pow(2).mean() + 1e-5).sqrt()


def logit_of(
    head: TextLabelSpanHead, batch: Dict[str, Any], row: int, start: int, end: int, label: int
) -> torch.Tensor:
    """The score of one label of one span, as the docstring has it."""
    encoding, inputs = batch["encoding"][row], batch["encoder_input"][row, start : end + 1]
    weights = head._attention(inputs).softmax(0)
    width = head._width_embedding.weight[end - start]
    hidden = head._feedforward(torch.cat([encoding[start], encoding[end], width, (weights * inputs).sum(0)]))
    vectors = [normalised(vector) for vector in batch["label_texts"].vectors]
    text = vectors[label] - (sum(vectors[: len(LABELS)]) / len(LABELS)).detach()
    words = sum(weight * normalised(word[:EMBEDDING_DIM]) for weight, word in zip(weights, inputs))
    span = head._word_projection.weight @ words + head._word_projection.bias + head._span_projection.weight @ hidden
    return head._scorer(hidden)[0] + head._scale * (span @ text) / EMBEDDING_DIM


def loss_by_loop(head: TextLabelSpanHead, batch: Dict[str, Any]) -> torch.Tensor:
    total = torch.zeros((), dtype=batch["encoding"].dtype)
    for row, length in enumerate(LENGTHS):
        texts = SETS[CORPORA[row]]
        for start, end in spans_of_length(length):
            logits = {text: logit_of(head, batch, row, start, end, LABELS.index(text)) for text in texts}
            gold = [label for s, e, label in SPANS[row] if (s, e) == (start, end)]
            if head._several_labels:
                for text, logit in logits.items():
                    total = total - (logit if text in gold else -logit).sigmoid().log()
            else:
                chosen = logits[min(gold, key=LABELS.index)] if gold else torch.zeros(())
                total = total - chosen + (1 + sum(logit.exp() for logit in logits.values())).log()
    return total


@pytest.mark.parametrize("several_labels", [False, True])
def test_scores_loss_and_gradients_are_those_of_a_loop(several_labels: bool) -> None:
    head = head_of(several_labels=several_labels).double().eval()
    batch = batch_of()
    for name in ("encoding", "encoder_input"):
        batch[name] = batch[name].double().requires_grad_()
    vectors = batch["label_texts"].vectors.double().requires_grad_()
    batch["label_texts"] = LabelTexts(LABELS, vectors)
    # Without a corpus all labels are scored.
    scored = head._scored(batch["encoding"], batch["encoder_input"], batch["mask"], None, batch["label_texts"])
    expected = [
        torch.stack([logit_of(head, batch, row, *bounds, number) for number in range(len(LABELS))])
        for row, length in enumerate(LENGTHS)
        for bounds in spans_of_length(length)
    ]
    torch.testing.assert_close(scored.logits, torch.stack(expected), rtol=1e-9, atol=1e-9)
    loss, reference = head(**batch)["loss"], loss_by_loop(head, batch)
    assert loss.item() == pytest.approx(reference.item(), rel=1e-9)
    inputs = [batch["encoding"], batch["encoder_input"], vectors, *head.parameters()]
    for found, by_loop in zip(torch.autograd.grad(loss, inputs), torch.autograd.grad(reference, inputs)):
        torch.testing.assert_close(found, by_loop, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("several_labels", [False, True])
def test_a_label_that_a_corpus_does_not_annotate_is_no_negative(several_labels: bool) -> None:
    """Its text has no gradient from sentences of that corpus, and it is not found there."""
    head = head_of(several_labels=several_labels).eval()
    batch = batch_of()
    for corpus in SETS:
        rows = [number for number, each in enumerate(CORPORA) if each == corpus]
        part = {name: value[rows] for name, value in batch.items() if isinstance(value, torch.Tensor)}
        vectors = batch["label_texts"].vectors.clone().requires_grad_()
        head(**part, label_texts=LabelTexts(LABELS, vectors))["loss"].backward()
        for label, gradient in zip(LABELS, vectors.grad):  # type: ignore[arg-type]
            assert gradient.any() == (label in SETS[corpus])
    head.threshold = 1e-6
    for corpus, spans in zip(CORPORA, head(**batch)["predictions"]):
        assert spans and {span.label for span in spans} <= set(SETS[corpus])


def test_labels_that_are_asked_for_compete_with_those_of_training_and_only_they_are_found() -> None:
    head = head_of(threshold=1e-4).eval()
    batch = batch_of()
    vectors = torch.cat([batch["label_texts"].vectors, torch.randn(1, EMBEDDING_DIM)])
    fields = {name: batch[name] for name in ("encoding", "encoder_input", "mask")}
    batch["label_texts"] = LabelTexts(["person", None, None, "PLANT"], vectors)
    found = head(**fields, label_texts=batch["label_texts"], with_scores=True)
    assert "loss" not in found
    for row, length in enumerate(LENGTHS):
        expected = {}
        for bounds in spans_of_length(length):
            logits = torch.stack([logit_of(head, batch, row, *bounds, number) for number in range(4)])
            if logits.argmax() in (0, 3):
                label = "person" if logits.argmax() == 0 else "PLANT"
                expected[(*bounds, label)] = F.pad(logits, (0, 1)).softmax(0)[logits.argmax()].item()
        assert {*found["predictions"][row]} == {Span(*span) for span in expected}
        assert dict(zip(found["predictions"][row], found["scores"][row])) == pytest.approx(expected, rel=1e-4)
    labels = {span.label for spans in found["predictions"] for span in spans}
    assert labels == {"person", "PLANT"}


def test_before_training_the_score_is_a_cosine_in_the_space_of_the_encoder() -> None:
    torch.manual_seed(0)
    head = TextLabelSpanHead(
        vocabulary(), DIM, EMBEDDING_DIM, EMBEDDING_DIM, "mentions", {"tokens": SingleIdTokenIndexer()}
    ).eval()
    words = torch.randn(1, 1, EMBEDDING_DIM)
    texts = torch.randn(len(LABELS), EMBEDDING_DIM)
    scored = head._scored(torch.zeros(1, 1, DIM), words, torch.ones(1, 1).bool(), None, LabelTexts(LABELS, texts))
    centred = torch.stack([normalised(text) for text in texts])
    centred = centred - centred.mean(0)
    expected = 20 * centred @ normalised(words[0, 0]) / EMBEDDING_DIM
    differences = scored.logits[0] - expected
    torch.testing.assert_close(differences, differences.mean().expand(3))


def test_metrics_are_also_those_of_each_corpus() -> None:
    head = head_of(threshold=1e-6).eval()
    batch = batch_of()
    head(**batch)
    metrics = head.get_metrics(reset=True)
    alone = {}
    for corpus in SETS:
        rows = [number for number, each in enumerate(CORPORA) if each == corpus]
        part = {name: value[rows] for name, value in batch.items() if isinstance(value, torch.Tensor)}
        head(**part, label_texts=batch["label_texts"], metadata=[batch["metadata"][row] for row in rows])
        alone[corpus] = head.get_metrics(reset=True)["f1"]
    assert {corpus: metrics[f"f1_{corpus}"] for corpus in SETS} == alone
    assert len({metrics["f1"], *alone.values()}) == 3


def test_it_learns_from_its_own_reader_alone() -> None:
    batch = batch_of()
    del batch["label_set"], batch["all_spans"]
    with pytest.raises(ConfigurationError, match="set the reader's type to 'hmtl_text_label_spans'"):
        head_of()(**batch)


# A trained model.


@pytest.fixture
def model(text_label_run: Path) -> HMTL:
    return HMTL.from_archive(text_label_run)


TEXT = {"text": "Mara Lind met a dog from Oslo. He works for Fjord Bakeries in Bergen."}


def test_it_trains_and_an_archive_predicts_what_the_model_did(text_label_run: Path, model: HMTL) -> None:
    head = model.head("mentions")
    assert isinstance(head, TextLabelSpanHead)
    # PERSON and PER are one label, and ORG is one of names alone.
    assert sorted(head.labels) == ["a place", "date", "fac", "gpe", "org", "person"]
    is_of = dict(zip(head.label_sets, head._is_of_set))
    assert {label for label, is_one in zip(head.labels, is_of["mentions"]) if is_one} == {"person", "gpe", "fac"}
    metrics = json.loads((text_label_run / "metrics.json").read_text())
    losses = [
        json.loads((text_label_run / f"metrics_epoch_{epoch}.json").read_text())["training_mentions_loss"]
        for epoch in (0, 3)
    ]
    assert losses[1] < losses[0]
    assert {"best_validation_mentions_f1", "best_validation_mentions_f1_names"} <= metrics.keys()


def test_the_vectors_of_labels_are_the_mean_of_their_words_and_follow_the_weights(model: HMTL) -> None:
    head = model.head("mentions")
    found = model._label_options("mentions", {"mentions": {"X": "a dog"}})["label_texts"]
    assert found.names == [None] * len(head.labels) + ["X"]
    for text, vector in zip([*head.labels, "a dog"], found.vectors):
        alone = model.text_field_embedder(head.index_label_texts([text]))[0]
        torch.testing.assert_close(vector, alone.mean(0))
    again = model._label_options("mentions", {"mentions": {"X": "a dog"}})["label_texts"]
    assert again.vectors is found.vectors
    weights = {name: value + 1 for name, value in model.state_dict().items()}
    model.load_state_dict(weights)
    changed = model._label_options("mentions", {"mentions": {"X": "a dog"}})["label_texts"].vectors
    assert not torch.equal(changed, found.vectors)
    model.double()
    assert model._label_options("mentions")["label_texts"].vectors.dtype == torch.float64


def test_the_vectors_of_the_latest_labels_are_kept_and_no_more(model: HMTL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hmtl.models.hmtl._MOST_KNOWN_TEXTS", 2)
    asked = [{"mentions": {"X": text}} for text in ("a dog", "a cat", "a cow")]
    first, *others = [model._label_options("mentions", each)["label_texts"].vectors for each in asked]
    assert len(model._known_texts) == 2
    kept = [model._label_options("mentions", each)["label_texts"].vectors for each in asked[1:]]
    assert all(each is other for each, other in zip(kept, others))
    again = model._label_options("mentions", asked[0])["label_texts"].vectors
    assert again is not first and torch.equal(again, first)


def test_label_texts_teach_the_embedder(model: HMTL) -> None:
    model.train()
    vectors = model._label_options("mentions")["label_texts"].vectors
    assert vectors.requires_grad and not model._known_texts


def test_a_model_of_other_labels_takes_all_its_weights(text_label_run: Path, tmp_path: Path, fixtures: Path) -> None:
    overrides = {"dataset_reader.readers.mentions.corpora.names.label_texts": {"GPE": "country"}}
    options = ["-o", json.dumps({**overrides, "trainer.num_epochs": 1})]
    main(["train", str(fixtures / "text_labels.jsonnet"), "-s", str(tmp_path / "run"), *options])
    here, there = HMTL.from_archive(tmp_path / "run"), HMTL.from_archive(text_label_run)
    assert here.head("mentions").labels != there.head("mentions").labels
    report = transfer(there, here)
    assert "heads.mentions" in report.taken and not report.reordered

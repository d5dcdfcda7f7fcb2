"""The references: torch's loss token by token, and scikit-learn's F1."""

from typing import Any, List

import pytest
import torch
from allennlp.data import Vocabulary
from sklearn.metrics import accuracy_score, f1_score

from hmtl.document import Span
from hmtl.tasks import TokenClassificationHead
from hmtl.tasks.spans.token_labels_reader import labelled

LABELS = ["O", "B-PER", "I-PER"]
DIM = 4
LENGTHS = [5, 2, 3]


def head_of(labels: List[str] = LABELS, **options: Any) -> TokenClassificationHead:
    counts = {label: len(labels) - number for number, label in enumerate(labels)}
    return TokenClassificationHead(Vocabulary(counter={"x_labels": counts}), DIM, "x", **options)


def batch() -> dict:
    encoding = torch.randn(len(LENGTHS), max(LENGTHS), DIM)
    mask = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS).unsqueeze(1)
    targets = torch.randint(0, 3, mask.shape)
    rows = torch.stack([torch.arange(max(LENGTHS)).expand_as(targets), targets], dim=-1)
    return {"encoding": encoding, "mask": mask, "labels": rows.masked_fill(~mask.unsqueeze(-1), -1)}


def test_the_loss_is_the_mean_over_tokens():
    head, fields = head_of(), batch()
    # A token whose label is not known has no row: those behind it move up.
    fields["labels"][0, 1:4] = fields["labels"][0, 2:].clone()
    fields["labels"][0, 4] = -1
    logits = head._projection(fields["encoding"])
    losses = [
        -logits[row, token].log_softmax(-1)[label]
        for row, tokens in enumerate(fields["labels"].tolist())
        for token, label in tokens
        if label >= 0
    ]
    output = head(**fields)
    assert len(losses) == output["loss_count"] == sum(LENGTHS) - 1
    torch.testing.assert_close(output["loss"], torch.stack(losses).mean())
    assert "predictions" not in output


def test_the_distribution_of_labels_is_the_one_that_predictions_go_by():
    head, fields = head_of(), batch()
    distribution = head.label_distribution(fields["encoding"])
    assert distribution.shape == (*fields["mask"].shape, head.num_token_labels)
    losses = -distribution.log().gather(-1, fields["labels"][..., 1:].clamp(min=0)).squeeze(-1)
    torch.testing.assert_close(head(**fields)["loss"], losses[fields["mask"]].mean())


def test_a_batch_without_labels_has_no_loss():
    head, fields = head_of(), batch()
    fields["labels"] = torch.full((len(LENGTHS), 1, 2), -1)
    output = head(**fields)
    assert (output["loss"].item(), output["loss_count"].item()) == (0.0, 0.0)
    output["loss"].backward()


def test_gold_that_is_no_target_is_missed_and_cannot_be_found():
    head, fields = head_of(negative_label="I-PER").eval(), batch()
    with torch.no_grad():
        head._projection.weight.zero_()
        head._projection.bias.copy_(torch.tensor([0.0, 1.0, 0.0]))
    # Five, two and three times `B-PER` are predicted. The negative label counts on neither side.
    targets = [labelled(["B-PER", "B-PER", "B-LAW", "I-PER", "O"]), [], labelled(["O", "O", "O"])]
    gold = [[*targets[0], Span(2, 2, "B-PER"), Span(3, 3, "I-LAW")], [], [Span(1, 1, "B-PER")]]
    fields["metadata"] = [{"spans": all_, "flat_spans": some} for all_, some in zip(gold, targets)]
    head(**fields)
    metrics = head.get_metrics()
    assert (metrics["precision"], metrics["recall"]) == pytest.approx((4 / 10, 4 / 6))
    assert (metrics["precision_flat_gold"], metrics["recall_flat_gold"]) == pytest.approx((2 / 10, 2 / 3))
    assert [head.findable(row) for row in fields["metadata"]] == [(2, 5), (0, 0), (0, 1)]


@pytest.mark.parametrize("labels", [LABELS, ["A", "B", "C"]], ids=["with-outside", "without"])
def test_f1_is_that_of_scikit_learn(labels):
    head = head_of(labels).eval()
    gold_labels, predicted_labels = [], []
    for _ in range(3):
        fields = batch()
        gold = [[labels[number] for number in row[:length, 1]] for row, length in zip(fields["labels"], LENGTHS)]
        fields["metadata"] = [{"spans": labelled(row)} for row in gold]
        output = head(**fields)
        best = head._projection(fields["encoding"]).argmax(-1)
        rows = [[labels[number] for number in row[:length]] for row, length in zip(best, LENGTHS)]
        assert output["predictions"] == [labelled(row) for row in rows]
        gold_labels += sum(gold, [])
        predicted_labels += sum(rows, [])
    counted = [label for label in labels if label != "O"]
    expected = f1_score(gold_labels, predicted_labels, labels=counted, average="micro")
    assert 0 < expected < 1
    found = head.get_metrics(reset=True)
    assert found["f1"] == pytest.approx(expected)
    if "O" not in labels:
        assert found["f1"] == pytest.approx(accuracy_score(gold_labels, predicted_labels))
    assert head.get_metrics()["f1"] == 0.0


def test_scores_are_probabilities_of_the_labels():
    head, fields = head_of().eval(), batch()
    output = head(fields["encoding"], fields["mask"], with_scores=True)
    probabilities = head._projection(fields["encoding"]).softmax(-1)
    for row, (spans, scores) in enumerate(zip(output["predictions"], output["scores"])):
        expected = [probabilities[row, span.start, LABELS.index(span.label)].item() for span in spans]
        assert scores == pytest.approx(expected)
    assert "loss" not in output


def test_another_negative_label_and_another_order():
    old, new = head_of(negative_label="B-PER").eval(), head_of([LABELS[2], *LABELS[:2]], negative_label="B-PER").eval()
    new.load_state_dict(old.reordered(old.state_dict(), [2, 0, 1]))
    fields = batch()
    found = [head(fields["encoding"], fields["mask"])["predictions"] for head in (old, new)]
    assert found[0] == found[1] and any(found[0])
    assert not any(span.label == "B-PER" for spans in found[0] for span in spans)
    assert isinstance(next(span for spans in found[0] for span in spans), Span)


def test_losses_of_parts_add_up():
    head, fields = head_of(), batch()
    whole = head(**fields)
    parts = [head(**{name: tensor[rows] for name, tensor in fields.items()}) for rows in ([0], [1, 2])]
    total = sum(part["loss"] * part["loss_count"] for part in parts)
    torch.testing.assert_close(total / sum(part["loss_count"] for part in parts), whole["loss"])


def test_the_loss_has_32_bits_under_autocast():
    head, fields = head_of(), batch()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = head(**fields)
    assert output["loss"].dtype == torch.float32
    torch.testing.assert_close(output["loss"], head(**fields)["loss"], atol=0.02, rtol=0.02)

"""The reference is a loop over the sentences, their spans and their labels."""

import math
from typing import Any, Dict, List, Tuple

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary
from fake_device import FakeDevice
from workers import run_workers

from hmtl.common.devices import moved
from hmtl.common.standing_spans import standing_together
from hmtl.document import Span
from hmtl.modules import spans as spans_module
from hmtl.tasks import CrfHead, SpanHead, TokenClassificationHead

LABELS = ["PER", "ORG", "LOC"]
DIM, INPUT_DIM, WIDTH = 5, 3, 3
LENGTHS = [4, 1, 6]
# Nested, crossing, the same bounds twice (the less frequent label first), and one that is too wide.
SPANS = [
    [(0, 1, "PER"), (1, 2, "ORG"), (0, 0, "LOC")],
    [],
    [(2, 3, "LOC"), (2, 3, "PER"), (0, 5, "ORG"), (3, 3, "PER")],
]


def vocabulary() -> Vocabulary:
    return Vocabulary(counter={"ner_labels": {"PER": 3, "ORG": 2, "LOC": 1}})


def head_of(**options: Any) -> SpanHead:
    options = {"max_span_width": WIDTH, "hidden_dim": 6, "feature_size": 2, "prior_probability": 0.3, **options}
    return SpanHead(vocabulary(), DIM, INPUT_DIM, "ner", **options)


def batch_of(spans: List[List[Tuple[int, int, str]]] = SPANS, lengths: List[int] = LENGTHS) -> Dict[str, Any]:
    longest = max(1, *map(len, spans))
    rows = [[(s, e, LABELS.index(x)) for s, e, x in row] + [(-1, -1, -1)] * (longest - len(row)) for row in spans]
    return {
        "encoding": torch.randn(len(lengths), max(lengths), DIM),
        "encoder_input": torch.randn(len(lengths), max(lengths), INPUT_DIM),
        "mask": torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1),
        "all_spans": torch.tensor(rows),
        "metadata": [{"spans": [Span(*span) for span in row]} for row in spans],
    }


def spans_of_length(length: int) -> List[Tuple[int, int]]:
    return [(start, end) for start in range(length) for end in range(start, min(length, start + WIDTH))]


def logits_of(head: SpanHead, batch: Dict[str, Any], row: int, start: int, end: int) -> torch.Tensor:
    """The scores of one span, from its whole representation."""
    encoding, inputs = batch["encoding"][row], batch["encoder_input"][row, start : end + 1]
    if head._content == "attention":
        content = head._attention(inputs).softmax(0).t() @ inputs
    else:
        content = head._projection(encoding[start : end + 1]).amax(0, keepdim=True)
    width = head._width_embedding.weight[end - start]
    return head._scorer(head._feedforward(torch.cat([encoding[start], encoding[end], width, content[0]])))


def loss_by_loop(head: SpanHead, batch: Dict[str, Any], spans: Any = SPANS) -> torch.Tensor:
    total = torch.zeros((), dtype=batch["encoding"].dtype)
    for row, length in enumerate(batch["mask"].sum(1).tolist()):
        for start, end in spans_of_length(length):
            logits = logits_of(head, batch, row, start, end)
            gold = [LABELS.index(label) for s, e, label in spans[row] if (s, e) == (start, end)]
            if head._several_labels:
                for number, logit in enumerate(logits):
                    total = total - (logit if number in gold else -logit).sigmoid().log()
            else:
                # The score of no label is 0; of several gold labels the most frequent one is the target.
                chosen = logits[min(gold)] if gold else torch.zeros(())
                total = total - chosen + (1 + logits.exp().sum()).log()
    return total


def gradients_of(loss: torch.Tensor, head: SpanHead, batch: Dict[str, Any]) -> List[torch.Tensor]:
    inputs = [batch["encoding"], batch["encoder_input"]]
    found = torch.autograd.grad(loss, [*inputs, *head.parameters()], allow_unused=True)
    return [torch.zeros(()) if each is None else each for each in found]


@pytest.mark.parametrize("several_labels", [False, True])
@pytest.mark.parametrize("content", ["attention", "maximum"])
def test_scores_loss_and_gradients_are_those_of_a_loop(content: str, several_labels: bool) -> None:
    head = head_of(content=content, several_labels=several_labels).double().eval()
    batch = batch_of()
    for name in ("encoding", "encoder_input"):
        batch[name] = batch[name].double().requires_grad_()
    scored = head._scored(batch["encoding"], batch["encoder_input"], batch["mask"])
    expected = [
        logits_of(head, batch, row, *bounds) for row, length in enumerate(LENGTHS) for bounds in spans_of_length(length)
    ]
    torch.testing.assert_close(scored.logits, torch.stack(expected), rtol=1e-9, atol=1e-9)
    loss, reference = head(**batch)["loss"], loss_by_loop(head, batch)
    assert loss.item() == pytest.approx(reference.item(), rel=1e-9)
    for found, by_loop in zip(gradients_of(loss, head, batch), gradients_of(reference, head, batch)):
        torch.testing.assert_close(found, by_loop, rtol=1e-7, atol=1e-9)


def test_the_mean_is_over_sentences() -> None:
    batch = batch_of()
    heads = []
    for reduction in ("sum", "mean"):
        torch.manual_seed(1)
        heads.append(head_of(loss_reduction=reduction).eval())
    total, mean = (head(**batch) for head in heads)
    assert "loss_count" not in total
    assert mean["loss"].item() == pytest.approx(total["loss"].item() / 3) and mean["loss_count"].item() == 3


def test_drawn_negatives_count_for_those_that_are_not_drawn() -> None:
    """A loop with the same numbers: spans with labels always count once, others where drawn, and four times."""
    head = head_of(negative_share=0.25, dropout=0.0)
    batch = batch_of()
    losses = []
    for seed in range(40):
        torch.manual_seed(seed)
        loss = head(**batch)["loss"]
        torch.manual_seed(seed)
        drawn = torch.rand(3 * 6, WIDTH) < 0.25
        expected = 0.0
        for row, length in enumerate(LENGTHS):
            for start, end in spans_of_length(length):
                labels = [LABELS.index(label) for s, e, label in SPANS[row] if (s, e) == (start, end)]
                logits = torch.cat([torch.zeros(1), logits_of(head, batch, row, start, end)])
                if labels:
                    expected -= logits.log_softmax(0)[1 + min(labels)].item()
                elif drawn[row * 6 + start, end - start]:
                    expected -= 4 * logits.log_softmax(0)[0].item()
        assert loss.item() == pytest.approx(expected, rel=1e-5)
        losses.append(loss.item())
    # Another draw is another loss, and together they are near that of all spans, which evaluation has.
    assert len(set(losses)) == 40
    assert sum(losses) / 40 == pytest.approx(head.eval()(**batch)["loss"].item(), rel=0.1)


def test_a_sentence_of_which_nothing_is_drawn_has_a_loss_of_zero() -> None:
    head = head_of(negative_share=1e-9)
    loss = head(**batch_of([[]], [1]))["loss"]
    loss.backward()
    assert loss.item() == 0.0


@pytest.mark.parametrize("recomputed_from", [1, 10**9])
def test_blocks_of_spans_make_the_whole(recomputed_from: int, monkeypatch: pytest.MonkeyPatch) -> None:
    head = head_of(dropout=0.0).double()
    batch = batch_of()
    for name in ("encoding", "encoder_input"):
        batch[name] = batch[name].double().requires_grad_()
    expected = head(**batch)["loss"]
    monkeypatch.setattr(spans_module, "rows_at_once", lambda device: 2)
    monkeypatch.setattr(spans_module, "RECOMPUTED_FROM", recomputed_from)
    loss = head(**batch)["loss"]
    assert loss.item() == pytest.approx(expected.item(), rel=1e-12)
    for found, whole in zip(gradients_of(loss, head, batch), gradients_of(expected, head, batch)):
        torch.testing.assert_close(found, whole)


@pytest.mark.parametrize(
    "options, waits",
    [({}, []), ({"several_labels": True, "content": "maximum"}, []), ({"negative_share": 0.5}, ["nonzero"])],
)
def test_an_update_waits_for_nothing_but_how_many_spans_are_drawn(options: Dict[str, Any], waits: List[str]) -> None:
    with FakeDevice() as device:
        head, batch = head_of(**options).to(device.device), moved(batch_of(), device.device)
        device.take()
        head(**batch)["loss"].backward()
        assert [event.operation for event in device.take()] == waits


def test_every_span_starts_with_the_prior_probability_of_a_label() -> None:
    head = SpanHead(vocabulary(), DIM, INPUT_DIM, "ner").eval()
    with torch.no_grad():
        head._scorer.weight.zero_()
        batch = batch_of()
        logits = head._scored(batch["encoding"], batch["encoder_input"], batch["mask"]).logits
    probabilities = torch.nn.functional.pad(logits, (1, 0)).softmax(-1)[:, 1:]
    torch.testing.assert_close(probabilities.sum(-1), torch.full((len(logits),), 0.01))


@pytest.mark.parametrize("selection", ["best", "greedy"])
@pytest.mark.parametrize("overlaps", ["any", "nested", "none"])
@pytest.mark.parametrize("several_labels", [False, True])
def test_predictions_are_those_of_a_loop(several_labels: bool, overlaps: str, selection: str) -> None:
    threshold = 0.45
    head = head_of(several_labels=several_labels, overlaps=overlaps, selection=selection, threshold=threshold).eval()
    with torch.no_grad():
        head._scorer.weight.mul_(8)
        head._scorer.bias.fill_(0.5)
    batch = batch_of()
    output = head(**batch, with_scores=True)
    num_found = 0
    for row, length in enumerate(LENGTHS):
        items: List[Tuple[Span, float, float]] = []
        for start, end in spans_of_length(length):
            logits = logits_of(head, batch, row, start, end).tolist()
            if several_labels:
                of_labels = [1 / (1 + math.exp(-logit)) for logit in logits]
                chosen = [(number, p, p) for number, p in enumerate(of_labels) if p >= threshold]
            else:
                total = 1 + sum(map(math.exp, logits))
                best = max(range(3), key=logits.__getitem__)
                any_of = 1 - 1 / total
                chosen = [(best, math.exp(logits[best]) / total, any_of)] if any_of >= threshold else []
            items += [(Span(start, end, LABELS[number]), p, decisive) for number, p, decisive in chosen]
        num_found += len(items)
        weights = [math.log(p / (1 - p)) - math.log(threshold / (1 - threshold)) for _, _, p in items]
        kept = standing_together([span.bounds for span, _, _ in items], weights, overlaps, selection)  # type: ignore
        assert output["predictions"][row] == [items[number][0] for number in kept]
        assert output["scores"][row] == pytest.approx([items[number][1] for number in kept], abs=1e-5)
    assert num_found > 8


def test_metrics_are_over_all_gold_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    head = head_of().eval()
    # Two of seven gold spans, and one that is none.
    predicted = [[Span(0, 1, "PER"), Span(0, 0, "LOC"), Span(2, 2, "PER")], [], []]
    monkeypatch.setattr(head, "_decoded", lambda *_: {"predictions": predicted})
    head(**batch_of())
    metrics = head.get_metrics(reset=True)
    assert (metrics["precision"], metrics["recall"]) == pytest.approx((2 / 3, 2 / 7))
    assert metrics["f1_flat_gold"] == metrics["f1"]


def test_what_can_be_found() -> None:
    """Of seven one is too wide, and one shares its bounds with another; of the rest some overlap."""

    def found(**options: Any) -> Tuple[int, int]:
        counts = [head_of(**options).findable(row) for row in batch_of()["metadata"]]
        return sum(found for found, _ in counts), sum(gold for _, gold in counts)

    assert found() == (5, 7)
    assert found(several_labels=True) == (6, 7)
    # Of the first sentence's three spans two cross; in the third sentence one lies in another.
    assert found(overlaps="nested") == (4, 7)
    assert found(several_labels=True, overlaps="nested") == (5, 7)
    assert found(overlaps="none") == (3, 7)
    assert found(max_span_width=6) == (6, 7)
    assert head_of().findable({"spans": [Span(0, 0, "never seen"), Span(0, 0, "PER")]}) == (1, 2)


def confident(head: Any, by: float) -> Any:
    with torch.no_grad():
        for name, parameter in head.named_parameters():
            if "scorer.weight" in name or "projection.weight" in name:
                parameter.mul_(by)
    return head.train()


def test_candidates_for_other_levels_are_the_predictions() -> None:
    """In training, without dropout, whatever the head would draw; the head stays as it was."""
    crf = CrfHead(vocabulary(), DIM, "ner", dropout=0.9)
    tokens = TokenClassificationHead(
        Vocabulary(counter={"ner_labels": {"PER": 3, "O": 2}}), DIM, "ner", dropout=0.9, negative_label="O"
    )
    flat = head_of(dropout=0.9, overlaps="none", selection="greedy")
    num_in_the_way = 0
    for head in (confident(head_of(dropout=0.9), 8), confident(flat, 8), confident(crf, 4), confident(tokens, 4)):
        num_found = 0
        for _ in range(5):
            batch = batch_of()
            inputs = {name: batch[name] for name in ("encoding", "encoder_input", "mask")}
            rows = head.candidate_spans(**inputs, sentence_ids=torch.zeros(3, 6, dtype=torch.long))
            assert head.training and not rows.requires_grad
            found = [[Span(s, e, head.labels[x]) for s, e, x in row if x >= 0] for row in rows.tolist()]
            assert all((row == -1).all() for row in rows[rows[..., 2] < 0])
            predictions = head.eval()(**inputs)["predictions"]
            overlapping = predictions
            if head is flat:
                flat._overlaps = "any"
                overlapping, flat._overlaps = flat(**inputs)["predictions"], "none"
            head.train()
            for of_row, predicted, likely, length in zip(found, predictions, overlapping, LENGTHS):
                # A span head tells of no more than the likeliest, as many as the sentence has tokens.
                assert len(of_row) <= length
                if len(likely) <= length:
                    assert sorted(of_row) == sorted(predicted)
                    num_in_the_way += len(likely) - len(predicted)
                num_found += len(of_row)
        assert num_found > 5
    assert num_in_the_way > 3


def test_another_reader_is_refused() -> None:
    batch = batch_of()
    batch["spans"] = batch.pop("all_spans")
    with pytest.raises(ConfigurationError, match="set the reader's type to 'hmtl_spans'"):
        head_of()(**batch)


@pytest.mark.parametrize(
    "options,message",
    [
        ({"overlaps": "crossing"}, "overlaps must be 'any' or 'nested' or 'none', not 'crossing'"),
        ({"content": "mean"}, "content must be"),
        ({"selection": "first"}, "selection must be"),
        ({"loss_reduction": "as_2018"}, "loss_reduction must be"),
        ({"negative_share": 0.0}, "negative_share must be above 0 and at most 1, not 0.0"),
        ({"threshold": 1.0}, "threshold is 1.0; it must lie between 0 and 1"),
        ({"max_span_width": 0}, "max_span_width is 0; it must be at least 1"),
        ({"hidden_dim": 0}, "hidden_dim is 0; it must be at least 1"),
        ({"num_layers": 0}, "num_layers is 0; it must be at least 1"),
        ({"feature_size": -1}, "feature_size is -1; it must be at least 0"),
    ],
)
def test_bad_options(options: Dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        head_of(**options)


def test_weights_with_the_labels_in_another_order() -> None:
    head = head_of().eval()
    other = head_of().eval()
    other.labels = ["LOC", "PER", "ORG"]
    weights = dict(head.state_dict())
    other.load_state_dict(head.reordered(weights, [head.labels.index(label) for label in other.labels]))
    batch = batch_of()
    inputs = [batch[name] for name in ("encoding", "encoder_input", "mask")]
    torch.testing.assert_close(other._scored(*inputs).logits, head._scored(*inputs).logits[:, [2, 0, 1]])


def finding() -> SpanHead:
    """Finds something, right or wrong."""
    torch.manual_seed(3)
    head = head_of().eval()
    with torch.no_grad():
        head._scorer.bias.fill_(1.0)
    return head


def counted_on_a_worker() -> Dict[str, float]:
    """Each worker has other sentences."""
    rank = torch.distributed.get_rank()
    head, whole = finding(), batch_of()
    rows = [[0, 1], [2]][rank]
    part = {name: [each[row] for row in rows] if name == "metadata" else each[rows] for name, each in whole.items()}
    head(**part)
    return head.get_metrics()


def test_two_workers_count_as_one_process() -> None:
    head, whole = finding(), batch_of()
    head(**whole)
    expected = head.get_metrics()
    assert expected["recall"] > 0 and expected["precision"] < 1
    assert run_workers(counted_on_a_worker) == [expected, expected]


def test_a_threshold_that_is_set_is_as_one_that_is_configured() -> None:
    heads = []
    for threshold in (0.2, 0.9):
        torch.manual_seed(3)
        heads.append(head_of(threshold=threshold, dropout=0.0).eval())
    low, high = heads
    assert low.threshold == pytest.approx(0.2) and high.threshold == pytest.approx(0.9)
    batch = batch_of()
    expected = low(**batch)["predictions"]
    assert expected != high(**batch)["predictions"]
    high.threshold = 0.2
    assert high(**batch)["predictions"] == expected

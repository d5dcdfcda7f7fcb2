"""The references: a loop over spans, seqeval, AllenNLP's BIOUL helpers, and all sequences of tags one by one."""

import itertools
import math
import random
from typing import Any, Dict, List, Tuple

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary
from allennlp.data.dataset_readers.dataset_utils import bioul_tags_to_spans
from seqeval.scheme import BILOU, Entities

from hmtl.document import Span
from hmtl.tasks import CrfHead
from hmtl.tasks.spans.crf import tags_of_spans

LABELS = ["PER", "ORG"]
ENCODING_DIM = 4


def head_of(labels: Tuple[str, ...] = tuple(LABELS), **options: Any) -> CrfHead:
    counts = {label: len(labels) - number for number, label in enumerate(labels)}
    return CrfHead(Vocabulary(counter={"ner_labels": counts}), ENCODING_DIM, "ner", **options)


def tag_names(spans: List[Tuple[int, int, str]], length: int) -> List[str]:
    tags = ["O"] * length
    for start, end, label in spans:
        for position in range(start, end + 1):
            tags[position] = f"I-{label}"
        tags[start], tags[end] = f"B-{label}", f"L-{label}"
        if start == end:
            tags[start] = f"U-{label}"
    return tags


def tag_numbers(spans: List[Tuple[int, int, str]], length: int, labels: Tuple[str, ...] = tuple(LABELS)) -> List[int]:
    """By the head's documentation: 0 is O, label n has 4n+1 to 4n+4 for B, I, L, U."""
    numbers = {"O": 0}
    for n, label in enumerate(labels):
        numbers.update({f"{part}-{label}": 4 * n + k for k, part in enumerate("BILU", start=1)})
    return [numbers[tag] for tag in tag_names(spans, length)]


def random_spans(generator: random.Random, length: int) -> List[Tuple[int, int, str]]:
    spans, start = [], 0
    while start < length:
        end = min(length - 1, start + generator.randrange(4))
        if generator.random() < 0.6:
            spans.append((start, end, generator.choice(LABELS)))
        start = end + 1
    return spans


def rows_of(sentences: List[List[Tuple[int, int, str]]], labels: Tuple[str, ...] = tuple(LABELS)) -> torch.Tensor:
    longest = max(map(len, sentences))
    rows = [
        [(start, end, labels.index(label)) for start, end, label in spans] + [(-1, -1, -1)] * (longest - len(spans))
        for spans in sentences
    ]
    return torch.tensor(rows, dtype=torch.long).view(len(sentences), longest, 3)


def batch_of(lengths: List[int], sentences: List[List[Tuple[int, int, str]]], width: int = 0) -> Dict[str, Any]:
    width = width or max(lengths)
    return {
        "encoding": torch.randn(len(lengths), width, ENCODING_DIM),
        "mask": torch.arange(width) < torch.tensor(lengths).unsqueeze(1),
        "spans": rows_of(sentences),
        "metadata": [{"spans": [Span(*span) for span in spans]} for spans in sentences],
    }


@pytest.mark.parametrize(
    "spans",
    [
        [],
        [(0, 0, "PER")],
        [(0, 1, "ORG")],
        [(2, 4, "PER")],
        [(0, 4, "ORG")],
        [(0, 0, "PER"), (1, 1, "PER")],
        [(0, 1, "PER"), (2, 3, "PER"), (4, 4, "ORG")],
    ],
)
def test_tags_of_spans_of_every_shape(spans: List[Tuple[int, int, str]]) -> None:
    assert tags_of_spans(rows_of([spans]), 5).tolist() == [tag_numbers(spans, 5)]


def test_tags_of_random_spans_with_padding() -> None:
    generator = random.Random(5)
    sentences = [random_spans(generator, length) for length in (1, 7, 12, 3, 12, 2)]
    expected = [tag_numbers(spans, 12) for spans in sentences]
    assert tags_of_spans(rows_of(sentences), 12).tolist() == expected


def test_tag_names_agree_with_other_libraries() -> None:
    generator = random.Random(6)
    for length in range(1, 15):
        spans = random_spans(generator, length)
        tags = tag_names(spans, length)
        assert sorted(bioul_tags_to_spans(tags)) == sorted((label, (start, end)) for start, end, label in spans)
        found = [(e.start, e.end - 1, e.tag) for e in Entities([tags], BILOU).entities[0]]
        assert found == spans


def test_decoding_inverts_tagging() -> None:
    generator, head = random.Random(7), head_of()
    for length in range(1, 15):
        spans = random_spans(generator, length)
        assert head._spans(tag_numbers(spans, length)) == spans


def brute_force(head: CrfHead, logits: torch.Tensor, gold: List[int]) -> Tuple[float, float, List[int]]:
    """The gold sequence's log probability; the score and tags of the best sequence that is valid BIOUL."""
    crf = head._crf
    weights = [w.detach().double() for w in (crf.start_transitions, crf.transitions, crf.end_transitions)]
    start, transitions, end = weights
    names = ["O"] + [f"{part}-{label}" for label in LABELS for part in "BILU"]

    def score(path: Tuple[int, ...]) -> float:
        total = start[path[0]] + end[path[-1]] + sum(logits[time, tag] for time, tag in enumerate(path))
        return float(total + sum(transitions[pair] for pair in zip(path, path[1:])))

    def is_valid(path: Tuple[int, ...]) -> bool:
        tags = [names[tag] for tag in path]
        spans = [(start, end, label) for label, (start, end) in _spans_or_nothing(tags)]
        return tag_names(spans, len(tags)) == tags

    scores = {path: score(path) for path in itertools.product(range(len(names)), repeat=len(logits))}
    peak = max(scores.values())
    partition = peak + math.log(sum(math.exp(value - peak) for value in scores.values()))
    best = max((path for path in scores if is_valid(path)), key=scores.__getitem__)
    return scores[tuple(gold)] - partition, scores[best], list(best)


def test_without_transitions_it_is_a_softmax_whose_tags_make_spans() -> None:
    torch.manual_seed(3)
    head, gold = head_of(transitions=False), [[(0, 1, "ORG"), (3, 3, "PER")], [(1, 2, "PER")]]
    batch = batch_of([4, 3], gold)
    logits = head._projection(batch["encoding"])
    expected = sum(
        torch.nn.functional.cross_entropy(row[:length], torch.tensor(tag_numbers(spans, length)), reduction="sum")
        for row, length, spans in zip(logits, (4, 3), gold)
    )
    loss = head(**batch)["loss"]
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert {name for name, weight in head.named_parameters() if weight.grad is not None} == {
        "_projection.weight", "_projection.bias"
    }  # fmt: skip
    for row, length, spans in zip(logits.detach().double(), (4, 3), head.eval()(**batch)["predictions"]):
        _, _, best = brute_force(head, row[:length], [0] * length)
        assert tag_numbers(spans, length) == best


def _spans_or_nothing(tags: List[str]) -> List[Tuple[str, Tuple[int, int]]]:
    try:
        return bioul_tags_to_spans(tags)
    except Exception:
        return []


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_loss_and_predictions_against_all_sequences(reduction: str) -> None:
    head = head_of(loss_reduction=reduction).eval()
    lengths, sentences = [3, 1, 2], [[(0, 1, "ORG"), (2, 2, "PER")], [], [(0, 1, "PER")]]
    batch = batch_of(lengths, sentences, width=5)
    weight, bias = head._projection.weight.detach().double(), head._projection.bias.detach().double()
    output = head(**batch)
    log_probabilities = []
    for row, length in enumerate(lengths):
        # Shape: (length, num_tags)
        logits = batch["encoding"][row, :length].double() @ weight.t() + bias
        log_probability, _, best = brute_force(head, logits, tag_numbers(sentences[row], length))
        log_probabilities.append(log_probability)
        assert tag_numbers(output["predictions"][row], length) == best
    total = -sum(log_probabilities)
    assert output["loss"].item() == pytest.approx(total / (3 if reduction == "mean" else 1), rel=1e-5)


def test_padding_changes_nothing() -> None:
    head = head_of().eval()
    lengths, sentences = [4, 2], [[(0, 1, "ORG")], [(1, 1, "PER")]]
    narrow, wide = batch_of(lengths, sentences), batch_of(lengths, sentences, width=9)
    wide["encoding"][:, :4] = narrow["encoding"]
    first, second = head(**narrow), head(**wide)
    assert first["predictions"] == second["predictions"]
    torch.testing.assert_close(first["loss"], second["loss"])


def perfect_head(tags: List[int], num_tags: int) -> Tuple[CrfHead, torch.Tensor]:
    """A head without transition scores that reads the tag of each token off one-hot vectors."""
    head = CrfHead(Vocabulary(counter={"ner_labels": {"PER": 2, "ORG": 1}}), num_tags, "ner").eval()
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.zero_()
        head._projection.weight.copy_(10 * torch.eye(num_tags))
    return head, torch.nn.functional.one_hot(torch.tensor(tags), num_tags).float()


def test_f1_of_perfect_weights_and_by_hand() -> None:
    spans = [(0, 0, "PER"), (1, 3, "ORG"), (5, 6, "PER")]
    head, encoding = perfect_head(tag_numbers(spans, 7), 9)
    batch = batch_of([7], [spans])
    batch["encoding"] = encoding.unsqueeze(0)
    output = head(**batch)
    assert output["predictions"] == [spans]
    assert all(isinstance(span, Span) for span in output["predictions"][0])
    # A reader that names no targets apart has no others.
    assert set(head.get_metrics().values()) == {1.0}
    names = {"precision", "recall", "f1"}
    assert head.get_metrics(reset=True).keys() == names | {f"{name}_flat_gold" for name in names}
    # One of three predicted spans has another label, and one gold span is missed altogether.
    batch["metadata"] = [{"spans": [Span(0, 0, "ORG"), Span(1, 3, "ORG"), Span(4, 4, "PER"), Span(5, 6, "PER")]}]
    # A fifth one was no target, and is missed.
    batch["metadata"][0]["flat_spans"] = batch["metadata"][0]["spans"]
    batch["metadata"][0]["spans"] = [*batch["metadata"][0]["spans"], Span(1, 2, "PER")]
    head(**batch)
    by_hand = {"precision": 2 / 3, "recall": 2 / 5, "f1": 4 / 8}
    by_hand_flat = {"precision_flat_gold": 2 / 3, "recall_flat_gold": 2 / 4, "f1_flat_gold": 4 / 7}
    assert head.get_metrics() == pytest.approx({**by_hand, **by_hand_flat})


def test_a_span_can_be_found_where_it_is_a_target_and_training_saw_its_label() -> None:
    spans = [Span(0, 0, "PER"), Span(0, 3, "ORG"), Span(2, 2, "LAW"), Span(3, 3, "ORG")]
    assert head_of().findable({"spans": spans, "flat_spans": [spans[0], *spans[2:]]}) == (2, 4)
    assert head_of().findable({"spans": spans}) == (3, 4)
    assert head_of().findable({"spans": [], "flat_spans": []}) == (0, 0)


def test_a_span_that_the_sentence_end_would_cut_is_never_predicted() -> None:
    """The scores ask for B at every token; the constraints allow a sequence without an open end alone."""
    head, encoding = perfect_head([1, 1, 1], 9)
    (spans,) = head(encoding.unsqueeze(0), torch.ones(1, 3, dtype=torch.bool))["predictions"]
    assert tag_numbers(spans, 3).count(1) == 1


def test_the_distribution_of_labels_is_that_of_tags_without_neighbours() -> None:
    head = head_of()
    encoding = torch.randn(2, 4, head._projection.in_features)
    head._projection.weight.data.normal_(std=3.0)
    distribution = head.label_distribution(encoding)
    assert distribution.shape == (2, 4, 4 * len(LABELS) + 1) == (2, 4, head.num_token_labels)
    # A sentence of one token has no neighbours: without starts and ends the CRF gives each tag the same probability.
    torch.nn.init.zeros_(head._crf.start_transitions)
    torch.nn.init.zeros_(head._crf.end_transitions)
    for number in range(len(LABELS)):
        spans = torch.tensor([[[0, 0, number]]])
        loss = head(encoding[:1, :1], torch.ones(1, 1, dtype=torch.bool), spans=spans)["loss"]
        torch.testing.assert_close(distribution[0, 0, 4 * number + 4].log(), -loss)


def test_dropout_acts_in_training_alone() -> None:
    head = head_of(dropout=0.5)
    batch = batch_of([4, 2], [[(0, 1, "ORG")], [(1, 1, "PER")]])
    assert head.train()(**batch)["loss"] != head(**batch)["loss"]
    assert head.eval()(**batch)["loss"] == head(**batch)["loss"]


def test_training_does_not_decode_and_prediction_needs_no_targets() -> None:
    head = head_of()
    batch = batch_of([4, 2], [[(0, 1, "ORG")], [(1, 1, "PER")]])
    assert head.train()(**batch).keys() == {"loss"}
    assert head.eval()(batch["encoding"], batch["mask"]).keys() == {"predictions"}
    assert set(head.get_metrics().values()) == {0.0}


def test_a_batch_without_any_span_has_a_loss() -> None:
    head = head_of()
    batch = batch_of([2, 1], [[], []])
    assert batch["spans"].shape == (2, 0, 3)
    loss = head(**batch)["loss"]
    loss.backward()
    assert loss.item() > 0 and head._projection.weight.grad.any()


def test_labels_with_hyphens_and_numbers() -> None:
    labels = ("GEN-AFF", "B-2", "O")
    head = head_of(labels)
    spans = [(0, 1, "B-2"), (2, 2, "GEN-AFF"), (3, 4, "O")]
    tags = tag_numbers(spans, 6, labels)
    assert head._spans(tags) == spans
    logits = 20 * torch.nn.functional.one_hot(torch.tensor([tags]), 13).float()
    decoded, _ = head._crf.viterbi(logits, torch.ones(1, 6, dtype=torch.bool))
    assert decoded.tolist() == [tags]


def test_an_unknown_reduction_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="'sum' or 'mean', not 'max'"):
        head_of(loss_reduction="max")


def test_a_vocabulary_without_labels_is_refused() -> None:
    message = r"task 'ner': no label in the vocabulary namespace 'other_labels' \(there are labels in: ner_labels\)"
    with pytest.raises(ConfigurationError, match=message):
        head_of(label_namespace="other_labels")


def test_a_namespace_with_padding_is_refused() -> None:
    """Its entries for padding and unknown tokens would become labels that can be predicted."""
    vocab = Vocabulary(counter={"entities": {"PER": 1}})
    with pytest.raises(ConfigurationError, match="namespace 'entities' has entries for padding .* ends in 'labels'"):
        CrfHead(vocab, ENCODING_DIM, "ner", label_namespace="entities")


def test_scores_are_shares_of_all_valid_sequences() -> None:
    torch.manual_seed(1)
    head = head_of().eval()
    batch = batch_of([4, 1, 3], [[], [], []])
    batch["encoding"] *= 3
    output = head(**batch, with_scores=True)
    names = ["O"] + [f"{part}-{label}" for label in LABELS for part in "BILU"]
    logits = head._projection(batch["encoding"]).detach().double()
    weights = [w.detach().double() for w in (head._crf.start_transitions, head._crf.transitions)]
    end = head._crf.end_transitions.detach().double()
    num_spans = 0
    for row, length in enumerate([4, 1, 3]):
        shares: Dict[Tuple[int, int, str], float] = {}
        total = 0.0
        for path in itertools.product(range(len(names)), repeat=length):
            tags = [names[tag] for tag in path]
            spans = [(start, stop, label) for label, (start, stop) in _spans_or_nothing(tags)]
            if tag_names(spans, length) != tags:
                continue
            score = weights[0][path[0]] + end[path[-1]] + sum(logits[row, time, tag] for time, tag in enumerate(path))
            weight = math.exp(score + sum(weights[1][pair] for pair in zip(path, path[1:])))
            total += weight
            for span in spans:
                shares[span] = shares.get(span, 0.0) + weight
        expected = [shares[tuple(span)] / total for span in output["predictions"][row]]
        assert output["scores"][row] == pytest.approx(expected, abs=1e-5)
        num_spans += len(expected)
    assert num_spans > 1
    assert "scores" not in head(**batch)
    assert "scores" not in head.train()(**batch, with_scores=True)

"""The reference is a loop over the sentences, their candidate spans and the ordered pairs of these."""

import math
from itertools import permutations
from typing import Any, Dict, List, Optional, Sequence, Set, Tuple

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary
from allennlp.nn.util import bucket_values
from fake_device import FakeDevice
from workers import run_workers

from hmtl.common.devices import moved
from hmtl.document import Relation, Span
from hmtl.tasks import SpanRelationHead
from hmtl.tasks.relations.pairs import pairs_of
from hmtl.tasks.relations.span_relation_head import overlaps_relation
from hmtl.tasks.relations.span_relation_reader import signature

TYPES = ["PHYS", "PER-SOC", "ART"]
EMD, NER = ["PER", "LOC"], ["person", "city"]
ALL = [*EMD, *NER]
DIM = 4
LENGTHS = [6, 1, 5]
Bounds = Tuple[int, int]
# In the first sentence a pair has two types; its arguments and those of the third nest and touch.
RELATIONS = [
    [Relation((0, 1), (3, 4), "PHYS"), Relation((0, 1), (3, 4), "ART"), Relation((3, 4), (3, 3), "ART")],
    [],
    [Relation((2, 3), (0, 1), "PER-SOC")],
]
MENTIONS = [
    [Span(0, 1, "PER"), Span(3, 4, "LOC"), Span(5, 5, "never predicted")],
    [Span(0, 0, "PER")],
    [Span(2, 3, "PER")],
]
# What the nearest level finds, with labels of EMD, and the one below, with labels of NER.
PREDICTED = [
    [[Span(0, 1, "LOC"), Span(2, 2, "PER")], [], [Span(2, 3, "PER"), Span(4, 4, "LOC")]],
    [[Span(0, 1, "person")], [], [Span(0, 4, "city")]],
]


def vocabulary(mentions: bool = True) -> Vocabulary:
    counter = {"re_labels": {"PHYS": 3, "PER-SOC": 2, "ART": 1}}
    if mentions:
        counter["mention_labels"] = {"never predicted": 3, "PER": 2, "LOC": 1}
        counter["signature_labels"] = {signature("PER", "PHYS", "LOC"): 2, signature("PER", "PER-SOC", "PER"): 1}
    return Vocabulary(counter=counter)


def head_of(layers: Optional[Dict[str, List[str]]] = None, **options: Any) -> SpanRelationHead:
    layers = {"emd": EMD, "ner": NER} if layers is None else layers
    options = {"hidden_dim": 5, "feature_size": 2, "label_size": 3, "prior_probability": 0.5, **options}
    options = {"candidate_levels": list(layers), **options}
    return SpanRelationHead(vocabulary(), DIM, "re", layers, **options)


def padded(rows: List[List[Tuple[int, ...]]], width: int) -> torch.Tensor:
    longest = max(map(len, rows))
    rows = [row + [(-1,) * width] * (longest - len(row)) for row in rows]
    return torch.tensor(rows, dtype=torch.long).view(len(rows), longest, width)


def batch_of(lengths: List[int] = LENGTHS) -> Dict[str, Any]:
    mention_labels = ["never predicted", "PER", "LOC"]
    return {
        "encoding": torch.randn(len(lengths), max(lengths), DIM),
        "mask": torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1),
        "span_relations": padded([[(*a, *b, TYPES.index(x)) for a, b, x in row] for row in RELATIONS], 5),
        "span_mentions": padded([[(s, e, mention_labels.index(x)) for s, e, x in row] for row in MENTIONS], 3),
        "metadata": [{"relations": r, "mentions": m} for r, m in zip(RELATIONS, MENTIONS)],
        "predicted_spans": PREDICTED,
    }


def as_tensors(layers: List[List[List[Span]]]) -> List[torch.Tensor]:
    """As they come in training, with an empty row in between."""
    found = []
    for labels, rows in zip((EMD, NER), layers):
        found.append(padded([[(-1, -1, -1), *((s, e, labels.index(x)) for s, e, x in row)] for row in rows], 3))
    return found


def labels_of(row: int, bounds: Bounds) -> Set[str]:
    found = {span.label for layer in PREDICTED for span in layer[row] if span.bounds == bounds}
    of_mentions = {span.label for span in MENTIONS[row] if span.bounds == bounds}
    return found or (of_mentions & set(ALL))


def candidates_of(row: int) -> List[Bounds]:
    found = {span.bounds for layer in PREDICTED for span in layer[row]} | {span.bounds for span in MENTIONS[row]}
    return sorted(found | {argument for relation in RELATIONS[row] for argument in relation[:2]})


def found_in(row: int) -> List[Bounds]:
    return sorted({span.bounds for layer in PREDICTED for span in layer[row]})


def logits_of(head: SpanRelationHead, encoding: torch.Tensor, pair: Tuple[Bounds, Bounds], labels: Any) -> torch.Tensor:
    """The scores of one ordered pair, shape (num_types,); `labels` are those of both arguments."""
    representations = []
    for (start, end), of_span in zip(pair, labels):
        inside = head._inside(encoding[start : end + 1]).amax(0)
        width = head._width_embedding(bucket_values(torch.tensor(end - start + 1), num_total_buckets=10))
        parts = [encoding[start], encoding[end], inside, width]
        if head._label_embedding is not None:
            # One column of the weight a label.
            columns = [head._label_embedding.weight[:, ALL.index(label)] for label in sorted(of_span)]
            parts.append(sum(columns, torch.zeros(head._label_embedding.weight.size(0))))
        representations.append(torch.cat(parts))
    earlier, later = sorted(pair)
    between = encoding[earlier[1] + 1 : later[0]]
    hidden = head._arg1_projection(representations[0]) + head._arg2_projection(representations[1])
    if len(between):
        hidden = hidden + head._between(between).amax(0)
    distance = later[0] - earlier[1] - 1
    bucket = 0 if distance < 0 else 1 + int(bucket_values(torch.tensor(distance), num_total_buckets=10))
    number = bucket + (11 if pair[0] < pair[1] else 0)
    hidden = hidden + head._distance_embedding.weight[number]
    return head._type_projection(hidden.relu())


def overlap(one: Bounds, other: Bounds) -> bool:
    return bool(set(range(one[0], one[1] + 1)) & set(range(other[0], other[1] + 1)))


def loss_by_loop(
    head: SpanRelationHead, batch: Dict[str, Any], symmetric: Sequence[str] = (), ignore_overlapping: bool = False
) -> torch.Tensor:
    total = torch.zeros((), dtype=batch["encoding"].dtype)
    for row in range(len(LENGTHS)):
        for pair in permutations(candidates_of(row), 2):
            logits = logits_of(head, batch["encoding"][row], pair, [labels_of(row, bounds) for bounds in pair])
            for logit, label in zip(logits, TYPES):
                if label in symmetric and pair[0] > pair[1]:
                    continue
                near = [x for x in RELATIONS[row] if overlap(pair[0], x.arg1) and overlap(pair[1], x.arg2)]
                is_gold = Relation(*pair, label) in RELATIONS[row]
                if ignore_overlapping and not is_gold and label in {x.label for x in near}:
                    continue
                total = total - (logit if Relation(*pair, label) in RELATIONS[row] else -logit).sigmoid().log()
    return total


def gradients_of(loss: torch.Tensor, head: SpanRelationHead, batch: Dict[str, Any]) -> List[torch.Tensor]:
    found = torch.autograd.grad(loss, [batch["encoding"], *head.parameters()], allow_unused=True)
    return [torch.zeros(()) if each is None else each for each in found]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    "options",
    [{}, {"label_size": 0}, {"symmetric": ["ART"]}, {"ignore_overlapping": True}],
    ids=lambda options: next(iter(options), "defaults"),
)
def test_loss_and_gradients_are_those_of_a_loop(options: Dict[str, Any], training: bool) -> None:
    """Of all pairs of what is predicted, what is annotated and what is related, in training and outside."""
    head = head_of(**options, dropout=0.0, num_drawn_spans=0).double().train(training)
    batch = batch_of()
    batch["encoding"] = batch["encoding"].double().requires_grad_()
    if training:
        batch["predicted_spans"] = as_tensors(PREDICTED)
    loss = head(**batch)["loss"]
    reference = loss_by_loop(
        head, batch, options.get("symmetric", ()), ignore_overlapping="ignore_overlapping" in options
    )
    assert loss.item() == pytest.approx(reference.item(), rel=1e-9)
    for found, by_loop in zip(gradients_of(loss, head, batch), gradients_of(reference, head, batch)):
        torch.testing.assert_close(found, by_loop, rtol=1e-7, atol=1e-9)


def test_pairs_that_overlap_a_relation_may_be_left_out() -> None:
    """Of the first sentence three of the scores, which the loop finds by their tokens."""
    batch = batch_of()
    head = head_of(num_drawn_spans=0)
    spans = head._candidates_of(batch["mask"], batch["span_relations"], batch["span_mentions"], PREDICTED)
    pairs = pairs_of(spans.is_span)
    found = {
        (row, (s[first], e[first]), (s[second], e[second]), TYPES[number])
        for numbers in [overlaps_relation(spans, pairs, batch["span_relations"], 3).nonzero().tolist()]
        for pair, number in numbers
        for row, first, second in [tuple(int(column[pair]) for column in pairs)]
        for s, e in [(spans.starts[row].tolist(), spans.ends[row].tolist())]
    }
    gold = {(row, *relation) for row, relations in enumerate(RELATIONS) for relation in relations}
    assert gold < found
    assert {each for each in found - gold if each[0] == 0} == {
        (0, (0, 1), (3, 3), "PHYS"),
        (0, (0, 1), (3, 3), "ART"),
        (0, (3, 3), (3, 4), "ART"),
    }


def test_spans_are_those_of_the_nearest_level_or_of_the_levels_that_are_named() -> None:
    nearest = head_of(candidate_levels=None).eval()
    assert (nearest.span_levels, nearest.read_labels) == (["emd"], EMD)
    named = head_of(candidate_levels=["ner", "emd"])
    assert (named.span_levels, named.read_labels) == (["ner", "emd"], [*NER, *EMD])
    spans = nearest._candidates_of(batch_of()["mask"], None, None, PREDICTED[:1])
    assert spans.is_found.sum(1).tolist() == [len(row) for row in PREDICTED[0]]


def test_the_mean_is_over_sentences() -> None:
    batch = batch_of()
    heads = []
    for reduction in ("sum", "mean"):
        torch.manual_seed(1)
        heads.append(head_of(loss_reduction=reduction).eval())
    total, mean = (head(**batch) for head in heads)
    assert "loss_count" not in total and mean["loss_count"].item() == 3
    assert mean["loss"].item() == pytest.approx(total["loss"].item() / 3)


def test_drawn_spans_are_spans_of_the_sentence_and_come_again_with_the_seed() -> None:
    head = head_of(num_drawn_spans=40, max_drawn_width=3, dropout=0.0)
    mask = batch_of()["mask"]

    def drawn(seed: int) -> List[Set[Bounds]]:
        torch.manual_seed(seed)
        spans = head._candidates_of(mask, None, None, ())
        rows = zip(spans.starts.tolist(), spans.ends.tolist(), spans.is_span.tolist())
        assert not spans.is_found.any() and not spans.labels.any()
        return [{(s, e) for s, e, is_span in zip(*row) if is_span} for row in rows]

    assert drawn(1) == drawn(1)
    assert len({str(drawn(seed)) for seed in range(20)}) > 10
    for found, length in zip(drawn(1), LENGTHS):
        everything = {(s, e) for s in range(length) for e in range(s, min(length, s + 3))}
        assert found <= everything and len(found) > 0.6 * len(everything)
    head.eval()
    assert not head._candidates_of(mask, None, None, ()).is_span.any()


def test_drawn_spans_are_unrelated_pairs_of_the_loss() -> None:
    batch = batch_of()
    batch["predicted_spans"] = as_tensors(PREDICTED)
    losses = []
    for number in (0, 4):
        torch.manual_seed(1)
        head = head_of(num_drawn_spans=number, dropout=0.0)
        losses.append(head(**batch)["loss"].item())
    assert losses[1] > losses[0]


def test_an_update_waits_for_the_device_once() -> None:
    batch = batch_of()
    batch["predicted_spans"] = as_tensors(PREDICTED)
    with FakeDevice() as device:
        head = head_of(type_constraints="learned", symmetric=["ART"]).to(device.device)
        batch = moved(batch, device.device)
        device.take()
        head(**batch)["loss"].backward()
        assert [event.operation for event in device.take()] == ["nonzero"]


def decoded_by_loop(head: SpanRelationHead, batch: Dict[str, Any], threshold: float, row: int) -> Dict[Relation, float]:
    found = {}
    for pair in permutations(found_in(row), 2):
        logits = logits_of(head, batch["encoding"][row], pair, [labels_of(row, bounds) for bounds in pair])
        for logit, label in zip(logits.tolist(), TYPES):
            probability = 1 / (1 + math.exp(-logit))
            if probability >= threshold:
                found[Relation(*pair, label)] = probability
    return found


def finding(**options: Any) -> SpanRelationHead:
    """A head that finds some relations."""
    head = head_of(**options).eval()
    with torch.no_grad():
        head._type_projection.weight.mul_(4)
        head._type_projection.bias.fill_(0.3)
    return head


@pytest.mark.parametrize("with_targets", [False, True])
def test_predictions_relate_what_was_found_and_nothing_else(with_targets: bool) -> None:
    head, batch = finding(threshold=0.4), batch_of()
    inputs = batch if with_targets else {n: batch[n] for n in ("encoding", "mask", "predicted_spans")}
    output = head(**inputs, with_scores=True)
    for row in range(3):
        expected = decoded_by_loop(head, batch, 0.4, row)
        assert output["predictions"][row] == sorted(expected, key=lambda each: (*each[:2], TYPES.index(each.label)))
        assert output["scores"][row] == pytest.approx([expected[each] for each in output["predictions"][row]], abs=1e-5)
    assert sum(map(len, output["predictions"])) > 8


def test_without_spans_there_are_no_relations() -> None:
    batch = batch_of()
    for layers in ((), [[[], [], []], [[], [], []]]):
        output = finding()(encoding=batch["encoding"], mask=batch["mask"], predicted_spans=layers, with_scores=True)
        assert output == {"predictions": [[], [], []], "scores": [[], [], []]}


def test_symmetric_relations_begin_with_the_earlier_argument() -> None:
    torch.manual_seed(2)
    batch, without = batch_of(), finding(threshold=0.05)
    symmetric = finding(threshold=0.05, symmetric=["ART"])
    symmetric.load_state_dict(without.state_dict())
    for before, after in zip(without(**batch)["predictions"], symmetric(**batch)["predictions"]):
        assert after == [each for each in before if each.label != "ART" or each.arg1 < each.arg2]
        assert not before or after != before


@pytest.mark.parametrize(
    "constraints,allowed",
    [
        # In training PHYS joins PER and LOC, and PER-SOC two PER; ART was never seen between mentions.
        ("learned", {("PER", "PHYS", "LOC"), ("PER", "PER-SOC", "PER")}),
        ({"PHYS": [["PER", "LOC"], ["LOC", "LOC"]]}, {("PER", "PHYS", "LOC"), ("LOC", "PHYS", "LOC")}),
    ],
)
def test_types_forbid_relations(constraints: Any, allowed: Set[Tuple[str, str, str]]) -> None:
    torch.manual_seed(2)
    batch, without = batch_of(), finding(threshold=0.05)
    head = finding(threshold=0.05, type_constraints=constraints)
    head.load_state_dict(without.state_dict())
    declared = TYPES if constraints == "learned" else list(constraints)
    num_forbidden = 0
    for row, (before, after) in enumerate(zip(without(**batch)["predictions"], head(**batch)["predictions"])):
        expected = []
        for relation in before:
            # The labels of NER are none of the relations' training data: they forbid nothing.
            types = [[x for x in labels_of(row, bounds) if x in EMD] for bounds in relation[:2]]
            says_nothing = not types[0] or not types[1] or relation.label not in declared
            if says_nothing or any((a, relation.label, b) in allowed for a in types[0] for b in types[1]):
                expected.append(relation)
        assert after == expected
        num_forbidden += len(before) - len(after)
    assert num_forbidden > 1


def test_given_mentions_are_related_with_their_labels() -> None:
    head, batch = finding(gold_mentions=True, threshold=0.05), batch_of()
    related = {bounds for relation in head(**batch)["predictions"][0] for bounds in relation[:2]}
    assert related == {(0, 1), (3, 4), (5, 5)}
    # As if a level had found them with these labels.
    as_found = [[[span for span in row if span.label in EMD] for row in MENTIONS], [[], [], []]]
    batch["predicted_spans"] = as_found
    for name in ("span_mentions", "span_relations", "metadata"):
        batch.pop(name)
    without = finding(threshold=0.05)
    without.load_state_dict(head.state_dict())
    of_found = without(**batch)["predictions"][0]
    given = batch_of()
    given["encoding"] = batch["encoding"]
    assert [each for each in head(**given)["predictions"][0] if (5, 5) not in each[:2]] == of_found != []


def test_mentions_may_be_given_to_a_level_that_reads_none() -> None:
    head = SpanRelationHead(vocabulary(), DIM, "re", {}, gold_mentions=True)
    assert head.read_labels == ["never predicted", "PER", "LOC"]
    batch = batch_of()
    batch.pop("predicted_spans")
    head(**batch)["loss"].backward()
    with pytest.raises(ConfigurationError, match="level 're' reads no level that finds spans"):
        SpanRelationHead(vocabulary(), DIM, "re", {})


def test_scores_of_relations_and_their_types(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of four gold relations, and one that is none. One of the two has an argument whose type is wrong."""
    head = head_of().eval()
    predicted = [RELATIONS[0][0:1] + [Relation((0, 1), (2, 2), "ART")], [], RELATIONS[2]]
    monkeypatch.setattr(head, "_decoded", lambda *_: (predicted, []))
    batch = batch_of()
    batch["predicted_spans"] = [[*PREDICTED[0][:2], [Span(2, 3, "PER"), Span(0, 1, "LOC")]], PREDICTED[1]]
    batch["metadata"][2]["mentions"] = [Span(2, 3, "PER"), Span(0, 1, "LOC")]
    head(**batch)
    metrics = head.get_metrics(reset=True)
    assert (metrics["precision"], metrics["recall"]) == pytest.approx((2 / 3, 2 / 4))
    # (0, 1) of the first sentence is a PER and was found as LOC.
    assert (metrics["precision_typed"], metrics["recall_typed"]) == pytest.approx((1 / 3, 1 / 4))


def test_what_can_be_found() -> None:
    relations = [Relation((0, 1), (3, 4), "PHYS"), Relation((3, 4), (0, 1), "ART"), Relation((2, 2), (2, 2), "ART")]
    relations.append(Relation((0, 0), (1, 1), "never seen"))
    assert head_of().findable({"relations": relations}) == (2, 4)
    assert head_of(symmetric=["ART"]).findable({"relations": relations}) == (1, 4)


def test_another_reader_is_refused() -> None:
    batch = batch_of()
    batch["relations"] = batch.pop("span_relations")
    with pytest.raises(ConfigurationError, match="set the reader's type to 'hmtl_span_relations'"):
        head_of()(**batch)


@pytest.mark.parametrize(
    "options,message",
    [
        ({"type_constraints": "seen"}, "type_constraints must be 'learned' or name pairs of types, not seen"),
        ({"loss_reduction": "as_2018"}, "loss_reduction must be"),
        ({"prior_probability": "date"}, "prior_probability must be a number or 'data', not 'date'"),
        ({"candidate_levels": ["emd", "coref"]}, r"level 're': candidate_levels is \['emd', 'coref'\]; .*: emd, ner$"),
        ({"candidate_levels": ["emd", "emd"]}, "must name, each once, levels"),
        ({"candidate_levels": []}, r"candidate_levels is \[\]"),
        ({"candidate_levels": "emd"}, r"candidate_levels must be a list of names, such as \['emd'\], not 'emd'"),
        ({"symmetric": "ART"}, r"symmetric must be a list of names, such as \['ART'\], not 'ART'"),
        ({"type_constraints": {"ART": [["PER"]]}}, r"of 'ART' this is none: \['PER'\]"),
        ({"type_constraints": {"ART": ["PER", "LOC"]}}, "such as .*; of 'ART' this is none: 'PER'"),
        ({"hidden_dim": 0}, "hidden_dim is 0; it must be at least 1"),
        ({"max_drawn_width": 0}, "max_drawn_width is 0; it must be at least 1"),
        ({"num_drawn_spans": -1}, "num_drawn_spans is -1; it must be at least 0"),
        ({"label_size": -1}, "label_size is -1; it must be at least 0"),
    ],
)
def test_bad_options(options: Dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        head_of(**options)


def test_what_is_declared_and_never_seen_is_told(caplog: pytest.LogCaptureFixture) -> None:
    head_of(symmetric=["NEAR", "ART"], type_constraints={"FAR": [], "ART": [["PER", "DOG"]]})
    assert [record.getMessage() for record in caplog.records] == [
        "task 're': symmetric names what training never saw: NEAR; there are: ART, PER-SOC, PHYS",
        "task 're': type_constraints names what training never saw: FAR; there are: ART, PER-SOC, PHYS",
        "task 're': type_constraints names what training never saw: DOG; there are: LOC, PER, city, person",
    ]


def test_every_pair_starts_with_the_prior_probability() -> None:
    head = head_of(prior_probability=0.03).eval()
    with torch.no_grad():
        head._type_projection.weight.zero_()
    batch = batch_of()
    num_pairs = sum(len(candidates_of(row)) * (len(candidates_of(row)) - 1) for row in range(3))
    expected = -(num_pairs * 3 - 4) * math.log(0.99) - 4 * math.log(0.01)
    assert head(**batch)["loss"].item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("symmetric", [[], ["ART"]])
def test_relations_start_as_probable_as_they_are_between_gold_spans(symmetric: List[str]) -> None:
    """With no other weights the bias has no gradient then: the loss of all data is as small as it can be."""
    head, batch = head_of(prior_probability="data", symmetric=symmetric, num_drawn_spans=0), batch_of()
    assert head.starts_from_data
    head.start_from_data(batch["metadata"])
    # 4 * 3 + 2 * 1 pairs; of the two ART one is the wrong way round, and so are half of the pairs.
    of_art = 1 / 7 if symmetric else 2 / 14
    assert torch.allclose(head._type_projection.bias.sigmoid(), torch.tensor([1 / 14, 1 / 14, of_art]))
    with torch.no_grad():
        head._type_projection.weight.zero_()
    batch["predicted_spans"] = ()
    head.train()(**batch)["loss"].backward()
    assert torch.allclose(head._type_projection.bias.grad, torch.zeros(3), atol=1e-6)
    head.load_state_dict(head_of().state_dict())
    assert not head.starts_from_data and not head_of().starts_from_data


def test_a_type_without_a_pair_that_could_have_it_starts_below_all_others() -> None:
    head = head_of(prior_probability="data")
    relations = [Relation((0, 0), (1, 1), "PHYS"), Relation((1, 1), (1, 1), "ART")]
    head.start_from_data([{"relations": relations, "mentions": None}])
    assert torch.allclose(head._type_projection.bias.sigmoid(), torch.tensor([0.5, 0.25, 0.25]))


def test_weights_with_the_types_in_another_order() -> None:
    head, batch = finding(threshold=0.02), batch_of()
    other = finding(threshold=0.02)
    other.labels = ["ART", "PHYS", "PER-SOC"]
    other.load_state_dict(head.reordered(head.state_dict(), [TYPES.index(label) for label in other.labels]))
    inputs = {name: batch[name] for name in ("encoding", "mask", "predicted_spans")}
    predictions = head(**inputs)["predictions"]
    assert sum(map(len, predictions)) > 8
    for mine, others in zip(predictions, other(**inputs)["predictions"]):
        assert sorted(mine) == sorted(others)


def test_weights_with_the_labels_that_are_read_in_another_order() -> None:
    order = ["LOC", "PER"]
    head, other = (head_of({"emd": labels}, threshold=0.001).eval() for labels in (EMD, order))
    weights = head.read_in_another_order(head.state_dict(), [EMD.index(label) for label in order])
    batch = batch_of()
    inputs = {name: batch[name] for name in ("encoding", "mask")}
    other.load_state_dict(head.state_dict())
    expected, not_yet = (each(**inputs, predicted_spans=PREDICTED[:1], with_scores=True) for each in (head, other))
    other.load_state_dict(weights)
    found = other(**inputs, predicted_spans=PREDICTED[:1], with_scores=True)
    assert found["predictions"] == expected["predictions"] and sum(map(len, expected["predictions"])) > 8
    for mine, others, before in zip(found["scores"], expected["scores"], not_yet["scores"]):
        assert mine == pytest.approx(others)
        assert not others or before != pytest.approx(others)


def test_corpora_without_mentions_leave_the_vocabulary_as_it_is() -> None:
    vocab = vocabulary(mentions=False)
    head = SpanRelationHead(vocab, DIM, "re", {"emd": EMD}, type_constraints="learned", hidden_dim=5)
    assert head.read_labels == EMD and vocab.get_namespaces() == {"re_labels"}


def counted_on_a_worker() -> Dict[str, float]:
    """Each worker has other sentences."""
    torch.manual_seed(3)
    # No gold relation is between spans that are found.
    head, whole = finding(threshold=0.02, gold_mentions=True), batch_of()
    rows = [[0, 1], [2]][torch.distributed.get_rank()]
    part = {}
    for name, value in whole.items():
        if name == "predicted_spans":
            part[name] = [[layer[row] for row in rows] for layer in value]
        else:
            part[name] = [value[row] for row in rows] if isinstance(value, list) else value[rows]
    head(**part)
    return head.get_metrics()


def test_two_workers_count_as_one_process() -> None:
    torch.manual_seed(3)
    # No gold relation is between spans that are found.
    head, whole = finding(threshold=0.02, gold_mentions=True), batch_of()
    head(**whole)
    expected = head.get_metrics()
    assert expected["recall"] > 0 and expected["precision"] < 1
    assert run_workers(counted_on_a_worker) == [expected, expected]


def test_a_threshold_that_is_set_is_as_one_that_is_configured() -> None:
    heads = []
    for threshold in (0.02, 0.99):
        torch.manual_seed(3)
        heads.append(head_of(threshold=threshold, dropout=0.0).eval())
    low, high = heads
    assert low.threshold == pytest.approx(0.02) and high.threshold == pytest.approx(0.99)
    batch = batch_of()
    expected = low(**batch)["predictions"]
    assert expected != high(**batch)["predictions"]
    high.threshold = 0.02
    assert high(**batch)["predictions"] == expected

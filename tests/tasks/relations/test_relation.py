"""The references are loops over the pairs of tokens, one sentence at a time, in numpy and scikit-learn."""

from typing import Any, Dict, List, Tuple

import numpy as np
import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary
from sklearn.metrics import log_loss

from hmtl.document import Relation, Span
from hmtl.tasks import RelationHead

TYPES = ["PHYS", "PER-SOC", "ART"]
LENGTHS = [4, 1, 3]
# The second relation makes a pair of two types with the first; sentence 1 has none.
RELATIONS = [[(0, 2, "PHYS"), (0, 2, "ART"), (3, 1, "PER-SOC")], [], [(2, 0, "ART")]]
ENCODING_DIM = 5


def vocabulary() -> Vocabulary:
    return Vocabulary(counter={"relation_labels": {"PHYS": 3, "PER-SOC": 2, "ART": 1}})


def head_of(**options: Any) -> RelationHead:
    return RelationHead(vocabulary(), ENCODING_DIM, "relation", hidden_dim=4, **options)


def batch_of(lengths: List[int], relations: List[List[Tuple[int, int, str]]], width: int = 0) -> Dict[str, Any]:
    """Random encodings, also where there is padding; `width` is the padded length."""
    width = width or max(lengths)
    encoding = torch.randn(len(lengths), width, ENCODING_DIM)
    longest = max(1, *map(len, relations))
    rows = [[(i, j, TYPES.index(t)) for i, j, t in r] + [(-1, -1, -1)] * (longest - len(r)) for r in relations]
    return {
        "encoding": encoding,
        "mask": torch.arange(width) < torch.tensor(lengths).unsqueeze(1),
        "relations": torch.tensor(rows),
        "metadata": [{"relations": between_tokens(r)} for r in relations],
    }


def between_tokens(rows: List[Tuple[int, int, str]]) -> List[Relation]:
    return [Relation((i, i), (j, j), label) for i, j, label in rows]


def numpy_score(head: RelationHead, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """V relu(U h_i + W h_j + b) of one pair."""
    weights = {name: value.detach().double().numpy() for name, value in head.named_parameters()}
    hidden = (
        weights["_arg1_projection.weight"] @ first
        + weights["_arg2_projection.weight"] @ second
        + weights["_arg1_projection.bias"]
    )
    return weights["_type_projection.weight"] @ np.maximum(hidden, 0)


def probabilities(head: RelationHead, encoding: torch.Tensor, i: int, j: int) -> np.ndarray:
    vectors = encoding.double().numpy()
    return 1 / (1 + np.exp(-numpy_score(head, vectors[i], vectors[j])))


def pairs_of(length: int, with_self: bool = False) -> List[Tuple[int, int]]:
    return [(i, j) for i in range(length) for j in range(length) if with_self or i != j]


def test_labels_are_in_the_order_of_the_vocabulary() -> None:
    assert [vocabulary().get_token_from_index(i, "relation_labels") for i in range(3)] == TYPES


def test_scores_agree_with_the_formula() -> None:
    head = head_of()
    encoding = torch.randn(2, 4, ENCODING_DIM)
    scores = head.scores(encoding).detach().numpy()
    assert scores.shape == (2, 4, 4, 3)
    vectors = encoding.double().numpy()
    for sentence in range(2):
        for i, j in pairs_of(4, with_self=True):
            expected = numpy_score(head, vectors[sentence, i], vectors[sentence, j])
            np.testing.assert_allclose(scores[sentence, i, j], expected, atol=1e-6)


@pytest.mark.parametrize("with_self", [False, True])
@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_loss_is_that_of_the_real_pairs(reduction: str, with_self: bool) -> None:
    head = head_of(loss_reduction=reduction, allow_self_relations=with_self)
    batch = batch_of(LENGTHS, RELATIONS)
    targets, predicted = [], []
    for row, length in enumerate(LENGTHS):
        for i, j in pairs_of(length, with_self):
            targets += [(i, j, label) in RELATIONS[row] for label in TYPES]
            predicted += probabilities(head, batch["encoding"][row], i, j).tolist()
    expected = log_loss(targets, predicted, normalize=reduction == "mean", labels=[False, True])
    assert head(**batch)["loss"].item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("with_self", [False, True])
def test_loss_of_2018_counts_pairs_that_are_none_as_undecided(with_self: bool) -> None:
    """See tests/faithful, too."""
    head = head_of(loss_reduction="as_2018", allow_self_relations=with_self)
    batch = batch_of(LENGTHS, RELATIONS)
    targets, predicted = [], []
    for row, length in enumerate(LENGTHS):
        real = pairs_of(length, with_self)
        for i, j in pairs_of(max(LENGTHS), with_self=True):
            targets += [(i, j, label) in RELATIONS[row] for label in TYPES]
            predicted += probabilities(head, batch["encoding"][row], i, j).tolist() if (i, j) in real else [0.5] * 3
    assert head(**batch)["loss"].item() == pytest.approx(100 * log_loss(targets, predicted), rel=1e-5)


def test_a_relation_of_a_token_with_itself_is_a_target_only_where_allowed() -> None:
    batch = batch_of([2], [[(1, 1, "PHYS")]])
    without = batch_of([2], [[]])
    without["encoding"] = batch["encoding"]
    for allowed in (False, True):
        head = head_of(loss_reduction="sum", allow_self_relations=allowed)
        difference = head(**batch)["loss"] - head(**without)["loss"]
        # -log p less -log (1 - p) is the negated logit.
        logit = head.scores(batch["encoding"])[0, 1, 1, 0]
        assert difference.item() == pytest.approx(-logit.item() if allowed else 0.0, abs=1e-5)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_padding_changes_nothing(reduction: str) -> None:
    head = head_of(loss_reduction=reduction, threshold=0.45).eval()
    narrow, wide = batch_of(LENGTHS, RELATIONS), batch_of(LENGTHS, RELATIONS, width=9)
    wide["encoding"][:, :4] = narrow["encoding"]
    first, second = head(**narrow), head(**wide)
    assert first["predictions"] == second["predictions"]
    assert any(first["predictions"])
    torch.testing.assert_close(first["loss"], second["loss"])


def test_sentences_of_one_token_alone_have_no_pair() -> None:
    output = head_of().eval()(**batch_of([1, 1], [[], []]))
    assert output["loss"].item() == 0.0
    assert output["predictions"] == [[], []]


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.6])
@pytest.mark.parametrize("with_self", [False, True])
def test_predictions_are_the_pairs_from_the_threshold_on(threshold: float, with_self: bool) -> None:
    head = head_of(threshold=threshold, allow_self_relations=with_self).eval()
    batch = batch_of(LENGTHS, RELATIONS, width=6)
    expected = [
        between_tokens(
            [
                (i, j, label)
                for i, j in pairs_of(length, with_self)
                for label, probability in zip(TYPES, probabilities(head, batch["encoding"][row], i, j))
                if probability >= threshold
            ]
        )
        for row, length in enumerate(LENGTHS)
    ]
    assert head(**batch)["predictions"] == expected
    assert any(expected)


def perfect_head() -> Tuple[RelationHead, torch.Tensor]:
    """A head that predicts (0, 1, PHYS), (0, 1, ART) and nothing else on the encodings that it comes with."""
    head = head_of().eval()
    encoding = torch.zeros(1, 3, ENCODING_DIM)
    encoding[0, 0, 0] = encoding[0, 1, 1] = 1.0
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.zero_()
        # Hidden unit 0 is 1 where i is token 0 and j is token 1; unit 1 is always 1.
        head._arg1_projection.weight[0, 0] = 1.0
        head._arg2_projection.weight[0, 1] = 1.0
        head._arg1_projection.bias[0] = -1.0
        head._arg1_projection.bias[1] = 1.0
        head._type_projection.weight[:, 1] = -1.0
        head._type_projection.weight[0, 0] = head._type_projection.weight[2, 0] = 3.0
    return head, encoding


def test_metrics_by_hand() -> None:
    head, encoding = perfect_head()
    batch = batch_of([3, 3, 3], [[(0, 1, "PHYS"), (0, 1, "ART"), (2, 0, "ART")], [], [(0, 1, "PHYS"), (1, 0, "PHYS")]])
    batch["encoding"] = encoding.expand(3, -1, -1)
    assert head(**batch)["predictions"] == [between_tokens([(0, 1, "PHYS"), (0, 1, "ART")])] * 3
    metrics = head.get_metrics(reset=True)
    # 3 correct of 6 predicted, 5 gold; without the sentence in the middle, of 4 predicted.
    assert metrics["precision"] == pytest.approx(3 / 6)
    assert metrics["recall"] == pytest.approx(3 / 5)
    assert metrics["f1"] == pytest.approx(6 / 11)
    # All arguments are single tokens, so that there is no difference; and no gold mention says a type.
    for name in ("precision", "recall", "f1"):
        assert metrics[f"{name}_last_tokens"] == metrics[name] and f"{name}_typed" not in metrics
    assert metrics["f1_last_tokens_sentences_with_relations"] == pytest.approx(6 / 9)
    assert set(head.get_metrics().values()) == {0.0}


# Token 1 ends two spans of the lower level and one of the upper; no span ends at token 0.
LOWER = [Span(0, 1, "ORG"), Span(1, 1, "PER"), Span(1, 2, "GPE")]
UPPER = [Span(2, 2, "ANY")]


@pytest.mark.parametrize(
    "layers, arg2",
    [([], (1, 1)), ([[UPPER], [LOWER]], (0, 1)), ([[[Span(1, 1, "X")]], [LOWER]], (1, 1)), ([[[]], [[]]], (1, 1))],
)
def test_an_argument_is_the_longest_span_of_the_first_layer_that_ends_there(layers: Any, arg2: Tuple[int, int]) -> None:
    head, encoding = perfect_head()
    output = head(encoding, torch.ones(1, 3, dtype=torch.bool), predicted_spans=layers)
    assert output["predictions"] == [[Relation((0, 0), arg2, "PHYS"), Relation((0, 0), arg2, "ART")]]


def test_the_three_figures_by_hand() -> None:
    """The head finds the types PHYS and ART between tokens 0 and 1 of each sentence."""
    head, encoding = perfect_head()
    head.span_labels = {"PER", "ORG"}
    spans = [Span(0, 0, "PER"), Span(0, 1, "ORG")]
    gold = [
        # Both right; both with another left bound; the second has another type of its second argument; no gold.
        [Relation((0, 0), (0, 1), "PHYS"), Relation((0, 0), (0, 1), "ART")],
        [Relation((0, 0), (1, 1), "PHYS"), Relation((0, 0), (1, 1), "ART")],
        [Relation((0, 0), (0, 1), "PHYS"), Relation((0, 0), (1, 1), "PHYS")],
        [],
    ]
    mentions = [
        [Span(0, 0, "PER"), Span(0, 1, "ORG")],
        [Span(0, 0, "PER"), Span(1, 1, "ORG")],
        # An entity with two types is right with either.
        [Span(0, 0, "PER"), Span(0, 0, "GPE"), Span(0, 1, "PER")],
        [],
    ]
    batch = batch_of([3] * 4, [[(0, 1, "PHYS"), (0, 1, "ART")]] * 2 + [[(0, 1, "PHYS")], []])
    batch["encoding"] = encoding.expand(4, -1, -1)
    batch["metadata"] = [{"relations": rows, "mentions": typed} for rows, typed in zip(gold, mentions)]
    output = head(**batch, predicted_spans=[[spans] * 4])
    assert output["predictions"] == [gold[0]] * 4
    metrics = head.get_metrics()
    # Of 8 predictions 3 are right, of 6 gold relations; by last tokens 5, of 5, since two gold ones are the same there.
    expected = {
        "precision": 3 / 8, "recall": 3 / 6, "f1": 6 / 14,
        "precision_last_tokens": 5 / 8, "recall_last_tokens": 5 / 5, "f1_last_tokens": 10 / 13,
        "precision_typed": 2 / 8, "recall_typed": 2 / 6, "f1_typed": 4 / 14,
        "f1_last_tokens_sentences_with_relations": 10 / 11,
    }  # fmt: skip
    assert metrics == pytest.approx(expected)


def test_types_of_another_corpus_are_not_scored() -> None:
    head, encoding = perfect_head()
    batch = batch_of([3], [[(0, 1, "PHYS")]])
    batch["encoding"] = encoding
    batch["metadata"][0]["mentions"] = [Span(0, 0, "PER")]
    for labels, is_scored in ((None, False), ({"person"}, False), ({"person", "PER"}, True)):
        head.span_labels = labels
        head(**batch)
        assert ("f1_typed" in head.get_metrics(reset=True)) == is_scored


def test_what_can_be_found_of_gold() -> None:
    gold = [
        Relation((0, 1), (3, 3), "ART"),
        Relation((1, 1), (3, 3), "ART"),  # the last tokens and the type of another
        Relation((1, 1), (3, 3), "PHYS"),
        Relation((2, 3), (0, 1), "ART"),
        Relation((2, 3), (3, 3), "ART"),  # a token with itself
        Relation((1, 1), (0, 0), "NEW"),
    ]
    row = {"relations": gold}
    head, with_self = head_of(), head_of(allow_self_relations=True)
    # Without spans: of tokens 1 and 3, of either type.
    assert head.findable(row) == (2, 6)
    for each in (head, with_self):
        each.span_labels = {"PER"}
    assert head.findable(row) == (3, 6) and with_self.findable(row) == (4, 6)
    assert head.findable({"relations": []}) == (0, 0)


def test_gold_labels_unknown_to_the_vocabulary_count_as_missed() -> None:
    head, encoding = perfect_head()
    batch = batch_of([3], [[(0, 1, "PHYS"), (0, 1, "ART")]])
    batch["encoding"] = encoding
    batch["metadata"][0]["relations"] += between_tokens([(1, 2, "NEW"), (2, 1, "NEW")])
    head(**batch)
    assert head.get_metrics()["recall"] == pytest.approx(0.5)


def test_without_targets_there_are_predictions_alone() -> None:
    head = head_of().eval()
    batch = batch_of(LENGTHS, RELATIONS)
    assert head(batch["encoding"], batch["mask"]).keys() == {"predictions"}
    assert set(head.get_metrics().values()) == {0.0}


@pytest.mark.parametrize("max_pairs", [1, 20, 60])
def test_long_texts_are_decoded_in_parts(max_pairs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prediction without targets takes another way than evaluation, which scores the batch at once."""
    monkeypatch.setattr("hmtl.tasks.relations.relation.pairs_at_once", lambda device: max_pairs)
    sizes: List[int] = []
    head = head_of().eval()
    head._type_projection.register_forward_hook(lambda _, inputs, __: sizes.append(inputs[0].shape[:-1].numel()))
    lengths = [2, 7, 1, 4, 7, 3]
    batch = batch_of(lengths, [[] for _ in lengths], width=9)
    output = head(batch["encoding"], batch["mask"], with_scores=True)
    predictions = output["predictions"]
    # A token with all of its sentence is the least that is scored at once.
    assert max(sizes) <= max(max_pairs, 7) and sum(sizes) < 2 * sum(length**2 for length in lengths)
    whole = head(**batch, with_scores=True)
    assert predictions == whole["predictions"]
    for probabilities, expected in zip(output["scores"], whole["scores"]):
        assert probabilities == pytest.approx(expected, rel=1e-5)
    assert all(found for found, length in zip(predictions, lengths) if length > 1)


def test_training_does_not_decode() -> None:
    head = head_of().train()
    assert head(**batch_of(LENGTHS, RELATIONS)).keys() == {"loss", "loss_count"}
    assert set(head.get_metrics().values()) == {0.0}


def test_dropout_acts_in_training_alone() -> None:
    head = head_of(dropout=0.5)
    batch = batch_of(LENGTHS, RELATIONS)
    assert head.train()(**batch)["loss"] != head(**batch)["loss"]
    assert head.eval()(**batch)["loss"] == head(**batch)["loss"]


def test_gradients_reach_every_parameter() -> None:
    head = head_of()
    head(**batch_of(LENGTHS, RELATIONS))["loss"].backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in head.parameters())


def test_an_unknown_reduction_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="'mean', 'sum' or 'as_2018', not 'median'"):
        head_of(loss_reduction="median")


def test_a_vocabulary_without_types_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="task 'links': no label in the vocabulary namespace 'links_labels'"):
        RelationHead(vocabulary(), ENCODING_DIM, "links")


def test_every_relation_starts_with_the_prior_probability() -> None:
    head = head_of(prior_probability=0.01)
    with torch.no_grad():
        head._type_projection.weight.zero_()
    scores = head.scores(torch.randn(2, 3, head._arg1_projection.in_features))
    assert torch.allclose(scores.sigmoid(), torch.tensor(0.01))
    assert head_of()._type_projection.bias is None


def test_relations_start_as_probable_as_they_are_in_the_data() -> None:
    """With no other weights the bias has no gradient then: the loss of all data is as small as it can be."""
    head = head_of(prior_probability="data")
    batch = batch_of(LENGTHS, RELATIONS)
    rows = [{**row, "tokens": ["x"] * length} for row, length in zip(batch["metadata"], LENGTHS)]
    # Once by last tokens, and no relation of a token with itself.
    rows[0]["relations"] = [*rows[0]["relations"], Relation((0, 0), (1, 2), "PHYS"), Relation((1, 1), (1, 1), "PHYS")]
    assert head.starts_from_data
    head.start_from_data(rows)
    # 4 * 3 + 3 * 2 pairs.
    expected = torch.tensor([1 / 18, 1 / 18, 2 / 18])
    assert torch.allclose(head._type_projection.bias.sigmoid(), expected)
    with torch.no_grad():
        head._type_projection.weight.zero_()
    head.train()(**batch)["loss"].backward()
    assert torch.allclose(head._type_projection.bias.grad, torch.zeros(3), atol=1e-7)


def test_a_type_that_the_data_lack_starts_below_all_others() -> None:
    head = head_of(prior_probability="data")
    head.start_from_data([{"tokens": ["a", "b"], "relations": between_tokens([(0, 1, "PHYS"), (1, 0, "PHYS")])}])
    assert torch.allclose(head._type_projection.bias.sigmoid(), torch.tensor([0.5, 0.25, 0.25]))


def test_the_weights_of_a_trained_head_know_its_data() -> None:
    head = head_of(prior_probability="data")
    head.load_state_dict(head_of(prior_probability=0.1).state_dict())
    assert not head.starts_from_data and not head_of(prior_probability=0.1).starts_from_data


def test_a_prior_is_a_number_or_that_of_the_data() -> None:
    with pytest.raises(ConfigurationError, match="must be a number or 'data', not 'date'"):
        head_of(prior_probability="date")


@pytest.mark.parametrize("option", ["threshold", "prior_probability"])
def test_a_probability_outside_of_0_to_1_is_refused(option: str) -> None:
    with pytest.raises(ConfigurationError, match="must lie between 0 and 1"):
        head_of(**{option: 1.0})


@pytest.mark.parametrize("with_targets", [False, True])
def test_scores_are_the_probabilities_of_the_relations(with_targets: bool) -> None:
    head = head_of(threshold=0.4).eval()
    batch = batch_of(LENGTHS, RELATIONS)
    if not with_targets:
        del batch["relations"]
    output = head(**batch, with_scores=True)
    assert sum(map(len, output["predictions"])) > 3
    for row, (relations, scores) in enumerate(zip(output["predictions"], output["scores"])):
        expected = [
            probabilities(head, batch["encoding"][row], i, j)[TYPES.index(label)] for (_, i), (_, j), label in relations
        ]
        assert scores == pytest.approx(expected, abs=1e-6)
    assert "scores" not in head(**batch)
    assert "scores" not in head.train()(**batch, with_scores=True)

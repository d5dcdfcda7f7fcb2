"""The references: torch's losses row by row, and distributions by hand."""

import pytest
import torch

from hmtl.tasks.labels.values import ExpectedNumber, Number, OneLabel, SeveralLabels, check_values
from hmtl.tasks.task_head import OptionError

LABELS = ["a", "b", "c"]
DIM = 4


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(3)


def test_the_loss_of_one_label_leaves_out_rows_whose_label_is_not_known():
    values = OneLabel(DIM, LABELS)
    scores = values(torch.randn(3, DIM))
    # The second row has a label that training never saw.
    output = values.loss(scores, torch.tensor([[[2]], [[-1]], [[0]]]), None)
    expected = -(scores[0].log_softmax(-1)[2] + scores[2].log_softmax(-1)[0]) / 2
    torch.testing.assert_close(output["loss"], expected)
    assert output["loss_count"] == 2
    # A batch of such rows has none.
    for unknown in (torch.full((3, 1, 1), -1), torch.zeros(3, 0, 1, dtype=torch.long)):
        empty = values.loss(scores, unknown, None)
        assert (empty["loss"].item(), empty["loss_count"].item()) == (0.0, 0.0)
    assert values.loss(scores, None, torch.zeros(3, 1)) == {}


def test_one_label_has_its_probability():
    values = OneLabel(DIM, LABELS)
    scores = torch.tensor([[0.0, 2.0, 0.0], [1.0, 0.0, 0.5]])
    decided = values.decide(scores)
    assert decided.values == [["b"], ["a"]]
    assert decided.scores[0] == pytest.approx([scores[0].softmax(-1)[1].item()])


def test_the_loss_of_several_labels_counts_each_once():
    values = SeveralLabels(DIM, LABELS)
    scores = values(torch.randn(2, DIM))
    output = values.loss(scores, torch.tensor([[[0], [2]], [[-1], [-1]]]), None)
    targets = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    shares = scores.sigmoid()
    expected = -(targets * shares.log() + (1 - targets) * (1 - shares).log()).sum() / 2
    torch.testing.assert_close(output["loss"], expected)
    assert output["loss_count"] == 2
    none = values.loss(scores, torch.zeros(2, 0, 1, dtype=torch.long), None)
    torch.testing.assert_close(none["loss"], -(1 - shares).log().sum() / 2)


def test_several_labels_are_those_that_reach_the_threshold():
    values = SeveralLabels(DIM, LABELS)
    scores = torch.tensor([[0.0, -0.1, 3.0], [-1.0, -1.0, -1.0]])
    assert values.decide(scores).values == [["a", "c"], []]
    strict = values.decide(scores, threshold_logit=1.0)
    assert strict.values == [["c"], []]
    assert strict.scores == [pytest.approx([torch.tensor(3.0).sigmoid().item()]), []]


def test_a_number_starts_at_the_mean():
    values = Number(DIM)
    values.start_from_data([[1.0], [2.0], [6.0]])
    features = torch.zeros(2, DIM)
    assert values.decide(values(features)).values == [[3.0], [3.0]]
    output = values.loss(values(features), None, torch.tensor([[5.0], [2.0]]))
    assert (output["loss"].item(), output["loss_count"].item()) == (pytest.approx((4 + 1) / 2), 2)


def test_the_sparse_distribution_of_a_number_is_that_of_tai_et_al():
    values = ExpectedNumber(DIM, 1, 5)
    numbers = torch.tensor([[1.0], [3.6], [5.0], [4.25], [0.2], [9.0]])
    expected = [
        [1, 0, 0, 0, 0],
        [0, 0, 0.4, 0.6, 0],
        [0, 0, 0, 0, 1],
        [0, 0, 0, 0.75, 0.25],
        # Beyond the range.
        [1, 0, 0, 0, 0],
        [0, 0, 0, 0, 1],
    ]
    torch.testing.assert_close(values.targets(numbers), torch.tensor(expected, dtype=torch.float))
    # The expected value of each is the number.
    torch.testing.assert_close(values.targets(numbers[:4]) @ values.steps, numbers[:4, 0])


def test_the_loss_of_an_expected_number_is_the_divergence():
    values = ExpectedNumber(DIM, 0, 5)
    scores = values(torch.randn(3, DIM))
    targets = values.targets(torch.tensor([[0.0], [2.5], [4.7]]))
    shares = scores.softmax(-1)
    rows = [sum(p * (p / q).log() for p, q in zip(row, of_row) if p > 0) for row, of_row in zip(targets, shares)]
    output = values.loss(scores, None, torch.tensor([[0.0], [2.5], [4.7]]))
    torch.testing.assert_close(output["loss"], sum(rows) / 3)
    assert output["loss_count"] == 3


def test_an_expected_number_lies_in_its_range():
    values = ExpectedNumber(DIM, 1, 5)
    assert values.decide(torch.zeros(1, 5)).values == [[pytest.approx(3.0)]]
    [[low], [high]] = values.decide(torch.tensor([[50.0, 0, 0, 0, 0], [0, 0, 0, 0, 50.0]])).values
    assert (low, high) == (pytest.approx(1.0), pytest.approx(5.0))


@pytest.mark.parametrize(
    "values, number_range, message",
    [
        ("word", None, "values must be 'label', 'labels', 'number', not 'word'"),
        ("label", [1, 5], "number_range is for the values 'number', not 'label'"),
        ("number", [5, 1], r"number_range is \[5, 1\]; expected two whole numbers"),
        ("number", [0.0, 1.0], "expected two whole numbers"),
        ("number", [1, 2, 3], "expected two whole numbers"),
    ],
)
def test_options_that_cannot_be_are_refused(values, number_range, message):
    with pytest.raises(OptionError, match=message):
        check_values(values, number_range)

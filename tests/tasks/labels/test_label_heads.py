"""The references: each row pooled and combined by itself."""

from typing import Any, Dict, List

import pytest
import torch
from allennlp.data import Vocabulary

from hmtl.tasks import LabelHead, PairHead
from hmtl.tasks.task_head import OptionError

LABELS = ["a", "b", "c"]
DIM = 6
LENGTHS = [5, 2, 4]


def vocab(labels: List[str] = LABELS) -> Vocabulary:
    return Vocabulary(counter={"x_labels": {label: len(labels) - n for n, label in enumerate(labels)}})


def label_head(**options: Any) -> LabelHead:
    return LabelHead(vocab(), DIM, "x", **options)


def pair_head(**options: Any) -> PairHead:
    return PairHead(vocab(), DIM, "x", **options)


def rows() -> Dict[str, Any]:
    torch.manual_seed(1)
    mask = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS).unsqueeze(1)
    return {"encoding": torch.randn(len(LENGTHS), max(LENGTHS), DIM), "mask": mask}


# Of each row the sentence of each token, in a batch of eight sentences, and which of its row's begins the second text.
SENTENCES = torch.tensor([[0, 0, 1, 2, 2], [3, 4, 0, 0, 0], [5, 6, 6, 7, 0]])
SECOND = torch.tensor([[1], [1], [2]])
# So many tokens has the first text of each row.
NUM_FIRST = [2, 1, 3]


def pairs() -> Dict[str, Any]:
    return {**rows(), "sentence_ids": SENTENCES, "second_text": SECOND}


def test_labels_of_rows():
    head = label_head(pooling="mean").eval()
    fields = rows()
    output = head(**fields, with_scores=True)
    for row, length in enumerate(LENGTHS):
        shares = head._values(fields["encoding"][row, :length].mean(0)).softmax(-1)
        assert output["predictions"][row] == [(LABELS[shares.argmax()],)]
        assert output["scores"][row] == [pytest.approx(shares.max().item())]
    assert "loss" not in output


def test_a_head_decodes_and_counts_outside_of_training_alone():
    head = label_head()
    fields = {**rows(), "target_labels": torch.tensor([[[0]], [[1]], [[2]]])}
    metadata = [{"labels": [(label,)]} for label in LABELS]
    output = head(**fields, metadata=metadata)
    assert output.keys() == {"loss", "loss_count"} and head.get_metrics()["accuracy"] == 0.0
    output = head.eval()(**fields, metadata=metadata)
    right = [items == row["labels"] for items, row in zip(output["predictions"], metadata)]
    assert head.get_metrics(reset=True)["accuracy"] == pytest.approx(sum(right) / 3)


def test_the_two_texts_of_a_pair_are_combined():
    head = pair_head(features=["second", "difference", "product", "first", "absolute_difference"], num_layers=0).eval()
    fields = pairs()
    output = head(**fields, with_scores=True)
    for row, (length, num_first) in enumerate(zip(LENGTHS, NUM_FIRST)):
        u, v = fields["encoding"][row, :num_first].amax(0), fields["encoding"][row, num_first:length].amax(0)
        shares = head._values(torch.cat([v, u - v, u * v, u, (u - v).abs()])).softmax(-1)
        bounds = (0, num_first - 1), (num_first, length - 1)
        assert output["predictions"][row] == [(*bounds, LABELS[shares.argmax()])]
        assert output["scores"][row] == [pytest.approx(shares.max().item())]


def test_a_row_that_is_no_pair_gets_nothing():
    head = pair_head().eval()
    # The first is a single text, the last one's second text has no token.
    fields = {**pairs(), "second_text": torch.tensor([[0], [1], [3]])}
    predictions = head(**fields, with_scores=True)
    assert [len(items) for items in predictions["predictions"]] == [0, 1, 0]
    assert [len(scores) for scores in predictions["scores"]] == [0, 1, 0]


def test_numbers_of_pairs():
    head = pair_head(values="number", number_range=[1, 5])
    assert (head.predicts, head.labels, head.threshold) == ("pair_numbers", [], None)
    fields = {**pairs(), "target_number": torch.tensor([[1.0], [2.5], [5.0]])}
    gold = [{"pair_numbers": [((0, 0), (1, 1), number)]} for number in (1.0, 2.5, 5.0)]
    head(**fields)["loss"].backward()
    output = head.eval()(**fields, metadata=gold, with_scores=True)
    assert "scores" not in output
    numbers = [items[0][-1] for items in output["predictions"]]
    expected = sum((number - row["pair_numbers"][0][-1]) ** 2 for number, row in zip(numbers, gold)) / 3
    assert head.get_metrics()["mse"] == pytest.approx(expected)
    assert head.findable(gold[0]) == (1, 1)


@pytest.mark.parametrize("make, fields", [(label_head, rows), (pair_head, pairs)], ids=["labels", "pairs"])
@pytest.mark.parametrize("values", ["label", "labels", "number"])
def test_losses_of_parts_add_up(make, fields, values):
    head, batch = make(values=values, num_layers=1), fields()
    if values == "number":
        batch["target_number"] = torch.tensor([[1.0], [4.0], [2.0]])
    else:
        batch["target_labels"] = torch.tensor([[[0], [1]], [[2], [-1]], [[-1], [-1]]])
    whole = head(**batch)
    parts = [head(**{name: value[part] for name, value in batch.items()}) for part in (slice(0, 1), slice(1, 3))]
    total = sum(part["loss"] * part["loss_count"] for part in parts)
    torch.testing.assert_close(total / sum(part["loss_count"] for part in parts), whole["loss"])


@pytest.mark.parametrize("make, fields", [(label_head, rows), (pair_head, pairs)], ids=["labels", "pairs"])
def test_labels_in_another_order(make, fields):
    old = make(num_layers=1, pooling="attention").eval()
    new = type(old)(vocab(["c", "a", "b"]), DIM, "x", num_layers=1, pooling="attention").eval()
    new.load_state_dict(old.reordered(old.state_dict(), [2, 0, 1]))
    assert new(**fields())["predictions"] == old(**fields())["predictions"]
    with torch.no_grad():
        old._values.projection.bias.add_(torch.tensor([0.0, 9.0, 0.0]))
    new.load_state_dict(old.reordered(old.state_dict(), [2, 0, 1]))
    assert {items[0][-1] for items in new(**fields())["predictions"]} == {"b"}


def test_a_threshold_is_for_several_labels():
    head = label_head(values="labels", threshold=0.3).eval()
    assert head.threshold == pytest.approx(0.3)
    head.threshold = 1e-6
    assert head(**rows())["predictions"][0] == [("a",), ("b",), ("c",)]
    assert label_head().threshold is None


def test_a_label_that_training_never_saw_cannot_be_found():
    head = label_head(values="labels")
    assert head.findable({"labels": [("a",), ("z",), ("c",)]}) == (2, 3)


@pytest.mark.parametrize(
    "make, options, message",
    [
        (label_head, {"scope": "word"}, "scope: 'word' is neither 'sentence' nor 'document'"),
        (label_head, {"encoder_scope": "document"}, "the rows are sentences"),
        (label_head, {"num_layers": -1}, "num_layers is -1"),
        (pair_head, {"features": ["sum"]}, r"features are \['sum'\]; expected some of: first, second"),
        (pair_head, {"features": []}, "features are"),
        (pair_head, {"values": "scale"}, "values must be"),
    ],
)
def test_options_that_cannot_be_are_refused(make, options, message):
    with pytest.raises(OptionError, match=message):
        make(**options)

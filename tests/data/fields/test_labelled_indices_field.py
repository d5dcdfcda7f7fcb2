from typing import Any

import pytest
import torch
from allennlp.data import Batch, Instance, Vocabulary
from allennlp.data.fields import ListField

from hmtl.data.fields import LabelledIndicesField
from hmtl.errors import UserError

ROWS, LABELS = [(0, 2), (4, 4)], ["PER", "ORG"]


def vocabulary() -> Vocabulary:
    return Vocabulary(counter={"ner_labels": {"ORG": 2, "PER": 1}})


def field_of(rows: Any = ROWS, labels: Any = LABELS, **options: Any) -> LabelledIndicesField:
    return LabelledIndicesField(rows, labels, "ner_labels", **options)


def test_tensor_with_padding() -> None:
    field = field_of()
    field.index(vocabulary())
    assert field.get_padding_lengths() == {"num_rows": 2}
    tensor = field.as_tensor({"num_rows": 4})
    assert tensor.dtype == torch.long
    assert tensor.tolist() == [[0, 2, 1], [4, 4, 0], [-1, -1, -1], [-1, -1, -1]]
    assert len(field) == 2


def test_labels_are_counted_for_the_vocabulary() -> None:
    instances = [Instance({"spans": field_of()}), Instance({"spans": field_of([(1, 1)], ["PER"])})]
    vocab = Vocabulary.from_instances(instances)
    assert vocab.get_token_to_index_vocabulary("ner_labels") == {"PER": 0, "ORG": 1}


def test_batches_of_unequal_and_empty_fields() -> None:
    batch = Batch([Instance({"spans": field_of()}), Instance({"spans": field_of([], [])})])
    batch.index_instances(vocabulary())
    assert batch.as_tensor_dict()["spans"].tolist() == [[[0, 2, 1], [4, 4, 0]], [[-1] * 3] * 2]
    nothing = Batch([Instance({"spans": field_of([], [])})])
    nothing.index_instances(vocabulary())
    assert nothing.as_tensor_dict()["spans"].shape == (1, 0, 3)


def test_unknown_labels_are_an_error_that_says_what_to_do() -> None:
    with pytest.raises(UserError) as raised:
        field_of(ROWS, ["PER", "CAT"]).index(vocabulary())
    message = str(raised.value)
    assert message.startswith("unknown label 'CAT' in namespace 'ner_labels', which knows: ORG, PER.")
    assert "vocabulary.tokens_to_add.ner_labels" in message and "allow_unknown_labels" in message


def test_unknown_labels_are_left_out_where_allowed() -> None:
    field = field_of([(0, 0), (1, 1), (2, 2)], ["CAT", "PER", "DOG"], allow_unknown=True)
    field.index(vocabulary())
    assert field.get_padding_lengths() == {"num_rows": 1}
    assert field.as_tensor({"num_rows": 2}).tolist() == [[1, 1, 1], [-1, -1, -1]]


def test_a_vocabulary_without_the_namespace() -> None:
    with pytest.raises(UserError, match="which knows: none"):
        field_of().index(Vocabulary())
    field = field_of(allow_unknown=True)
    field.index(Vocabulary())
    assert field.as_tensor({"num_rows": 0}).shape == (0, 3)


def test_indexing_again_follows_the_new_vocabulary() -> None:
    field = field_of()
    field.index(vocabulary())
    field.index(Vocabulary(counter={"ner_labels": {"PER": 2, "ORG": 1}}))
    assert field.as_tensor({"num_rows": 2}).tolist() == [[0, 2, 0], [4, 4, 1]]


def test_other_row_lengths() -> None:
    field = field_of([(0, 1, 2)], ["ORG"], row_length=3)
    field.index(vocabulary())
    assert field.as_tensor({"num_rows": 2}).tolist() == [[0, 1, 2, 0], [-1] * 4]


def test_inside_a_list_field() -> None:
    fields = ListField([field_of(), field_of([], [])])
    fields.index(vocabulary())
    assert fields.as_tensor(fields.get_padding_lengths()).shape == (2, 2, 3)
    empty = field_of().empty_field()
    assert len(empty) == 0 and empty.label_namespace == "ner_labels"


def test_fields_are_equal_when_their_contents_are() -> None:
    assert field_of() == field_of()
    assert field_of() != field_of(labels=["PER", "PER"])

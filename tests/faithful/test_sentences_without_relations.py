"""Flaw 1: sentences without relations are left out of RE, at test too, so that their false positives never count."""

from pathlib import Path
from typing import Dict, List

import pytest
import torch
from allennlp.data import Instance, Vocabulary

from hmtl.document import Document, Relation, write_jsonl
from hmtl.tasks import RelationHead, RelationReader

# The first sentence holds a relation; the second looks like one that does.
SENTENCES = [["from", "x", "to"], ["from", "to"], ["x", "x"]]
RELATIONS = [Relation((0, 0), (2, 2), "ROAD")]


def instances(folder: Path, **options: bool) -> List[Instance]:
    write_jsonl([Document("d", SENTENCES, {}, RELATIONS)], folder / "roads.jsonl")
    return list(RelationReader(**options).read(str(folder / "roads.jsonl")))


def head() -> RelationHead:
    """Predicts a relation from each `from` to each `to`: relu(is_from(i) + is_to(j) - 1) is 1 for these pairs alone."""
    vocab = Vocabulary(counter={"relation_labels": {"ROAD": 1}})
    head = RelationHead(vocab, encoding_dim=2, task_name="relation", hidden_dim=1, prior_probability=0.1)
    with torch.no_grad():
        head._arg1_projection.weight[:] = torch.tensor([[1.0, 0.0]])
        head._arg1_projection.bias[:] = -1.0
        head._arg2_projection.weight[:] = torch.tensor([[0.0, 1.0]])
        head._type_projection.weight[:] = 10.0
    return head.eval()


def metrics(read: List[Instance]) -> Dict[str, float]:
    scorer = head()
    for instance in read:
        metadata = instance.fields["metadata"].metadata
        encoding = torch.tensor([[[float(token == "from"), float(token == "to")] for token in metadata["tokens"]]])
        rows = [[arg1[1], arg2[1], 0] for arg1, arg2, _ in metadata["relations"]]
        relations = torch.tensor(rows, dtype=torch.long).reshape(1, -1, 3)
        scorer(encoding, torch.ones(1, encoding.size(1), dtype=torch.bool), relations, [metadata])
    return scorer.get_metrics()


def test_right_counts_the_false_positive(tmp_path: Path) -> None:
    read = instances(tmp_path)
    assert len(read) == 3
    found = metrics(read)
    # One of two predictions is correct, and the one relation is found: 2 * 1/2 * 1 / (1/2 + 1).
    assert found["precision"] == pytest.approx(1 / 2) and found["recall"] == pytest.approx(1)
    assert found["f1"] == pytest.approx(2 / 3)
    # The figure of 2018 stands beside it.
    assert found["f1_last_tokens_sentences_with_relations"] == pytest.approx(1)


def test_faithful_does_not_see_it(tmp_path: Path) -> None:
    read = instances(tmp_path, only_sentences_with_relations=True)
    assert len(read) == 1
    assert metrics(read)["precision"] == metrics(read)["f1"] == pytest.approx(1)

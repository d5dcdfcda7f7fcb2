"""A head whose labels are reordered is the same function of the same labels."""

import torch
from allennlp.data import Vocabulary

from hmtl.tasks import CrfHead, RelationHead
from hmtl.tasks.task_head import TaskHead

OLD, NEW = ["A", "B", "C"], ["C", "A", "B"]
ORDER = [OLD.index(label) for label in NEW]
DIM = 5


def vocabulary(labels):
    return Vocabulary(counter={"x_labels": {label: len(labels) - n for n, label in enumerate(labels)}})


def reordered(old: TaskHead, new: TaskHead) -> None:
    """Gives `old` weights that differ from one another, and `new` the same in its own order."""
    assert (old.labels, new.labels) == (OLD, NEW)
    for parameter in old.parameters():
        torch.nn.init.normal_(parameter)
    new.load_state_dict(old.reordered(old.state_dict(), ORDER))


def test_a_tagger():
    old, new = (CrfHead(vocabulary(labels), DIM, "x").eval() for labels in (OLD, NEW))
    reordered(old, new)
    encoding, mask = torch.randn(4, 7, DIM), torch.ones(4, 7, dtype=torch.bool)
    rows = [(0, 0, "A"), (1, 3, "B"), (4, 4, "C"), (5, 6, "A")]
    losses = []
    for head, labels in ((old, OLD), (new, NEW)):
        spans = torch.tensor([[(start, end, labels.index(label)) for start, end, label in rows]] * 4)
        losses.append(head(encoding, mask=mask, spans=spans)["loss"])
    # The normaliser sums over all tag sequences, so that every weight has its say.
    torch.testing.assert_close(losses[0], losses[1])
    assert old(encoding, mask=mask)["predictions"] == new(encoding, mask=mask)["predictions"]


def test_relations():
    old, new = (RelationHead(vocabulary(labels), DIM, "x", prior_probability=0.1).eval() for labels in (OLD, NEW))
    reordered(old, new)
    encoding = torch.randn(2, 6, DIM)
    torch.testing.assert_close(old.scores(encoding)[..., ORDER], new.scores(encoding))

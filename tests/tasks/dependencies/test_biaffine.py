"""The references: the paper's formulas, token by token, and all trees of short sentences."""

import itertools
import math
from typing import Any, Dict, List

import pytest
import torch
from allennlp.data import Vocabulary

from hmtl.corpora.dependencies import Dependency
from hmtl.tasks import BiaffineHead
from hmtl.tasks.task_head import OptionError

LABELS = ["nsubj", "root", "obj", "punct"]
DIM, LENGTHS = 6, [5, 2, 1]


def head_of(labels: List[str] = LABELS, **options: Any) -> BiaffineHead:
    counts = {label: len(labels) - number for number, label in enumerate(labels)}
    sizes = {"arc_dim": 4, "relation_dim": 3, "dropout": 0.0, **options}
    head = BiaffineHead(Vocabulary(counter={"dependencies_labels": counts}), DIM, "dependencies", **sizes)
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter)
    return head


def random_rows(lengths: List[int], num_labels: int = len(LABELS)) -> List[List[List[int]]]:
    """Rows of tokens; these heads need not be trees."""
    return [
        [
            [token, int(torch.randint(0, length + 1, ())), int(torch.randint(0, num_labels, ()))]
            for token in range(length)
        ]
        for length in lengths
    ]


def batch(rows: List[List[List[int]]], length: int = max(LENGTHS)) -> Dict[str, Any]:
    padded = [some + [[-1] * 3] * (length - len(some)) for some in rows]
    lengths = [1 + max(row[0] for row in some) for some in rows]
    return {
        "encoding": torch.randn(len(rows), length, DIM),
        "mask": torch.arange(length) < torch.tensor(lengths).unsqueeze(1),
        "dependencies": torch.tensor(padded),
    }


def relu(linear: Any, vector: torch.Tensor) -> torch.Tensor:
    (layer,) = linear._linear_layers
    return (layer.weight @ vector + layer.bias).clamp(min=0)


def arc_score(head: BiaffineHead, dependent: torch.Tensor, above: torch.Tensor) -> torch.Tensor:
    """h_dep^T U h_head + u^T h_head (Dozat and Manning 2017, equation 5)."""
    one, other = relu(head._arc_dependent, dependent), relu(head._arc_head, above)
    return one @ head._arc_weight[:-1] @ other + head._arc_weight[-1] @ other


def relation_scores(head: BiaffineHead, dependent: torch.Tensor, above: torch.Tensor) -> torch.Tensor:
    """For each relation h_head^T U h_dep + w^T (h_dep + h_head) + b (equation 8)."""
    one, other = relu(head._relation_dependent, dependent), relu(head._relation_head, above)
    weights = head._relation_weight
    bilinear = torch.stack([one @ weight[:-1, :-1] @ other for weight in weights])
    return bilinear + weights[:, :-1, -1] @ one + weights[:, -1, :-1] @ other + weights[:, -1, -1]


def heads_of(head: BiaffineHead, encoding: torch.Tensor, token: int, length: int) -> List[torch.Tensor]:
    """The log-probabilities of the heads of a token: of the root, the first token, and so on; never itself."""
    scores = [arc_score(head, encoding[token], head._root)]
    scores += [arc_score(head, encoding[token], encoding[other]) for other in range(length)]
    scores[token + 1] = torch.tensor(-math.inf)
    return torch.stack(scores).log_softmax(0)


def test_the_loss_is_that_of_the_paper_token_by_token():
    head, rows = head_of(), random_rows(LENGTHS)
    for some, length in zip(rows, LENGTHS):
        for row in some:
            # A token cannot be its own head.
            row[1] = 0 if length == 1 else row[1] if row[1] != row[0] + 1 else 0
    fields = batch(rows)
    losses = []
    for encoding, some, length in zip(fields["encoding"], rows, LENGTHS):
        for token, above, relation in some:
            vector = head._root if above == 0 else encoding[above - 1]
            losses.append(
                -heads_of(head, encoding, token, length)[above]
                - relation_scores(head, encoding[token], vector).log_softmax(0)[relation]
            )
    output = head(**fields)
    assert output["loss_count"] == sum(LENGTHS)
    torch.testing.assert_close(output["loss"], torch.stack(losses).mean())
    assert "predictions" not in output


def test_a_token_whose_relation_is_not_known_is_no_target():
    head, rows = head_of(), [[[0, 0, 1], [1, 1, 0], [2, 1, 2]]]
    fields = batch(rows, length=3)
    whole = head(**fields)
    fields["dependencies"] = torch.tensor([[rows[0][0], rows[0][2], [-1] * 3]])
    fewer = head(**fields)
    assert (whole["loss_count"], fewer["loss_count"]) == (3, 2)
    encoding = fields["encoding"][0]
    missing = -heads_of(head, encoding, 1, 3)[1] - relation_scores(head, encoding[1], encoding[0]).log_softmax(0)[0]
    torch.testing.assert_close(3 * whole["loss"] - 2 * fewer["loss"], missing)


def test_a_batch_without_targets_has_no_loss():
    fields = batch(random_rows(LENGTHS))
    fields["dependencies"] = torch.full((3, 1, 3), -1)
    output = head_of()(**fields)
    assert (output["loss"].item(), output["loss_count"].item()) == (0.0, 0.0)
    output["loss"].backward()


def test_predictions_are_the_best_trees_and_scores_their_probabilities():
    head, fields = head_of(["nsubj", "obj"]).eval(), batch(random_rows([4, 2, 1], 2), length=4)
    output = head(**fields, with_scores=True)
    for encoding, length, arcs, scores in zip(fields["encoding"], [4, 2, 1], output["predictions"], output["scores"]):
        log_probabilities = [heads_of(head, encoding, token, length).detach() for token in range(length)]
        best = max(
            (heads for heads in itertools.product(range(length + 1), repeat=length) if is_tree(heads)),
            key=lambda heads: sum(float(row[above]) for row, above in zip(log_probabilities, heads)),
        )
        assert [(arc.token, arc.head + 1) for arc in arcs] == list(enumerate(best))
        for arc, score in zip(arcs, scores, strict=True):
            vector = head._root if arc.head < 0 else encoding[arc.head]
            relations = relation_scores(head, encoding[arc.token], vector).softmax(0)
            assert arc.label == ["nsubj", "obj"][int(relations.argmax())]
            probability = log_probabilities[arc.token][arc.head + 1].exp() * relations.max()
            assert score == pytest.approx(probability.item(), abs=1e-6)


def is_tree(heads: Any) -> bool:
    def leads_up(token: int) -> bool:
        for _ in heads:
            token = heads[token - 1] if token else 0
        return token == 0

    return list(heads).count(0) == 1 and all(map(leads_up, range(1, len(heads) + 1)))


def test_the_root_alone_has_the_relation_of_the_root():
    head = head_of().eval()
    with torch.no_grad():
        # By the weights every token would be an object, and the next best of all would be a root.
        head._relation_weight.zero_()
        head._relation_weight[:, -1, -1] = torch.tensor([0.0, 2.0, 3.0, 0.0])
    found = head(**batch(random_rows(LENGTHS)))["predictions"]
    assert {(arc.head < 0, arc.label) for arcs in found for arc in arcs} == {(True, "root"), (False, "obj")}


def test_a_treebank_of_single_words_has_no_other_relation():
    (arcs,) = head_of(["root"]).eval()(**batch(random_rows([2], 1), length=2))["predictions"]
    assert [arc.label for arc in arcs] == ["root", "root"] and is_tree([arc.head + 1 for arc in arcs])


def test_padding_changes_nothing():
    head, rows = head_of().eval(), random_rows(LENGTHS)
    fields = batch(rows)
    together = head(**fields, with_scores=True)
    for number, length in enumerate(LENGTHS):
        alone = head(
            encoding=fields["encoding"][number : number + 1, :length],
            mask=torch.ones(1, length).bool(),
            with_scores=True,
        )
        assert alone["predictions"][0] == together["predictions"][number]
        assert alone["scores"][0] == pytest.approx(together["scores"][number], abs=1e-6)


def test_metrics_count_gold_that_no_relation_of_training_fits():
    head = head_of().eval()
    fields = batch(random_rows([2]), length=2)
    (found,) = head(encoding=fields["encoding"], mask=fields["mask"])["predictions"]
    gold = [found[0], Dependency(1, found[1].head, "vocative")]
    fields["metadata"] = [{"dependencies": gold, "tokens": ["Go", "!"]}]
    head(**fields)
    metrics = head.get_metrics(reset=True)
    assert (metrics["uas"], metrics["las"], metrics["las_without_punctuation"]) == (1.0, 0.5, 1.0)
    assert head.findable(fields["metadata"][0]) == (1, 2)


def test_weights_of_reordered_labels_predict_the_same():
    head, order = head_of().eval(), [2, 0, 3, 1]
    other = head_of([LABELS[number] for number in order]).eval()
    other.load_state_dict(head.reordered(head.state_dict(), order))
    fields = batch(random_rows(LENGTHS))
    del fields["dependencies"]
    assert head(**fields)["predictions"] == other(**fields)["predictions"]


@pytest.mark.parametrize("options", [{"arc_dim": 0}, {"relation_dim": 0}, {"dropout": 1.0}])
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(OptionError, match=next(iter(options))):
        head_of(**options)

"""Dependency trees by biaffine scores of all arcs of a sentence."""

from typing import Any, Dict, List, Optional, Sequence, Tuple

import torch
from allennlp.data import Vocabulary
from allennlp.models.heads import Head
from torch.nn.functional import cross_entropy

from hmtl.common.devices import moved, on_host
from hmtl.corpora.dependencies import Dependency
from hmtl.metrics import DependencyScores
from hmtl.modules.dropout import Dropout
from hmtl.modules.feedforward import feedforward
from hmtl.modules.float32 import at_least_float32
from hmtl.tasks.dependencies.trees import best_trees
from hmtl.tasks.task_head import TaskHead, check_dropout, check_numbers, labels_of

_IGNORED = -1
# In Universal Dependencies the relation of the root, and of no other token.
ROOT_RELATION = "root"


@Head.register("hmtl_biaffine")
class BiaffineHead(TaskHead):
    """Scores each token, and the root, as the head of each other token, and the relations of these arcs (Dozat and
    Manning 2017, equations 4 to 9).

    Four networks of one layer make vectors of each token: as a dependent and as a head, of arcs and of relations. The
    root has a learned vector in the place of an encoding. The loss is the mean, over tokens, of the cross-entropy of
    the head among all tokens and the root, and that of the relation to the gold head.

    `predictions` holds one list of `Dependency`s a sentence, one for each token, in their order: the tree of the
    highest score with one root (see `best_trees`), with the likeliest relation of each arc. Where one of the relations
    is `root`, the root has this, and no other token does. The score of an arc is the probability of this head times
    that of the relation given the head, each by itself: that the arcs make a tree is not part of it. The metrics are
    those of `DependencyScores`, over the gold arcs of all tokens.

    # Parameters

    label_namespace : `str`, optional (default = `f"{task_name}_labels"`)
        The vocabulary namespace of the relations.
    arc_dim, relation_dim : `int`, optional (default = `256`, `100`)
        The sizes of the vectors; in the paper 500 and 100.
    dropout : `float`, optional (default = `0.33`)
        Dropout on the encoder's output and on these vectors.

    # Raises

    OptionError
        Where a size is below 1, or `dropout` is no such probability.
    """

    predicts = "dependencies"
    labels: List[str]
    why_not_findable = "have a relation that training never saw"

    def __init__(
        self,
        vocab: Vocabulary,
        encoding_dim: int,
        task_name: str,
        label_namespace: str = None,
        arc_dim: int = 256,
        relation_dim: int = 100,
        dropout: float = 0.33,
    ) -> None:
        super().__init__(vocab)
        check_numbers(1, arc_dim=arc_dim, relation_dim=relation_dim)
        check_dropout(dropout=dropout)
        self.labels = labels_of(vocab, label_namespace or f"{task_name}_labels", task_name)
        self._root = torch.nn.Parameter(torch.randn(encoding_dim) * encoding_dim**-0.5)
        self._arc_dependent = feedforward(encoding_dim, 1, arc_dim, dropout)
        self._arc_head = feedforward(encoding_dim, 1, arc_dim, dropout)
        self._relation_dependent = feedforward(encoding_dim, 1, relation_dim, dropout)
        self._relation_head = feedforward(encoding_dim, 1, relation_dim, dropout)
        # As in the paper's code, all arcs and relations are equally likely at first. The last row is what an arc from a
        # head is worth whatever the dependent.
        self._arc_weight = torch.nn.Parameter(torch.zeros(arc_dim + 1, arc_dim))
        # The last row and the last column are the weights of the one vector and of the other alone; where they meet,
        # the bias of the relation.
        self._relation_weight = torch.nn.Parameter(torch.zeros(len(self.labels), relation_dim + 1, relation_dim + 1))
        self._dropout = Dropout(dropout)
        self._scores = DependencyScores()

    def forward(  # type: ignore[override]
        self,
        encoding: torch.Tensor,
        mask: torch.Tensor,
        dependencies: Optional[torch.Tensor] = None,
        metadata: Optional[List[Dict[str, Any]]] = None,
        with_scores: bool = False,
        **unused: Any,
    ) -> Dict[str, Any]:
        """`dependencies` has shape (batch_size, num_tokens, 3), rows `(token, head, relation)`, padded with -1; the
        head 0 is the root, and n the n-th token."""
        encoding = self._dropout(encoding)
        root = self._root.to(encoding.dtype).expand(len(encoding), 1, -1)
        # Shape: (batch_size, length + 1, encoding_dim)
        with_root = torch.cat([root, encoding], dim=1)
        # Shape: (batch_size, length, length + 1)
        arcs = self._arc_logits(encoding, with_root, mask)
        # Shapes: (batch_size, length, relation_dim) and (batch_size, length + 1, relation_dim)
        dependents, heads = self._relation_dependent(encoding), self._relation_head(with_root)
        output: Dict[str, Any] = {}
        if dependencies is not None:
            gold_heads, gold_relations = _dense(dependencies, mask.size(1))
            # Shape: (batch_size, length, num_labels)
            relations = self._relation_logits(dependents, heads, gold_heads.clamp(min=0))
            total = sum(
                cross_entropy(logits.flatten(0, 1), gold.flatten(), ignore_index=_IGNORED, reduction="sum")
                for logits, gold in ((arcs, gold_heads), (relations, gold_relations))
            )
            count = (gold_heads != _IGNORED).sum().to(arcs.dtype)
            output.update(loss=total / count.clamp(min=1), loss_count=count)
        if not self.training:
            output.update(self._decoded(arcs, dependents, heads, mask, with_scores))
            if metadata is not None and dependencies is not None:
                gold = [row["dependencies"] for row in metadata]
                self._scores(output["predictions"], gold, [row["tokens"] for row in metadata])
        return output

    def get_metrics(self, reset: bool = False) -> Dict[str, float]:
        return self._scores.get_metric(reset)

    def findable(self, metadata: Dict[str, Any]) -> Tuple[int, int]:
        gold = metadata["dependencies"]
        return sum(arc.label in self.labels for arc in gold), len(gold)

    def reordered(self, weights: Dict[str, torch.Tensor], order: Sequence[int]) -> Dict[str, torch.Tensor]:
        return {**weights, "_relation_weight": weights["_relation_weight"][list(order)]}

    def _arc_logits(self, encoding: torch.Tensor, with_root: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """The logits of the heads of each token, in float32, under autocast too: of the root, of the first token, and
        so on. Those of padding and of the token itself are the lowest number.

        Shape: (batch_size, length, length + 1)
        """
        # Shapes: (batch_size, length, arc_dim) and (batch_size, length + 1, arc_dim)
        dependents, heads = map(at_least_float32, (self._arc_dependent(encoding), self._arc_head(with_root)))
        with torch.autocast(mask.device.type, enabled=False):
            logits = _with_one(dependents) @ self._arc_weight @ heads.transpose(1, 2)
        # Shape: (batch_size, 1, length + 1)
        is_head = torch.nn.functional.pad(mask, (1, 0), value=True).unsqueeze(1)
        itself = torch.eye(mask.size(1), mask.size(1) + 1, dtype=torch.bool, device=mask.device).roll(1, dims=1)
        return logits.masked_fill(~is_head | itself, torch.finfo(logits.dtype).min)

    def _relation_logits(self, dependents: torch.Tensor, heads: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
        """The logits of the relation of each token to one head, in float32, under autocast too.

        Shapes: (batch_size, length, relation_dim), (batch_size, length + 1, relation_dim) and (batch_size, length) ->
        (batch_size, length, num_labels)
        """
        # Shape: (batch_size, length, relation_dim)
        heads = heads.gather(1, chosen.unsqueeze(-1).expand(-1, -1, heads.size(-1)))
        dependents, heads = (_with_one(at_least_float32(vectors)) for vectors in (dependents, heads))
        with torch.autocast(dependents.device.type, enabled=False):
            return torch.einsum("bti,rij,btj->btr", dependents, self._relation_weight, heads)

    def _decoded(
        self,
        arcs: torch.Tensor,
        dependents: torch.Tensor,
        heads: torch.Tensor,
        mask: torch.Tensor,
        with_scores: bool,
    ) -> Dict[str, Any]:
        """`predictions` and, where they are wanted, `scores`."""
        known_arcs, known_mask = on_host(arcs.detach(), mask)
        lengths = known_mask.sum(-1).tolist()
        trees = best_trees(known_arcs.numpy(), lengths)
        # Shape: (batch_size, length)
        chosen = torch.zeros(mask.shape, dtype=torch.long)
        for row, tree in enumerate(trees):
            chosen[row, : len(tree)] = torch.from_numpy(tree)
        chosen = moved(chosen, arcs.device)
        relations = self._relation_logits(dependents, heads, chosen)
        if ROOT_RELATION in self.labels and len(self.labels) > 1:
            # Shape: (num_labels,)
            of_root = torch.arange(len(self.labels), device=arcs.device) == self.labels.index(ROOT_RELATION)
            relations = relations.masked_fill((chosen == 0).unsqueeze(-1) != of_root, float("-inf"))
        # Shape (each): (batch_size, length)
        probabilities, best = relations.softmax(-1).max(-1)
        if with_scores:
            probabilities = probabilities * arcs.softmax(-1).gather(2, chosen.unsqueeze(-1)).squeeze(-1)
        probabilities, best = on_host(probabilities, best)
        found: Dict[str, Any] = {
            "predictions": [
                [Dependency(token, head - 1, self.labels[label]) for token, (head, label) in enumerate(zip(tree, row))]
                for tree, row in zip((tree.tolist() for tree in trees), best.tolist())
            ]
        }
        if with_scores:
            found["scores"] = [row[:length] for row, length in zip(probabilities.tolist(), lengths)]
        return found


def _with_one(vectors: torch.Tensor) -> torch.Tensor:
    """The vectors with a 1 behind. Shape: (..., dim) -> (..., dim + 1)"""
    return torch.nn.functional.pad(vectors, (0, 1), value=1.0)


def _dense(dependencies: torch.Tensor, length: int) -> Tuple[torch.Tensor, torch.Tensor]:
    """The head and the relation of each token, -1 where there is none. Shape: (batch_size, num_tokens, 3) -> two of
    (batch_size, length)"""
    # Shape (each): (batch_size, num_tokens)
    tokens, heads, relations = dependencies.unbind(-1)
    # What pads the rows goes behind the last token, where it is cut off.
    tokens = tokens.masked_fill(tokens < 0, length)
    empty = dependencies.new_full((len(dependencies), length + 1), _IGNORED)
    return empty.scatter(1, tokens, heads)[:, :length], empty.scatter(1, tokens, relations)[:, :length]

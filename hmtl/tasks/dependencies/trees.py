"""The best dependency tree by the scores of its arcs: a maximum spanning arborescence with one root."""

from typing import List, Optional, Sequence, Tuple

import numpy as np


def best_trees(scores: np.ndarray, lengths: Sequence[int]) -> List[np.ndarray]:
    """For each sentence the tree whose arcs have the highest sum of scores, of all trees with exactly one root.

    Where the best heads of all tokens make such a tree, they are this tree. The others are found by the algorithm of
    Chu and Liu (1965) and Edmonds (1967), on scores by which a second root costs more than all other arcs together can
    bring: as every tree has a root, the best by these has one. AllenNLP's `decode_mst` knows no such limit, and takes
    tens of times as long, since it goes through the arcs in Python.

    # Parameters

    scores : `np.ndarray`
        The score of each head of each token: first that of being the root, then of the first token, and so on. What is
        not finite, as in a model that diverged, counts as 0, and a token is never its own head.
        Shape: (batch_size, length, length + 1)
    lengths : `Sequence[int]`
        The number of tokens of each sentence; what stands behind them is padding.

    # Returns

    The head of each token, for each sentence an array of integers: 0 is the root, n the n-th token. Shape (each):
    (length of the sentence,)
    """
    scores = np.where(np.isfinite(scores), scores, 0.0).astype(np.float64)
    tokens = np.arange(scores.shape[1])
    scores[:, tokens, tokens + 1] = -np.inf
    is_token = tokens < np.asarray(lengths)[:, None]
    # Padding is no head.
    scores[:, :, 1:][~np.broadcast_to(is_token[:, None, :], scores[:, :, 1:].shape)] = -np.inf
    # Shape: (batch_size, length)
    greedy = np.where(is_token, scores.argmax(-1), 0) if scores.shape[1] else np.zeros(scores.shape[:2], dtype=int)
    is_tree = _are_trees(greedy) & (((greedy == 0) & is_token).sum(-1) == 1)
    return [
        heads[:length] if found else _best_tree(of_sentence[:length, : length + 1])
        for heads, found, of_sentence, length in zip(greedy, is_tree, scores, lengths)
    ]


def _are_trees(heads: np.ndarray) -> np.ndarray:
    """Whether each row of heads leads from every token to the root. Shape: (batch_size, length) -> (batch_size,)"""
    # The root, in front of the tokens, is its own head. Shape: (batch_size, length + 1)
    ancestors = np.pad(heads, ((0, 0), (1, 0)))
    # Each step doubles how far up they are.
    for _ in range(heads.shape[1].bit_length()):
        ancestors = np.take_along_axis(ancestors, ancestors, axis=1)
    return (ancestors == 0).all(-1)


def _best_tree(scores: np.ndarray) -> np.ndarray:
    """The same for one sentence, whose scores are finite but for a token as its own head."""
    length = len(scores)
    if length == 0:
        return np.zeros(0, dtype=int)
    finite = scores[np.isfinite(scores)]
    # The root is node 0 and has no head. Shape: (length + 1, length + 1)
    scores = np.concatenate([np.full((1, length + 1), -np.inf), scores])
    # More than two trees with as many roots can differ by.
    scores[1:, 0] -= 1 + length * (finite.max() - finite.min())
    return _arborescence(scores)[1:]


def _arborescence(scores: np.ndarray) -> np.ndarray:
    """The head of each node in the arborescence of the highest score that has node 0 for its root.

    `scores` has a row for each node and a column for each of its heads. A node that is contracted out of a cycle stands
    in the place of the first of the cycle's nodes; the others are no longer looked at.
    """
    scores = scores.copy()
    alive = np.ones(len(scores), dtype=bool)
    # Of each contraction: the nodes of the cycle and their heads in it, which of them the best arc from each node
    # enters, and which of them the best arc to each node leaves.
    contracted: List[Tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []
    while True:
        heads = np.where(alive, scores.argmax(1), 0)
        cycle = _cycle(heads, alive)
        if cycle is None:
            break
        in_cycle = heads[cycle]
        # What it changes to enter the cycle at one of its nodes: another head in place of that in the cycle.
        # Shape: (cycle length, num_nodes)
        entering = scores[cycle] - scores[cycle, in_cycle][:, None]
        leaving = scores[:, cycle]
        contracted.append((cycle, in_cycle, entering.argmax(0), leaving.argmax(1)))
        first = cycle[0]
        scores[first] = entering.max(0)
        scores[:, first] = leaving.max(1)
        alive[cycle[1:]] = False
        scores[:, cycle[1:]] = -np.inf
        scores[first, first] = -np.inf
    for cycle, in_cycle, entered, left in reversed(contracted):
        first = cycle[0]
        outside = heads[first]
        # Arcs that leave the contracted node leave one of the cycle's.
        dependents = np.flatnonzero((heads == first) & alive)
        heads[dependents] = cycle[left[dependents]]
        heads[cycle] = in_cycle
        heads[cycle[entered[outside]]] = outside
        alive[cycle] = True
    return heads


def _cycle(heads: np.ndarray, alive: np.ndarray) -> Optional[np.ndarray]:
    """The nodes of a cycle; `None` where all heads lead to node 0."""
    state = np.where(alive, 0, -1).tolist()
    state[0] = -1
    parents = heads.tolist()
    for start in range(1, len(parents)):
        node = start
        while state[node] == 0:
            state[node] = start
            node = parents[node]
        if state[node] == start:
            cycle = [node]
            while parents[cycle[-1]] != node:
                cycle.append(parents[cycle[-1]])
            return np.array(cycle)
    return None

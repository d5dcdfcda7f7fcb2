"""The references: all trees of up to six tokens, and networkx for longer sentences."""

import itertools
from functools import lru_cache
from typing import List, Set, Tuple

import networkx
import numpy as np
import pytest

from hmtl.tasks.dependencies.trees import best_trees


def is_tree(heads: Tuple[int, ...]) -> bool:
    """Whether every token leads up to the root, and one alone is directly below it."""
    for token in range(1, len(heads) + 1):
        for _ in heads:
            token = heads[token - 1] if token else 0
        if token:
            return False
    return list(heads).count(0) == 1


@lru_cache(maxsize=None)
def all_trees(length: int) -> np.ndarray:
    """Shape: (num_trees, length)"""
    return np.array([heads for heads in itertools.product(range(length + 1), repeat=length) if is_tree(heads)])


def total(scores: np.ndarray, heads: np.ndarray) -> np.ndarray:
    """The sum of the arcs' scores of one tree, or of each of several."""
    return scores[np.arange(len(scores)), heads].sum(-1)


def random_scores(length: int, rng: np.random.Generator) -> List[np.ndarray]:
    """Scores with and without equals, and such that the root is the best head of all tokens, or of none."""
    normal, few = rng.normal(size=(length, length + 1)), rng.integers(0, 3, size=(length, length + 1)).astype(float)
    to_root, from_root = normal.copy(), normal.copy()
    to_root[:, 0] += 10
    from_root[:, 0] -= 10
    return [normal, 100 * normal, few, to_root, from_root]


def test_cayley_counts_the_trees() -> None:
    # Of n labelled nodes there are n^(n-1) rooted trees.
    assert [len(all_trees(length)) for length in range(1, 7)] == [length ** (length - 1) for length in range(1, 7)]


@pytest.mark.parametrize("length", range(1, 7))
def test_the_best_of_all_trees_with_one_root(length: int) -> None:
    rng, trees = np.random.default_rng(length), {tuple(heads) for heads in all_trees(length).tolist()}
    for _ in range(60):
        for scores in random_scores(length, rng):
            (heads,) = best_trees(scores[None], [length])
            assert tuple(heads.tolist()) in trees
            assert total(scores, heads) == pytest.approx(total(scores, all_trees(length)).max(), abs=1e-9)


def test_long_sentences_against_another_library() -> None:
    rng = np.random.default_rng(0)
    for length in (9, 14, 20):
        scores = rng.normal(size=(length, length + 1))
        graph = networkx.DiGraph()
        for token, head in itertools.product(range(1, length + 1), range(length + 1)):
            if token != head:
                # One root: a second one costs more than the others can bring.
                graph.add_edge(head, token, weight=scores[token - 1, head] - 1000 * (head == 0))
        reference = networkx.maximum_spanning_arborescence(graph)
        expected = sum(scores[token - 1, head] for head, token in reference.edges)
        (heads,) = best_trees(scores[None], [length])
        assert is_tree(tuple(heads.tolist()))
        assert total(scores, heads) == pytest.approx(expected)


def test_sentences_of_a_batch_are_decoded_as_they_are_alone() -> None:
    rng = np.random.default_rng(1)
    lengths = [4, 0, 7, 1, 12]
    # Padding has the highest scores of all.
    scores = np.full((5, 12, 13), 50.0)
    for row, length in enumerate(lengths):
        scores[row, :length, : length + 1] = rng.normal(size=(length, length + 1))
    together = best_trees(scores, lengths)
    for row, length in enumerate(lengths):
        (alone,) = best_trees(scores[row : row + 1, :length, : length + 1], [length])
        assert together[row].tolist() == alone.tolist()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_scores_of_a_model_that_diverged_still_give_trees(value: float) -> None:
    lost: Set[Tuple[int, ...]] = set()
    for length in (1, 2, 5, 40):
        (heads,) = best_trees(np.full((1, length, length + 1), value), [length])
        lost.add(tuple(heads.tolist()))
    assert all(map(is_tree, lost))


def test_the_scores_are_left_as_they_are() -> None:
    scores = np.random.default_rng(2).normal(size=(2, 5, 6))
    before = scores.copy()
    best_trees(scores, [5, 3])
    np.testing.assert_array_equal(scores, before)

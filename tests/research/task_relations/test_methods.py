"""The comparison of methods of advice, by hand and by independent computations."""

from itertools import permutations

import numpy as np
import pytest
from relation_study import TASKS, steeper_helps, write_study
from scipy.stats import spearmanr

from research.task_relations import methods
from research.task_relations.gradients.shared_inputs import Measurement
from research.task_relations.methods import Method
from research.task_relations.pair_data import read_pair_data

GAINS = {
    ("a", "b"): 1.0,
    ("a", "c"): 2.0,
    ("a", "d"): 3.0,
    ("b", "a"): -1.0,
    ("b", "c"): -2.0,
    ("b", "d"): -3.0,
    ("c", "a"): 5.0,
    ("c", "b"): 5.0,
}


def test_correlations_are_within_each_main_task():
    scores = {("a", "b"): 10.0, ("a", "c"): 30.0, ("a", "d"): 20.0}
    scores.update({("b", "a"): 0.3, ("b", "c"): 0.2, ("b", "d"): 0.1, ("c", "a"): 1.0, ("c", "b"): 2.0})
    # Of c there are two pairs only.
    assert methods.correlations(scores, GAINS) == pytest.approx({"a": 0.5, "b": 1.0})
    # Scores that are all alike say nothing, and what is not known is left out.
    assert methods.correlations({**scores, ("a", "c"): 10.0, ("a", "d"): 10.0}, GAINS).keys() == {"b"}
    del scores["b", "c"]
    assert methods.correlations(scores, GAINS).keys() == {"a"}


def test_the_interval_is_of_a_bootstrap_over_main_tasks():
    values = {"a": 0.1, "b": 0.5, "c": -0.2, "d": 0.9}
    found = methods.mean_and_interval(values)
    means = [np.mean(sample) for sample in np.stack(np.meshgrid(*[list(values.values())] * 4), -1).reshape(-1, 4)]
    assert found["rank_correlation"] == pytest.approx(0.325) and found["mains"] == 4
    # All 256 samples, in place of 10,000 random ones.
    assert [found["low"], found["high"]] == pytest.approx(np.percentile(means, [2.5, 97.5]), abs=0.03)
    assert methods.mean_and_interval({}) == {}


def test_what_usually_helps_is_learned_without_the_main_task():
    # pos helps everybody most; only names gains nothing from it.
    usually = {"pos": 9.0, "mwe": 5.0, "links": 2.0, "chunks": 1.0, "names": 0.0}
    gains = {(main, other): usually[other] for main, other in permutations(TASKS, 2)}
    gains["names", "pos"] = -50.0
    usual = methods.usual_method(gains).scores
    assert set(usual) == set(permutations(TASKS, 2))
    # Without names, pos is the best of three for each of the other three.
    assert usual["names", "pos"] == 1 and usual["names", "mwe"] == pytest.approx((0.5 + 0.5 + 1) / 3)
    # Without mwe, pos is the best of three for links and for chunks, and the worst for names.
    assert usual["mwe", "pos"] == pytest.approx(2 / 3)
    # Equal gains share a rank.
    assert methods.usual_method({("a", "b"): 1.0, ("a", "c"): 1.0, ("d", "b"): 3.0}).scores["d", "b"] == 0.5


def test_learned_methods_agree_with_the_advice_on_each_task(tmp_path):
    study = write_study(tmp_path, steeper_helps())
    data = read_pair_data([study])
    from research.task_relations.prediction import predict

    found = {method.name: method.scores for method in methods.learned_methods(data, TASKS)}
    for one in predict(data, "links", ["chunks", "pos"], samples=0):
        assert found["gain"]["links", one.auxiliary] == pytest.approx(one.gain)
        assert found["probability"]["links", one.auxiliary] == pytest.approx(one.probability)


MEASUREMENTS = [
    Measurement(share, source, target, affinity + share, cosine)
    for share in (0.0, 1.0)
    for source, target, affinity, cosine in (("x", "y", 0.1, 0.4), ("y", "x", 0.2, 0.5), ("x", "x", 9.0, 1.0))
] + [Measurement(0.0, "z", "x", -0.3, -0.1)]


def test_gradients_of_the_same_texts_stand_in_for_those_apart_where_there_are_some():
    found = {method.name: method.scores for method in methods.gradient_methods(MEASUREMENTS)}
    # The target is the main task.
    assert found["affinity-apart"] == {("y", "x"): 0.1, ("x", "y"): 0.2, ("x", "z"): -0.3}
    assert found["affinity-shared"] == {("y", "x"): 1.1, ("x", "y"): 1.2, ("x", "z"): -0.3}
    assert found["cosine-shared"]["x", "y"] == 0.5 and found["cosine-apart"]["x", "z"] == -0.1


def test_shares_are_compared_on_pairs_of_the_same_texts_alone():
    tasks = "pqrs"
    generator = np.random.default_rng(0)
    gains = {(main, other): float(generator.normal()) for main, other in permutations(tasks, 2)}
    measurements = [
        Measurement(share, source, target, gains[target, source] * (1 if share == 1 else -1), 0.0)
        for share in (0.0, 0.5, 1.0)
        for target, source in gains
    ]
    apart = [Measurement(0.0, "other", main, 5.0, 0.0) for main in tasks]
    rows = methods.shares_of([*measurements, *apart], {**gains, **{(main, "other"): 9.0 for main in tasks}})
    affinity = [row for row in rows if row["measure"] == "affinity"]
    assert [(row["share"], row["rank_correlation"]) for row in affinity] == [(0, -1), (0.5, -1), (1, 1)]
    assert all("rank_correlation" not in row for row in rows if row["measure"] == "cosine")


def test_grad_tag_ranks_by_subsets_and_by_the_pair():
    estimates = {"linear": {}, "network": {}}
    losses = {("a",): 1.0, ("a", "b"): 0.8, ("a", "c"): 1.1, ("a", "b", "c"): 0.5, ("a", "b", "d"): 0.7}
    losses.update({("a", "c", "d"): 0.3, ("a", "b", "c", "d"): 0.9})
    estimates["linear"] = {(subset, "a"): loss for subset, loss in losses.items()}
    found = {method.name: method for method in methods.grad_tag_methods(estimates)}
    assert found["grad-tag"].scores == pytest.approx({("a", "b"): -0.6, ("a", "c"): -0.4, ("a", "d"): -0.5})
    assert found["grad-tag-pair"].scores == pytest.approx({("a", "b"): 0.2, ("a", "c"): -0.1})
    assert "grad-tag-network" not in found
    assert found["grad-tag"].subset_score(("a", "c", "d"), "a") == -0.3


def test_a_method_of_pairs_scores_a_subset_by_their_mean():
    method = Method("m", "m", {("a", "b"): 1.0, ("a", "c"): 4.0}, ())
    assert method.subset_score(("a", "b", "c"), "a") == 2.5
    assert method.subset_score(("a", "b", "d"), "a") is None
    measured = {(("a", "b", "c"), "a"): 0.5, (("a", "b"), "a"): 0.4, (("a", "c"), "a"): 0.3, (("b", "c"), "b"): 0.1}
    found = methods.subset_correlations(method, measured)
    assert found == {"a": pytest.approx(spearmanr([2.5, 1.0, 4.0], [0.5, 0.4, 0.3]).statistic)}


def test_the_choice_among_methods_is_made_by_the_other_main_tasks():
    by_method = {"one": {"a": 0.9, "b": 0.1, "c": 0.2}, "two": {"a": 0.0, "b": 0.5, "c": 0.4}}
    # For a: one has 0.15 on b and c, two 0.45; for b: 0.55 and 0.2; for c: 0.5 and 0.25.
    assert methods.chosen_by_others(by_method) == {"a": 0.0, "b": 0.1, "c": 0.2}


def test_the_ceiling_is_the_mean_over_pairs_of_seeds():
    reversed_gains = {pair: -gain for pair, gain in GAINS.items()}
    assert methods.ceiling([GAINS, GAINS, reversed_gains]) == pytest.approx({"a": -1 / 3, "b": -1 / 3})


def test_more_subsets_make_better_surrogates():
    effects = {"a": 0.1, "b": 0.3, "c": -0.2, "d": 0.05, "e": 0.0}
    generator = np.random.default_rng(2)
    from itertools import combinations

    scores = {
        (subset, main): 0.5 + sum(effects[other] for other in subset if other != main) + generator.normal(0, 0.02)
        for size in (2, 3, 4)
        for subset in combinations(effects, size)
        for main in subset
    }
    gains = {(main, other): 100 * effects[other] for main, other in permutations(effects, 2)}
    rows = methods.surrogate_sizes(scores, gains, step=5, repeats=5, seed=1)
    assert [row["subsets"] for row in rows] == [5, 10, 15, 20, 25]
    assert rows[-1]["pairs"] > 0.9 and rows[0]["pairs"] < rows[-1]["pairs"]
    assert rows[-1]["held_out_subsets"] > 0.9

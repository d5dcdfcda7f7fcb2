import pytest
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError

from hmtl.training.task_samplers import ByValidationSampler, TaskSampler

NUM_BATCHES = {"ner": 5, "re": 3, "coref": 1}


def test_before_the_first_validation_tasks_are_uniform():
    assert ByValidationSampler().probabilities(NUM_BATCHES, epoch=0) == dict.fromkeys(NUM_BATCHES, 1 / 3)


def test_the_schedule_against_a_hand_worked_case():
    sampler = ByValidationSampler(references={"ner": 0.8, "re": 0.5, "coref": 0.6}, alpha=2.0, epsilon=0.25)
    sampler.end_epoch({"ner": 0.8, "re": 0.25, "coref": 0.0})
    # Shares of the references: 1, 1/2 and 0; weights 1 / 1.25, 1 / (0.25 + 0.25) and 1 / 0.25, that is 0.8, 2 and 4.
    expected = {"ner": 0.8 / 6.8, "re": 2 / 6.8, "coref": 4 / 6.8}
    assert sampler.probabilities(NUM_BATCHES, epoch=1) == pytest.approx(expected)


def test_what_is_above_its_reference_counts_as_reached():
    sampler = ByValidationSampler(references={"ner": 0.5, "re": 0.5, "coref": 0.5})
    sampler.end_epoch({"ner": 0.5, "re": 0.9, "coref": 0.7})
    assert sampler.probabilities(NUM_BATCHES, epoch=1) == pytest.approx(dict.fromkeys(NUM_BATCHES, 1 / 3))


def test_without_references_the_best_score_so_far_serves():
    sampler = ByValidationSampler(references={"coref": 0.4}, epsilon=1.0)
    sampler.end_epoch({"ner": 0.8, "re": 0.0, "coref": 0.4})
    # 're' has never been better than 0.
    assert sampler.probabilities(NUM_BATCHES, epoch=1) == pytest.approx(dict.fromkeys(NUM_BATCHES, 1 / 3))
    sampler.end_epoch({"ner": 0.4, "re": 0.1, "coref": 0.6})
    # Shares 1/2, 1 and 1; weights 2/3, 1/2 and 1/2.
    expected = {"ner": 0.4, "re": 0.3, "coref": 0.3}
    assert sampler.probabilities(NUM_BATCHES, epoch=2) == pytest.approx(expected)
    sampler.end_epoch({"ner": 0.2, "re": 0.1, "coref": 0.4})
    # 0.8 is still the best of 'ner', and 0.4 the reference of 'coref': shares 1/4, 1 and 1; weights 4/5, 1/2 and 1/2.
    assert sampler.probabilities(NUM_BATCHES, epoch=3)["ner"] == pytest.approx(0.8 / 1.8)


def test_a_sampler_that_loads_the_state_draws_the_same():
    sampler, resumed = ByValidationSampler({"ner": 0.9}), ByValidationSampler({"ner": 0.9})
    for scores in ({"ner": 0.3, "re": 0.5, "coref": 0.2}, {"ner": 0.5, "re": 0.1, "coref": 0.4}):
        sampler.end_epoch(scores)
    untouched = resumed.draw(dict.fromkeys(NUM_BATCHES, 50), epoch=2, seed=1)
    resumed.load_state_dict(sampler.state_dict())
    for scores in (None, {"ner": 0.6, "re": 0.3, "coref": 0.3}):
        if scores is not None:
            sampler.end_epoch(scores)
            resumed.end_epoch(scores)
        drawn = resumed.draw(dict.fromkeys(NUM_BATCHES, 50), epoch=2, seed=1)
        assert drawn == sampler.draw(dict.fromkeys(NUM_BATCHES, 50), epoch=2, seed=1) != untouched


def test_a_saved_state_does_not_change_with_the_sampler():
    sampler = ByValidationSampler()
    sampler.end_epoch({"ner": 0.3})
    state = sampler.state_dict()
    sampler.end_epoch({"ner": 0.4})
    assert state == {"scores": {"ner": 0.3}, "best": {"ner": 0.3}}


def test_from_a_configuration():
    params = Params({"type": "by_validation", "references": {"ner": 0.9}, "alpha": 2, "epsilon": 0.1})
    assert isinstance(TaskSampler.from_params(params), ByValidationSampler)


def heard(scores, **options):
    sampler = ByValidationSampler(**options)
    sampler.end_epoch(scores)
    return sampler.probabilities(NUM_BATCHES, epoch=1)


@pytest.mark.parametrize(
    "use, message",
    [
        (lambda: ByValidationSampler({"ner": 85.3}), "the reference of 'ner' is 85.3.*at most 1"),
        (lambda: ByValidationSampler({"ner": 0.0}), "the reference of 'ner' is 0.0"),
        (lambda: ByValidationSampler(epsilon=0.0), "epsilon above 0"),
        (lambda: ByValidationSampler(alpha=-1.0), "alpha must be at least 0"),
        (lambda: ByValidationSampler({"srl": 0.5}).probabilities(NUM_BATCHES, 0), r"references for \['srl'\]"),
        (lambda: heard({"ner": -2.5, "re": 0.1, "coref": 0.1}), "'ner' is -2.5.*not '-loss'"),
        (lambda: heard({"ner": float("nan"), "re": 0.1, "coref": 0.1}), "'ner' is nan"),
        (lambda: heard({"ner": 0.1}), "no validation score for coref, re"),
        (lambda: heard({}), "no validation score for any task"),
    ],
)
def test_what_cannot_be_used_is_refused(use, message):
    with pytest.raises(ConfigurationError, match=message):
        use()

import math

import pytest
from independent_calibration_error import error_bin_by_bin

from hmtl.metrics.calibration import expected_calibration_error, fitted_temperature, tempered


def test_the_calibration_error_is_that_of_the_definition():
    probabilities = [(number * 37 % 101) / 101 for number in range(400)]
    are_right = [(number * 53 % 97) / 97 < p**2 for number, p in enumerate(probabilities)]
    for num_bins in (1, 4, 15):
        expected = error_bin_by_bin(probabilities, are_right, num_bins)
        assert expected > 0.05
        assert expected_calibration_error(probabilities, are_right, num_bins) == pytest.approx(expected)
    assert expected_calibration_error(probabilities, are_right) == expected_calibration_error(
        probabilities, are_right, 15
    )


def test_the_calibration_error_by_hand():
    # One half of those in the bin from 0.8 to 1 is right, and all of those from 0.2 to 0.4.
    error = expected_calibration_error([0.9, 1.0, 0.25, 0.35], [True, False, True, True], num_bins=5)
    assert error == pytest.approx(0.5 * (0.95 - 0.5) + 0.5 * (1 - 0.3))


def test_the_end_of_a_bin_belongs_to_it_and_its_beginning_does_not():
    # Together in one bin they would cancel out: 0.5 is in the lower half.
    assert expected_calibration_error([0.5, 0.75], [True, False], num_bins=2) == pytest.approx(0.5 * (0.5 + 0.75))
    assert expected_calibration_error([0.0, 0.5], [True, False], num_bins=2) == pytest.approx(0.25)


def test_without_predictions_nothing_is_wrong():
    assert expected_calibration_error([], []) == 0
    assert fitted_temperature([], []) == 1


def test_a_temperature_divides_log_odds():
    # Odds of 9 to 1 become 3 to 1 by a temperature of 2.
    assert tempered(0.9, 2.0) == pytest.approx(0.75)
    assert tempered(0.1, 2.0) == pytest.approx(0.25)
    assert tempered(0.75, 0.5) == pytest.approx(0.9)
    assert tempered(0.3, 1.0) == pytest.approx(0.3)
    assert 0.99 < tempered(1.0, 2.0) < 1 and tempered(1.0, 1e-300) == 1.0


def test_three_quarters_that_are_called_nine_in_ten_get_a_temperature_of_two():
    assert fitted_temperature([0.9] * 8, [True] * 6 + [False] * 2) == pytest.approx(2, rel=1e-3)


def test_no_other_temperature_has_a_lower_loss():
    probabilities = [0.51 + 0.48 * (number * 37 % 101) / 101 for number in range(300)]
    are_right = [(number * 53 % 97) / 97 < 0.4 + 0.5 * p for number, p in enumerate(probabilities)]

    def loss(temperature):
        scores = [tempered(p, temperature) for p in probabilities]
        return -sum(math.log(s if right else 1 - s) for s, right in zip(scores, are_right))

    found = fitted_temperature(probabilities, are_right)
    best = min((math.exp(number / 200) for number in range(-300, 600)), key=loss)
    assert found == pytest.approx(best, rel=0.006) and found != pytest.approx(1, rel=0.1)
    assert loss(found) <= loss(best) + 1e-6


def test_what_is_always_right_has_the_lowest_temperature_and_what_is_worse_than_chance_the_highest():
    assert fitted_temperature([0.6, 0.7], [True, True]) == pytest.approx(1 / 20, rel=0.01)
    assert fitted_temperature([0.9, 0.9], [False, False]) == pytest.approx(20, rel=0.01)

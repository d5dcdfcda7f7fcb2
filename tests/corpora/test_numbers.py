import pytest

from hmtl.corpora.conll_columns import whole_number


@pytest.mark.parametrize(
    "cell, number",
    [
        ("0", 0),
        ("12", 12),
        ("007", 7),
        ("", None),
        ("-1", None),
        ("+1", None),
        (" 1", None),
        ("1_000", None),
        ("²", None),
        ("٣", None),
        ("9" * 18, 10**18 - 1),
        ("9" * 19, None),
        ("9" * 5000, None),
    ],
)
def test_ascii_digits_alone_are_a_number(cell, number):
    assert whole_number(cell) == number

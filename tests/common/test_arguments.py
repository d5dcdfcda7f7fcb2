import argparse

import pytest

from hmtl.common.arguments import at_least


@pytest.mark.parametrize("text", ["2", "7"])
def test_numbers_from_the_minimum_on_are_taken(text: str) -> None:
    assert at_least(2)(text) == int(text)


@pytest.mark.parametrize("text", ["1", "-3", "many", "2.5"])
def test_all_else_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=f"expected a number from 2, got {text}"):
        at_least(2)(text)

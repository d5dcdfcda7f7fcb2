"""Types of command-line arguments."""

import argparse
from typing import Callable


def at_least(minimum: int) -> Callable[[str], int]:
    """The type of whole numbers from `minimum` on, for `add_argument`."""

    def number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = minimum - 1
        if value < minimum:
            raise argparse.ArgumentTypeError(f"expected a number from {minimum}, got {text}")
        return value

    return number

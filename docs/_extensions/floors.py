"""The figure of the floors in docs/architecture.md, drawn from the contract that `make lint` checks.

`python docs/_extensions/floors.py` draws it again; tests/docs/test_architecture.py compares the page with the contract.
"""

import re
import tomllib
from pathlib import Path
from typing import List

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "architecture.md"
# The first block of text in the page.
FIGURE = re.compile(r"(?<=^```text\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
# What stands between the rooms of a floor: `|` where they do not import one another, `:` where they may.
WALLS = {"|": "│", ":": "┊"}
# The corners of a line between two floors, by whether a wall stands above it and below it.
_CORNERS = {(False, False): "─", (True, False): "┴", (False, True): "┬", (True, True): "┼"}


def floors() -> List[str]:
    """The floors of the contract, the highest first, each as `room | room`, without the name of the library."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    [layers] = [contract["layers"] for contract in contracts["contracts"] if contract["type"] == "layers"]
    return [layer.replace("hmtl.", "") for layer in layers]


def rooms(floor: str) -> List[str]:
    """The rooms of a floor, from left to right."""
    return re.split(r" [|:] ", floor)


def figure(layers: List[str]) -> str:
    """The floors one above the other, their rooms beside one another; ends with a line break."""
    width = max(map(len, layers))
    lines = [_centred(layer, width) for layer in layers]
    walls = [{column for column, character in enumerate(line) if character in WALLS} for line in lines]
    drawn = []
    for line, above, below in zip(lines, [set(), *walls], walls):
        drawn.append("├" + _border(width, above, below) + "┤")
        drawn.append("│" + "".join(WALLS.get(character, character) for character in line) + "│")
    first, last = drawn[0], _border(width, walls[-1], set())
    return "\n".join(["┌" + first[1:-1] + "┐", *drawn[1:], "└" + last + "┘"]) + "\n"


def _centred(floor: str, width: int) -> str:
    """A floor at the full width, whose rooms share what is left over."""
    names = rooms(floor)
    walls = re.findall(r" ([|:]) ", floor)
    spare, line = width + 2 - sum(len(name) + 3 for name in names) + 1, ""
    for number, name in enumerate(names):
        share = spare * (number + 1) // len(names) - spare * number // len(names)
        line += (walls[number - 1] if number else "") + f" {name} ".center(len(name) + 2 + share)
    return line


def _border(width: int, above: set, below: set) -> str:
    return "".join(_CORNERS[column in above, column in below] for column in range(width + 2))


def main() -> None:
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(FIGURE.sub(lambda _: figure(floors()), page, count=1), encoding="utf-8")


if __name__ == "__main__":
    main()

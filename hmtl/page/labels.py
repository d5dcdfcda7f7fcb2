"""What labels mean and which colours they have, the same on every page."""

import json
import math
import re
from functools import lru_cache
from importlib.resources import files
from typing import Any, Dict, Iterable

# Multiples of this angle, in degrees, stay apart from one another around the circle of hues.
GOLDEN_ANGLE = 137.508

# Wikidata's names of relations, of which there are too many for every page.
_PROPERTY = re.compile(r"p\d+")


@lru_cache(maxsize=None)
def known_labels() -> Dict[str, Dict[str, Any]]:
    """The labels of common corpora in lower case: each with a `meaning`, and maybe a `hue` and a `name` to show in its
    place. Labels of one meaning share a hue."""
    return json.loads((files("hmtl.page") / "assets" / "labels.json").read_text(encoding="utf-8"))


def glossary(labels: Iterable[str]) -> Dict[str, Dict[str, Any]]:
    """The known labels that a page with these needs: all that are words, and of Wikidata's properties those."""
    used = {label.lower() for label in labels}
    return {label: known for label, known in known_labels().items() if label in used or not _PROPERTY.fullmatch(label)}


def name_of(label: str) -> str:
    """The label itself, or what is shown in its place."""
    return known_labels().get(label.lower(), {}).get("name", label)


def meaning_of(label: str) -> str:
    """What a label means; empty where it is not known."""
    return known_labels().get(label.lower(), {}).get("meaning", "")


def hue_of(label: str) -> int:
    """The hue of a label in degrees of the OKLCH colour space, as `hueOf` of `assets/labels.js` computes it."""
    known = known_labels().get(label.lower(), {}).get("hue")
    if known is not None:
        return known
    number = 0
    for character in label:
        number = (number * 31 + ord(character)) % 360
    return _rounded(number * GOLDEN_ANGLE)


def hue_of_cluster(number: int) -> int:
    """The hue of a cluster, counted from 0."""
    return _rounded(25 + number * GOLDEN_ANGLE)


def _rounded(angle: float) -> int:
    # As JavaScript rounds. 360 is the hue of 0.
    return math.floor(angle % 360 + 0.5)

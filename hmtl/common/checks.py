"""What texts, labels and keys may not be, whatever format they come from."""

import difflib
import json
import math
import os
from functools import lru_cache
from itertools import islice, repeat
from pathlib import Path
from typing import Any, Iterable, List, Optional, Sequence, Tuple, Union

# How deeply metadata may be nested: whoever copies or writes them calls functions within functions.
MAX_DEPTH = 100
# What stands in a skeleton of CoNLL-2012 for each word.
SKELETON_WORD = "[WORD]"

_KNOWN_KEYS = ("doc_key", "sentences", "ner", "emd", "relations", "clusters")
# What other tools call them.
_OTHER_NAMES = {
    "coref": "clusters",
    "coreference": "clusters",
    "docid": "doc_key",
    "doc_id": "doc_key",
    "entities": "ner",
    "entity": "ner",
    "id": "doc_key",
    "sents": "sentences",
    "tokens": "sentences",
}
# The least similarity (`difflib`, from 0 to 1) of a misspelt key; `sentence` and `sentences` have 0.94.
_SIMILARITY = 0.8
# Of a folder, those that are looked through for a misspelt name.
_MAX_ENTRIES = 2000


def surrogate_fault(text: str) -> Optional[str]:
    """What is wrong with a text that holds half of a surrogate pair: it is no Unicode text and cannot be written."""
    if text.isascii():
        return None
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return f"character {error.start} of {text[:30]!r} is half of a surrogate pair; expected valid Unicode"
    return None


def label_fault(label: Any) -> Optional[str]:
    """What is wrong with a label, or `None`."""
    if not isinstance(label, str):
        return f"{shown(label)} is {type(label).__name__}; expected a text in quotes"
    if not label:
        return "an empty label; give it a name"
    if label != label.strip():
        # A vocabulary that is saved and read again would not have it.
        return f"{label!r} begins or ends in white space; remove that (a '\\r' is left of Windows line ends)"
    return surrogate_fault(label)


def labels_fault(labels: Any, num_sentences: int) -> Optional[str]:
    """What is wrong with the metadata `labels` of a document, see `hmtl.document.Document`, or `None`."""
    if not isinstance(labels, dict) or not set(labels) <= {"sentences", "document"}:
        return f'{shown(labels)}; expected {{"sentences": {{LAYER: [one a sentence]}}, "document": {{LAYER: one}}}}'
    for scope, layers in labels.items():
        if not isinstance(layers, dict):
            return f"'{scope}' is {shown(layers)}; expected an object with the layers"
        for layer, value in layers.items():
            place = f"the layer '{layer}' of '{scope}'"
            if scope == "document" and layer in labels.get("sentences", ()):
                return f"the layer '{layer}' is one of 'sentences' and of 'document'; rename one"
            if scope == "sentences" and (not isinstance(value, list) or len(value) != num_sentences):
                found = f"{len(value)} entries" if isinstance(value, list) else shown(value)
                return f"{place} must have an entry for each of the {num_sentences} sentences, found {found}"
            for entry in value if scope == "sentences" else [value]:
                fault = _entry_fault(entry)
                if fault:
                    return f"{place}: {fault}"
    return None


def _entry_fault(entry: Any) -> Optional[str]:
    """What is wrong with a label, several, or a number; `None` stands for what is not annotated."""
    if entry is None or (isinstance(entry, (int, float)) and not isinstance(entry, bool)):
        return None
    if not isinstance(entry, (str, list)):
        return f"{shown(entry)} is no label; expected a text, a list of texts, a number or null"
    return next(filter(None, map(label_fault, entry if isinstance(entry, list) else [entry])), None)


def sentence_fault(sentence: Sequence[Any]) -> Optional[str]:
    """What is wrong with the tokens of a sentence, or `None`."""
    if not sentence:
        return "is empty; remove it"
    if not all(map(isinstance, sentence, repeat(str))) or not all(sentence):
        return "holds a token that is not a non-empty string"
    joined = "\n".join(sentence)
    if not joined.isascii():
        for token in sentence:
            fault = surrogate_fault(token)
            if fault:
                return f"holds a broken token: {fault}"
    if "\r" in joined:
        return "holds a token with a carriage return, which is left of Windows line ends; remove it"
    if sentence[0] == SKELETON_WORD and all(token == SKELETON_WORD for token in sentence):
        return (
            f"is only '{SKELETON_WORD}' where the words should be, as in a skeleton of CoNLL-2012; fill them in from "
            "OntoNotes' release: hmtl prepare ontonotes --ldc-dir RELEASE --conll-dir SKELETONS"
        )
    return None


def metadata_fault(metadata: Any) -> Optional[str]:
    """Why metadata could not be written as JSON and be read again as what they are, or `None`."""
    # Not recursive: it looks for what is nested too deeply.
    waiting: List[Tuple[Any, int]] = [(metadata, 0)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, (list, dict)):
            if depth > MAX_DEPTH:
                return f"lists and objects within one another, more than {MAX_DEPTH} deep"
            if isinstance(value, dict):
                for key in value:
                    if not isinstance(key, str):
                        return f"the key {key!r} is {type(key).__name__}; expected a text"
                    waiting.append((key, depth))
            waiting.extend((inner, depth + 1) for inner in (value.values() if isinstance(value, dict) else value))
        elif isinstance(value, str):
            fault = surrogate_fault(value)
            if fault:
                return fault
        elif isinstance(value, float):
            if not math.isfinite(value):
                return f"{value} is no number of JSON's"
        elif value is not None and not isinstance(value, int):
            return f"a value of type {type(value).__name__}; expected one of JSON's"
    return None


def did_you_mean(name: str, known: Iterable[str], otherwise: str) -> str:
    """Advice on a name that nobody knows: the known one that is most like it, or else what `otherwise` says."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean '{close[0]}'?" if close else otherwise


def path_advice(path: Union[str, os.PathLike]) -> str:
    """Advice on a path that is not there, to stand behind what is said of it: the one that is meant, or nothing.

    A suffix that was forgotten is found, and folders and files that are misspelt.
    """
    parts = Path(path).parts
    place = Path()
    for part in parts:
        if not (place / part).exists():
            names = [entry.name for entry in islice(os.scandir(place), _MAX_ENTRIES)] if place.is_dir() else []
            # By what stands before the suffix; where several have it, the one with the same suffix is taken.
            stem, _, suffix = part.partition(".")
            by_stem = {
                name.partition(".")[0]: name
                for name in sorted(names, key=lambda name: (name.partition(".")[2] == suffix, name))
                if name[:1] != "."
            }
            close = difflib.get_close_matches(stem, by_stem, n=1, cutoff=_SIMILARITY)
            if not close:
                return ""
            part = by_stem[close[0]]
        place /= part
    return f"; did you mean '{place}'?" if parts and Path(path) != place else ""


def it_has(name: str, known: Iterable[str]) -> str:
    """What there is, and advice on a name that is not among it."""
    names = list(known)
    advice = did_you_mean(name, names, "")
    return f"it has: {', '.join(names) or 'none'}{advice and '; '}{advice}"


@lru_cache(maxsize=4096)
def known_key_like(key: str) -> Optional[str]:
    """The key of the layout that another key is meant for, if any: `relations` for `relation`."""
    lowered = key.lower()
    if key in _KNOWN_KEYS:
        return None
    if lowered in _OTHER_NAMES:
        return _OTHER_NAMES[lowered]
    return next(iter(difflib.get_close_matches(lowered, _KNOWN_KEYS, n=1, cutoff=_SIMILARITY)), None)


def shown(value: Any) -> str:
    """A value of JSON for a message: as a short text."""
    if isinstance(value, (list, dict)) and metadata_fault(value):
        return f"a {type(value).__name__} that is no JSON"
    text = json.dumps(value)
    return text if len(text) <= 100 else f"{text[:97]}..."

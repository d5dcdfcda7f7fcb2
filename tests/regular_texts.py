"""Documents of regular text: who works for what, and where that is. A model that learns at all learns these."""

import random
from pathlib import Path
from typing import Dict, List, Tuple

from hmtl.document import Document, Relation, Span, write_jsonl

_PEOPLE = (
    ["Mara", "Jon", "Ida", "Otto", "Lena", "Paul", "Nora", "Emil", "Vera", "Hugo"],
    ["Lind", "Berg", "Holm", "Falk", "Sand", "Krog", "Moe", "Ness", "Vik", "Dahl"],
)
_ORGANISATIONS = (
    ["Nordlys", "Vega", "Hollin", "Tarn", "Skov", "Elda", "Brise", "Kolm"],
    ["Bank", "Rail", "Press", "Energy", "Foods", "Labs"],
)
_PLACES = ["Oslo", "Bergen", "Rome", "Dublin", "Lyon", "Porto", "Ghent", "Turku", "Basel", "Krakow"]
# `p`, `o` and `l` stand for a person, an organisation and a place.
_SENTENCES: List[Tuple[str, List[Tuple[str, str, str]]]] = [
    ("p works for o in l .", [("p", "o", "WORKS-FOR"), ("o", "l", "LOCATED-IN")]),
    ("p lives in l .", [("p", "l", "LIVES-IN")]),
    ("Last year p joined o .", [("p", "o", "WORKS-FOR")]),
    ("o opened an office in l .", [("o", "l", "LOCATED-IN")]),
    ("The director of o , p , lives in l .", [("p", "o", "WORKS-FOR"), ("p", "l", "LIVES-IN")]),
    ("It rained all day in l .", []),
    ("p met the press .", []),
    ("Shares of o fell .", []),
]
_LABELS = {"p": "PERSON", "o": "ORG", "l": "PLACE"}


def regular_documents(number: int, seed: int, sentences_each: int = 5) -> List[Document]:
    """Documents whose entities (`ner`) and relations the sentences' patterns tell."""
    generator = random.Random(seed)
    documents = []
    for key in range(number):
        sentences: List[List[str]] = []
        spans: List[Span] = []
        relations: List[Relation] = []
        for pattern, related in generator.sample(_SENTENCES, sentences_each):
            offset = sum(map(len, sentences))
            sentences.append([])
            bounds: Dict[str, Tuple[int, int]] = {}
            for word in pattern.split():
                names = {
                    "p": [generator.choice(part) for part in _PEOPLE],
                    "o": [generator.choice(part) for part in _ORGANISATIONS],
                    "l": [generator.choice(_PLACES)],
                }.get(word)
                if names is not None:
                    start = offset + len(sentences[-1])
                    bounds[word] = (start, start + len(names) - 1)
                    spans.append(Span(*bounds[word], _LABELS[word]))
                sentences[-1].extend(names or [word])
            relations += [Relation(bounds[first], bounds[second], label) for first, second, label in related]
        documents.append(Document(f"{seed}-{key}", sentences, {"ner": spans}, relations).validate())
    return documents


def write_regular_corpus(folder: Path, train: int = 28, others: int = 6) -> Path:
    """`train.jsonl`, `dev.jsonl` and `test.jsonl` in a folder, which is returned."""
    for seed, (split, number) in enumerate([("train", train), ("dev", others), ("test", others)]):
        write_jsonl(regular_documents(number, seed), folder / f"{split}.jsonl")
    return folder

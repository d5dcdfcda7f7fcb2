"""Two tasks on a few sentences, for studies of seconds."""

import random
from pathlib import Path

from hmtl.document import Document, Span, write_jsonl
from research.task_relations.run.tasks import Tasks

WORDS = {"x": ["ant", "bee", "cat"], "y": ["red", "blue", "green"], "O": ["the", "of", "and", "so"]}


def tiny_tasks(folder: Path) -> Tasks:
    """The tasks `nouns`, of single words, and `pairs`, of two words that follow one another."""
    generator = random.Random(5)
    for split, number in (("train", 60), ("dev", 12), ("test", 6)):
        documents = [_document(f"{split}{n}", generator) for n in range(number)]
        write_jsonl(documents, folder / f"{split}.jsonl")
    return {
        name: {
            "reader": {"type": "hmtl_token_labels", "layer": name, "scheme": scheme, "allow_unknown_labels": True},
            "train": str(folder / "train.jsonl"),
            "validation": str(folder / "dev.jsonl"),
            "test": str(folder / "test.jsonl"),
        }
        for name, scheme in (("nouns", "plain"), ("pairs", "bio"))
    }


def _document(key: str, generator: random.Random) -> Document:
    kinds = [generator.choice(list(WORDS)) for _ in range(generator.randint(3, 9))]
    tokens = [generator.choice(WORDS[kind]) for kind in kinds]
    nouns = [Span(n, n, kind) for n, kind in enumerate(kinds) if kind != "O"]
    pairs = [Span(n, n + 1, "p") for n in range(len(kinds) - 1) if (kinds[n], kinds[n + 1]) == ("y", "x")]
    return Document(key, [tokens], spans={"nouns": nouns, "pairs": pairs})

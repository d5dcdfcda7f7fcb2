"""Two splits whose statistics are worked out by hand in the tests."""

import json
from pathlib import Path
from typing import List

from hmtl.document import Document, Relation, Span, write_jsonl

BO_SLEPT = [["Bo", "slept", "."]]


def training_documents() -> List[Document]:
    return [
        Document(
            "a",
            [["Ann", "Lee", "met", "Bo", "in", "Old", "Rome"], ["She", "left", "."]],
            {"ner": [Span(0, 1, "PER"), Span(3, 3, "PER"), Span(5, 6, "LOC"), Span(6, 6, "LOC")]},
            [
                Relation((0, 1), (5, 6), "LIVE"),
                Relation((6, 6), (3, 3), "NEAR"),
                Relation((5, 6), (6, 6), "LIVE"),
            ],
            [[(7, 7), (0, 1)], [(3, 3)], [(5, 6), (6, 6)]],
            {"genre": "tale"},
        ),
        Document("b", BO_SLEPT, {"ner": [Span(0, 0, "PER")]}),
    ]


def dev_documents() -> List[Document]:
    return [
        Document(
            "c",
            [["Ann", "Lee", "met", "Bo", "in", "Old", "Rome"], ["Rome", "sang", "."]],
            {"ner": [Span(0, 1, "PER"), Span(7, 7, "ORG"), Span(8, 8, "PER")]},
            [Relation((0, 1), (5, 6), "LIVE"), Relation((3, 3), (5, 6), "LIVE")],
        ),
        Document("d", BO_SLEPT),
    ]


def write_corpus(folder: Path) -> Path:
    write_jsonl(training_documents(), folder / "train.jsonl")
    write_jsonl(dev_documents(), folder / "dev.jsonl")
    return folder


def write_records(path: Path, *records: dict) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path

#!/usr/bin/env python
"""The strict F1 of relations from two files alone: what the predictor wrote, and the gold.

    python tests/independent_relation_f1.py PREDICTED GOLD [TASK]

PREDICTED holds the predictor's JSON lines, GOLD documents in the layout of DyGIE/SciERC with the same doc_keys. A
relation is right where the bounds of both arguments and its type are those of a gold one; equal ones count once.
"""

import json
import sys


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def predicted_relations(path, task):
    for text in lines(path):
        for row in text[task]:
            arguments = [(row[side]["start"], row[side]["end"]) for side in ("arg1", "arg2")]
            yield (text["doc_key"], *arguments, row["label"])


def gold_relations(path):
    for document in lines(path):
        for sentence in document["relations"]:
            for start1, end1, start2, end2, label, *_ in sentence:
                yield (document["doc_key"], (start1, end1), (start2, end2), label)


def strict_f1(predicted_path, gold_path, task="relation"):
    predicted, gold = set(predicted_relations(predicted_path, task)), set(gold_relations(gold_path))
    right = len(predicted & gold)
    return 2 * right / (len(predicted) + len(gold)) if right else 0.0


if __name__ == "__main__":
    print(strict_f1(*sys.argv[1:]))

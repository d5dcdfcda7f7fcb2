"""The small files of tests/fixtures/formats: what is in them, written by hand, and what has no place in a document."""

from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Tuple

from hmtl.alignment import Change

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "formats"

LETTER = ["Mara", "Lind", "works", "for", "Nordlys", "."]
WORKS = [0, 1, 4, 4, "works_for"]
NO_PLACE = "hmtl's documents have no place for it"


class Conversion(NamedTuple):
    """A file or folder, its format, the documents in the layout of DyGIE without text and places of tokens, and how
    many of what were dropped and changed, by reason."""

    path: str
    format: str
    documents: List[Dict[str, Any]]
    dropped: Dict[Tuple[str, str], int] = {}
    changed: Dict[Tuple[str, str], int] = {}
    text: str = ""  # of the first document


def one_each(layer: List[str], first: int = 0) -> List[List[Any]]:
    return [[number, number, label] for number, label in enumerate(layer, start=first)]


CONVERSIONS = [
    Conversion(
        "brat",
        "brat",
        [
            {
                "doc_key": "letter",
                "sentences": [
                    ["Mara", "Lind", "works", "for", "Nordlys", "in", "Oslo", "."],
                    ["She", "lives", "in", "New", "York", ",", "though", ".", "🙂"],
                    ["Café", "Mara", "is", "hers", "."],
                ],
                "ner": [
                    [[0, 1, "Person"], [4, 4, "Company"], [6, 6, "Place"]],
                    [[8, 8, "Person"], [11, 12, "Place"]],
                    [[17, 20, "Shop"], [17, 18, "Place"], [17, 18, "Shop"]],
                ],
                "relations": [[WORKS], [[8, 8, 11, 12, "lives_in"]], []],
                "clusters": [[[0, 1], [8, 8]]],
            },
            {
                "doc_key": "second/note",
                "sentences": [["Nothing", "here", "."]],
                "ner": [[]],
                "relations": [[]],
                "clusters": [],
            },
        ],
        {
            ("event", NO_PLACE): 1,
            ("attribute", NO_PLACE): 1,
            ("note", NO_PLACE): 1,
            ("relation", "its arguments lie in two sentences"): 1,
            ("document", "there is no .ann file beside its text"): 1,
        },
        {
            ("span", "in several pieces, taken from its first piece to its last"): 1,
            ("sentence", "joined with the one before, since a span goes across"): 1,
        },
        "Mara Lind works for Nordlys in Oslo.\r\nShe lives in New\r\nYork, though. 🙂 Café Mara is hers.\r\n",
    ),
    Conversion(
        "label_studio.json",
        "label_studio",
        [
            {
                "doc_key": "7",
                "sentences": [["Mara", "Lind", "works", "for", "Nordlys", "🚀", "in", "Oslo", "."]],
                "ner": [[[0, 1, "PER"], [4, 4, "ORG"], [7, 7, "LOC"], [7, 7, "CITY"]]],
                "relations": [[WORKS, [4, 4, 7, 7, "related"]]],
            },
            {"doc_key": "8", "sentences": [["She", "lives", "there", "."]], "ner": [[]], "relations": [[]]},
        ],
        {
            ("annotation", "another one of the same task is taken"): 1,
            ("region", "of the kind 'choices', which is no span"): 1,
            ("document", "it was not annotated"): 1,
        },
        {},
        "Mara Lind works for Nordlys 🚀 in Oslo.",
    ),
    Conversion(
        "label_studio_min.json",
        "label_studio",
        [
            {
                "doc_key": "7",
                "sentences": [["Mara", "Lind", "works", "for", "Nordlys", "🚀", "in", "Oslo", "."]],
                "ner": [[[0, 1, "PER"], [7, 7, "LOC"]]],
            }
        ],
    ),
    Conversion(
        "doccano.jsonl",
        "doccano",
        [
            {
                "doc_key": "1",
                "sentences": [LETTER, ["She", "likes", "Oslo", "."]],
                "ner": [[[0, 1, "PER"], [4, 4, "ORG"]], [[8, 8, "LOC"]]],
                "relations": [[WORKS], []],
            },
            {"doc_key": "2", "sentences": [["Nothing", "to", "see", "."]], "ner": [[]], "relations": [[]]},
        ],
        {("relation", "its arguments lie in two sentences"): 1},
    ),
    Conversion(
        "doccano_spans.jsonl",
        "doccano",
        [{"doc_key": "3", "sentences": [["Oslo", "is", "cold", "."]], "ner": [[[0, 0, "LOC"]]]}],
        {("document", "a text without words"): 1},
    ),
    Conversion(
        "prodigy.jsonl",
        "doccano",
        [
            {
                "doc_key": "prodigy_1",
                "sentences": [LETTER],
                "ner": [[[0, 1, "PER"], [4, 4, "ORG"]]],
                "relations": [[WORKS]],
            },
            {
                "doc_key": "prodigy_3",
                "sentences": [["She", "left", "Oslo", "."]],
                "ner": [[[2, 2, "LOC"]]],
                "relations": [[]],
            },
        ],
        {("document", "its answer is 'reject', not 'accept'"): 1, ("span", "it has no label"): 1},
    ),
    Conversion(
        "huggingface",
        "huggingface",
        [
            {"doc_key": "0", "sentences": [LETTER], "ner": [[[0, 1, "PER"], [4, 4, "ORG"]]]},
            {"doc_key": "1", "sentences": [["She", "lives", "in", "Oslo", "."]], "ner": [[[3, 3, "LOC"]]]},
        ],
        {("layer", "the numbers of 'pos_tags' have no names"): 2},
    ),
    Conversion(
        "huggingface_names.json",
        "huggingface",
        [
            {
                "doc_key": "huggingface_names_1",
                "sentences": [["Mara", "Lind", "left", "Oslo"]],
                "ner": [[[0, 1, "PER"], [3, 3, "LOC"]]],
                "pos": [one_each(["PROPN", "PROPN", "VERB", "PROPN"])],
            }
        ],
    ),
    Conversion(
        "conll2003.conll",
        "columns",
        [
            {
                "doc_key": "conll2003.conll_0",
                "sentences": [LETTER, ["She", "left"]],
                "ner": [[[0, 1, "PER"], [4, 4, "ORG"]], []],
            },
            {"doc_key": "conll2003.conll_1", "sentences": [["Oslo"]], "ner": [[[0, 0, "LOC"]]]},
        ],
    ),
    Conversion(
        "bmes.tsv",
        "columns",
        [
            {
                "doc_key": "first",
                "sentences": [["Mara", "van", "Lind", "left", "Oslo"], ["She", "sleeps"]],
                "ner": [[[0, 2, "PER"], [4, 4, "LOC"]], []],
            }
        ],
    ),
    Conversion(
        "suffix.txt",
        "columns",
        [
            {
                "doc_key": "suffix.txt",
                "sentences": [["Mara", "Lind", "left", "Oslo"], ["#", "Bergen"]],
                "ner": [[[0, 1, "PER"], [3, 3, "LOC"]], [[5, 5, "LOC"]]],
            }
        ],
    ),
    Conversion(
        "io.iob",
        "columns",
        [
            {
                "doc_key": "io.iob",
                "sentences": [["Mara", "Lind", "left", "Oslo"]],
                "ner": [[[0, 1, "PER"], [3, 3, "LOC"]]],
            }
        ],
    ),
    Conversion(
        "treebank.conllu",
        "conllu",
        [
            {
                "doc_key": "letter",
                "sentences": [LETTER, ["She", "and", "likes", "it", "."]],
                "pos": [
                    one_each(["PROPN", "PROPN", "VERB", "ADP", "PROPN", "PUNCT"]),
                    one_each(["PRON", "CCONJ", "VERB", "PRON", "PUNCT"], 6),
                ],
                "deprel": [
                    one_each(["nsubj", "flat", "root", "case", "obl", "punct"]),
                    one_each(["nsubj", "cc", "root", "obj", "punct"], 6),
                ],
                "mentions": [
                    [[0, 1, "person"], [4, 4, "organization"]],
                    [[6, 6, "person"], [9, 9, "organization"]],
                ],
                "clusters": [[[0, 1], [6, 6]], [[4, 4], [9, 9]]],
                "heads": [[2, 0, -1, 4, 2, 2], [2, 2, -1, 2, 2]],
                "empty_nodes": 1,
            }
        ],
        {("mention", "of an empty node alone"): 1, ("empty node", "it stands for no word"): 1},
        {},
        "Mara Lind works for Nordlys.\nShe and likes it.",
    ),
    Conversion(
        "inception.tsv",
        "webanno",
        [
            {
                "doc_key": "inception",
                "sentences": [["Mara", "Lind", "works", "for", "Nordlys", "🚀", "."], ["She", "left", "."]],
                "ner": [[[0, 1, "PER"], [4, 4, "ORG"]], []],
                "relations": [[WORKS], []],
                "clusters": [[[0, 1], [7, 7]]],
            }
        ],
        {("span", "it has no label"): 1, ("span", "it lies within a token"): 1},
        {},
        "Mara Lind works for Nordlys 🚀.\nShe left.",
    ),
    Conversion(
        "corpus.pubtator",
        "pubtator",
        [
            {
                "doc_key": "901",
                "sentences": [
                    ["Lindane", "and", "tremor", "in", "mice", "."],
                    ["Lindane", "caused", "tremor", "."],
                    ["Mice", "recovered", ";", "lindane", "did", "not", "help", "."],
                ],
                "ner": [
                    [[0, 0, "Chemical"], [2, 2, "Disease"]],
                    [[6, 6, "Chemical"], [8, 8, "Disease"]],
                    [[10, 10, "Species"], [13, 13, "Chemical"]],
                ],
                "relations": [[[0, 0, 2, 2, "CID"]], [[6, 6, 8, 8, "CID"]], []],
            },
            {"doc_key": "902", "sentences": [["An", "empty", "case", "."]], "ner": [[]], "relations": [[]]},
        ],
        {("relation", "no mentions of its concepts share a sentence"): 1},
        {("relation", "between concepts, written for each pair of mentions"): 1},
        "Lindane and tremor in mice.\nLindane caused tremor. Mice recovered; lindane did not help.",
    ),
    Conversion(
        "bioc.xml",
        "bioc",
        [
            {
                "doc_key": "901",
                "sentences": [
                    ["Lindane", "and", "tremor", "."],
                    ["Left", "and", "right", "arm", "shook", "."],
                ],
                "ner": [[[0, 0, "Chemical"], [2, 2, "Disease"]], [[4, 7, "Part"]]],
                "relations": [[[0, 0, 2, 2, "causes"]], []],
            }
        ],
        {("relation", "it has 3 arguments"): 1},
        {("span", "in several pieces, taken from its first piece to its last"): 1},
        "Lindane and tremor.\n\nLeft and right arm shook.",
    ),
    Conversion(
        "bioc.json",
        "bioc",
        [
            {
                "doc_key": "901",
                "sentences": [["Lindane", "and", "tremor", "."]],
                "ner": [[[0, 0, "Chemical"], [2, 2, "Disease"]]],
                "relations": [[[0, 0, 2, 2, "causes"]]],
            }
        ],
    ),
    Conversion(
        "conll04.json",
        "spert",
        [
            {
                "doc_key": "4001",
                "sentences": [LETTER],
                "ner": [[[0, 1, "Peop"], [4, 4, "Org"]]],
                "relations": [[[0, 1, 4, 4, "Work_For"]]],
            },
            {"doc_key": "4002", "sentences": [["Oslo", "is", "cold"]], "ner": [[[0, 0, "Loc"]]], "relations": [[]]},
        ],
    ),
    Conversion(
        "crossre.json",
        "spert",
        [
            {
                "doc_key": "news-1",
                "sentences": [LETTER],
                "ner": [[[0, 1, "person"], [4, 4, "organisation"]]],
                "relations": [[[0, 1, 4, 4, "role"]]],
            },
            {
                "doc_key": "news-2",
                "sentences": [["Oslo", "is", "cold"]],
                "ner": [[[0, 0, "location"]]],
                "relations": [[]],
            },
        ],
    ),
    Conversion(
        "dygie.jsonl",
        "jsonl",
        [
            {
                "doc_key": "letter",
                "sentences": [LETTER, ["She", "left", "."]],
                "ner": [[[0, 1, "PER"], [4, 4, "ORG"]], []],
                "relations": [[WORKS], []],
                "clusters": [[[0, 1], [6, 6]]],
            }
        ],
    ),
]


def by_reason(counts: Dict[Change, int]) -> Dict[Tuple[str, str], int]:
    return {tuple(change): count for change, count in counts.items()}

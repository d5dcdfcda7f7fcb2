#!/usr/bin/env python
"""A tagger of heads to hold a parser against: the head of each token and the relation to it are one label, such as "the
second noun to the left, obj" (Strzyz, Vilares and Gómez-Rodríguez 2019), and what is found need not be a tree.

    python scripts/tag_heads.py write data/gum data/head_tags --corpus gum_layers
    hmtl train head_tags.jsonnet -s runs/head_tags
    python scripts/tag_heads.py score runs/head_tags

`write` reads train, dev and test and adds the layer `head_tags` to the layers of the documents; docs/results/parsing.md
has the configuration. `score` has a run with the tasks `pos` and `head_tags` label its test data, reads the labels by
the parts of speech that it finds itself, and prints UAS and LAS. A token whose label names no token depends on the one
before it. Exit code 2: something cannot be read, in one line.
"""

import argparse
import json
from pathlib import Path
from typing import Dict, List, Optional

import hmtl  # noqa: F401  registers what a configuration can name
from hmtl.common.archives import read_config
from hmtl.common.arguments import script_parser
from hmtl.common.explain import user_errors
from hmtl.corpora import Corpus
from hmtl.corpora.dependencies import ROOT, Dependency, dependencies_of
from hmtl.document import Document, Span, read_jsonl, write_jsonl
from hmtl.errors import UserError
from hmtl.metrics import DependencyScores
from hmtl.predictors import HMTLPredictor
from hmtl.tasks.dependencies.dependency_baseline import RelativeHead, decoded, encoded

LAYER, POS = "head_tags", "pos"


def write(source: Path, target: Path, corpus: str) -> None:
    """Writes `train.jsonl`, `dev.jsonl` and `test.jsonl` with the layer `LAYER`.

    # Raises

    UserError
        Where documents have no dependencies or no parts of speech.
    """
    suffixes = [path.suffix for path in sorted(source.glob("train.*"))]
    if not suffixes:
        raise UserError(f"{source}: expected a folder with files named train, dev and test")
    for split in ("train", "dev", "test"):
        documents = Corpus.by_name(corpus)().documents(str(source / f"{split}{suffixes[0]}"))
        write_jsonl(map(_with_tags, documents), target / f"{split}.jsonl")


def _with_tags(document: Document) -> Document:
    by_sentence = zip(dependencies_of(document), document.spans_by_sentence(POS))
    labels = [
        label
        for arcs, spans in by_sentence
        for label in encoded(arcs, [part_of_speech for _, _, part_of_speech in spans])
    ]
    document.spans[LAYER] = [Span(place, place, json.dumps(label)) for place, label in enumerate(labels)]
    return document


def score(run: Path) -> Dict[str, float]:
    """What `DependencyScores` has of the run's test data, and `trees`, the share of sentences whose arcs are a tree
    with one root."""
    path = read_config(run).as_dict(quiet=True)["test_data_path"][LAYER]
    documents = list(read_jsonl(path))
    predictor, metric = HMTLPredictor.load(run, weights_file=str(run / f"best_{LAYER}.safetensors")), DependencyScores()
    outputs = predictor.predict_many([{"sentences": document.sentences} for document in documents])
    trees = total = 0
    for document, output in zip(documents, outputs):
        classes, labels = ({row["start"]: row["label"] for row in output[task]} for task in (POS, LAYER))
        start, found = 0, []
        for tokens in document.sentences:
            places = range(start, start + len(tokens))
            found.append(_arcs([labels.get(place) for place in places], [classes.get(place, "") for place in places]))
            start += len(tokens)
        metric(found, dependencies_of(document), document.sentences)
        trees += sum(map(_is_tree, found))
        total += len(found)
    return {**metric.get_metric(), "trees": trees / total}


def _arcs(labels: List[Optional[str]], classes: List[str]) -> List[Dependency]:
    arcs = []
    for token, label in enumerate(labels):
        read = None if label is None else RelativeHead(*json.loads(label))
        arc = None if read is None else decoded(read, token, classes)
        before = token - 1 if token else ROOT
        arcs.append(arc or Dependency(token, before, "dep" if read is None else read.relation))
    return arcs


def _is_tree(arcs: List[Dependency]) -> bool:
    heads = [head for _, head, _ in arcs]

    def leads_up(token: int) -> bool:
        for _ in heads:
            token = heads[token] if token != ROOT else ROOT
        return token == ROOT

    return heads.count(ROOT) == 1 and all(map(leads_up, range(len(heads))))


def _parser() -> argparse.ArgumentParser:
    parser = script_parser(__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    writing = commands.add_parser("write", help="add the layer to a corpus")
    writing.add_argument("source", type=Path, metavar="SOURCE", help="the folder of train, dev and test")
    writing.add_argument("target", type=Path, metavar="TARGET", help="the folder to write")
    writing.add_argument("--corpus", default="conllu", metavar="NAME", help="the format (default: conllu)")
    scoring = commands.add_parser("score", help="score a run")
    scoring.add_argument("run", type=Path, metavar="RUN", help="the directory that 'hmtl train -s' wrote")
    return parser


def main(argv: Optional[List[str]] = None) -> None:
    """Runs the command line."""
    arguments = _parser().parse_args(argv)
    with user_errors(program="tag_heads.py"):
        if arguments.command == "write":
            write(arguments.source, arguments.target, arguments.corpus)
            return
        for name, value in score(arguments.run).items():
            print(f"{name}  {100 * value:.2f}")


if __name__ == "__main__":
    main()

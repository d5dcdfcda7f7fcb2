#!/usr/bin/env python
"""Asks a finished run for labels that its training left out, and scores what it finds beside simple baselines.

    python scripts/ask_labels.py runs/text_labels --labels animal,substance
    python scripts/ask_labels.py runs/text_labels --labels animal,substance --split validation --output asked.json

Gold are all spans with these labels in the data of the split, those that the run's `exclude_labels` left out of
training among them; found are spans with the same bounds and label. The data are read from where config.json says,
relative to the working directory. Exit code 2: something cannot be read, in one line.
"""

import argparse
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional, Sequence

from allennlp.common import Params
from allennlp.data import DatasetReader

import hmtl  # noqa: F401  registers what a configuration can name
from hmtl.common.archives import read_config
from hmtl.common.arguments import add_split, require_folders_of, script_parser
from hmtl.common.characters import visible_lines
from hmtl.common.explain import user_errors
from hmtl.common.files import write_json
from hmtl.common.tables import aligned
from hmtl.corpora.several import CORPUS_KEY
from hmtl.document import Document, Span
from hmtl.errors import UserError
from hmtl.metrics import LabelledF1
from hmtl.predictors import HMTLPredictor
from hmtl.predictors.asked_labels import asked_labels, in_one_line
from hmtl.tasks.spans.span_baseline import MostFrequentType
from hmtl.tasks.spans.text_label_reader import TextLabelSpanReader

# The layer of gold documents.
LAYER = "asked"


def score(run: Path, labels: Sequence[str], split: str) -> Dict[str, Dict[str, float]]:
    """Precision, recall and F1 of the model and the baselines, and the number of gold spans, by name and label.

    # Raises

    UserError
        Where the run has no task, or not one alone, whose labels are texts, or the data have no such label.
    """
    predictor = HMTLPredictor.load(run)
    asked = asked_labels(labels, predictor.tasks_with_label_texts)
    assert asked is not None
    (task,) = asked
    config = read_config(run).as_dict(quiet=True)
    reader = DatasetReader.from_params(Params(config["dataset_reader"]["readers"][task]))
    test = _gold(reader, config[f"{split}_data_path"][task], labels)
    # The same data as in training, but for what was left out of them.
    whole = _gold(reader, config["train_data_path"][task], labels)
    if not any(document.spans[LAYER] for document in test):
        raise UserError(f"the {split} data have no span with one of the labels {', '.join(labels)}")
    known = predictor.labels[task]
    seen = [_with(document, [span for span in document.spans[LAYER] if span.label in known]) for document in whole]
    records = [{"sentences": document.sentences} for document in test]
    outputs = predictor.predict_many(records, labels=labels)
    model = [[Span(row["start"], row["end"], row["label"]) for row in output[task]] for output in outputs]
    rows = {
        "the model": model,
        "most frequent label of each string, in what training saw": _strings(seen, test),
        "the same, had training seen these labels": _strings(whole, test),
        "the same, fitted to the gold that it is scored on": _strings(test, test),
    }
    return {name: _scores(found, test, labels) for name, found in rows.items()}


def _gold(reader: Any, path: str, labels: Sequence[str]) -> List[Document]:
    """The documents of those corpora that have the labels, with the gold spans of these alone."""
    if not isinstance(reader, TextLabelSpanReader):
        raise UserError(f"the run's reader is a {type(reader).__name__}; expected hmtl_text_label_spans")
    found = []
    for document in reader.corpus.documents(path):
        source = reader.corpora[document.metadata[CORPUS_KEY]]
        source.exclude_labels = []
        found.append(_with(document, source.in_words(document.spans[source.layer])))
    names = {d.metadata[CORPUS_KEY] for d in found if any(span.label in labels for span in d.spans[LAYER])}
    return [document for document in found if document.metadata[CORPUS_KEY] in names]


def _with(document: Document, spans: Iterable[Span]) -> Document:
    return Document(document.doc_key, document.sentences, {LAYER: list(spans)}, metadata=document.metadata)


def _strings(train: List[Document], test: List[Document]) -> List[List[Span]]:
    """The spans of each test document by the strings of training; none where nothing was labelled there."""
    if not train:
        return [[] for _ in test]
    baseline = MostFrequentType(LAYER).fit(train)
    found = []
    for document in test:
        starts = [0]
        for sentence in document.sentences:
            starts.append(starts[-1] + len(sentence))
        by_sentence = zip(starts, baseline.predict(document))
        found.append([Span(first + s, first + e, label) for first, spans in by_sentence for s, e, label in spans])
    return found


def _scores(found: List[List[Span]], test: List[Document], labels: Sequence[str]) -> Dict[str, float]:
    metric = LabelledF1()
    for spans, document in zip(found, test):
        metric(*([[span for span in side if span.label in labels]] for side in (spans, document.spans[LAYER])))
    scores = metric.get_metric()
    for label, of_label in metric.by_label().items():
        scores.update({f"f1 {label}": of_label["f1"], f"gold {label}": of_label["support"]})
    scores["gold all"] = sum(scores.get(f"gold {label}", 0) for label in labels)
    return scores


def _parser() -> argparse.ArgumentParser:
    parser = script_parser(__doc__)
    parser.add_argument("run", type=Path, metavar="RUN", help="the directory that 'hmtl train -s' wrote")
    parser.add_argument("--labels", required=True, metavar="TEXTS", help="those to ask for: animal,substance")
    add_split(parser)
    parser.add_argument("--output", type=Path, metavar="FILE", help="write all scores as JSON")
    return parser


def main(argv: Optional[List[str]] = None) -> None:
    """Runs the command line."""
    arguments = _parser().parse_args(argv)
    with user_errors(program="ask_labels.py"):
        require_folders_of([arguments.output])
        labels = in_one_line(arguments.labels)
        scores = score(arguments.run, labels, arguments.split)
        columns = ["precision", "recall", "f1", *(f"f1 {label}" for label in labels)]
        table = [[f"{arguments.split} data", *columns]]
        table += [[name, *(f"{100 * row.get(column, 0.0):.1f}" for column in columns)] for name, row in scores.items()]
        gold = scores["the model"]
        table += [["gold spans", "", "", *(f"{gold.get(f'gold {label}', 0):.0f}" for label in ["all", *labels])]]
        print(visible_lines(aligned(table, numbers=True)))
        if arguments.output is not None:
            write_json(arguments.output, scores)


if __name__ == "__main__":
    main()

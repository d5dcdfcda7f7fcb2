#!/usr/bin/env python
"""Scores a finished run that answers questions, in the terms of the tasks that these came from: also where the spans
that questions are about are not gold, but the model's own answers.

    python scripts/score_questions.py runs/questions
    python scripts/score_questions.py runs/questions --split validation --output scores.json
    python scripts/score_questions.py runs/questions --thresholds 0.2,0.3,0.5

Questions about relations and clusters are about spans of a layer. `hmtl evaluate` takes these from gold; here they are
taken once more from the answers to the questions about that layer, where the run has such. Gold stays the same: what no
question asks for is missed. The data are read from where config.json says, relative to the working directory. Exit code
2: something cannot be read, in one line.
"""

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

import torch
from allennlp.common import Params
from allennlp.data import DatasetReader, Instance

import hmtl  # noqa: F401  registers what a configuration can name
from hmtl.common.archives import read_config
from hmtl.common.arguments import add_split, add_weights_file, require_folders_of, script_parser
from hmtl.common.characters import visible_lines
from hmtl.common.explain import user_errors
from hmtl.common.files import write_json
from hmtl.common.tables import aligned
from hmtl.corpora.several import CORPUS_KEY
from hmtl.data.data_loaders.instance_columns import batch_of
from hmtl.document import Document, Span
from hmtl.errors import UserError
from hmtl.models import HMTL
from hmtl.predictors import HMTLPredictor
from hmtl.tasks import QuestionReader

# Rows that are computed at once.
BATCH_SIZE = 16


class Scorer:
    """The model of a run, and its data of a split.

    # Raises

    UserError
        Where the run has no task, or not one alone, that answers questions.
    """

    def __init__(self, run: Path, split: str, weights_file: Optional[str] = None) -> None:
        predictor = HMTLPredictor.load(run, weights_file=weights_file)
        if len(predictor.tasks_with_questions) != 1:
            raise UserError(f"{run}: {len(predictor.tasks_with_questions)} tasks answer questions; expected one")
        [self.task] = predictor.tasks_with_questions
        self.model: HMTL = predictor.model
        self.head = self.model.head(self.task)
        config = read_config(run).as_dict(quiet=True)
        reader = DatasetReader.from_params(Params(config["dataset_reader"]["readers"][self.task]))
        assert isinstance(reader, QuestionReader)
        self.reader = reader
        paths = json.loads(config[f"{split}_data_path"][self.task])
        self.documents: Dict[str, List[Document]] = {name: [] for name in paths}
        for document in reader.corpus.documents(json.dumps(paths)):
            self.documents[document.metadata[CORPUS_KEY]].append(document)

    def scores(self, name: str, documents: Iterable[Document]) -> Dict[str, float]:
        """All figures of a source."""
        for _ in self._answered(documents):
            pass
        metrics = self.model.get_task_metrics(self.task, reset=True)
        return {key[len(name) + 1 :]: value for key, value in metrics.items() if key.startswith(f"{name}_")}

    def source_of_heads(self, name: str) -> Optional[str]:
        """The source whose answers are the spans that a source's questions are about, in the same documents."""
        heads = getattr(self.reader.sources[name], "heads", None)
        keys = [document.doc_key for document in self.documents[name]]
        for other, documents in self.documents.items():
            source = self.reader.sources[other]
            is_same_layer = source.task == "spans" and source.layer == heads
            if is_same_layer and [document.doc_key for document in documents] == keys:
                return other
        return None

    def with_answers(self, name: str, heads: str) -> List[Document]:
        """The documents of a source with the answers of another in place of the spans that its questions are about."""
        layer = self.reader.sources[heads].layer
        found: Dict[str, List[Span]] = {document.doc_key: [] for document in self.documents[name]}
        for metadata, answers in self._answered(self.documents[heads]):
            first = metadata["first"]
            found[metadata["doc_key"]] += [Span(first + start, first + end, label) for start, end, label in answers]
        self.model.get_task_metrics(self.task, reset=True)
        return [
            dataclasses.replace(document, spans={**document.spans, layer: found[document.doc_key]})
            for document in self.documents[name]
        ]

    @torch.inference_mode()
    def _answered(self, documents: Iterable[Document]) -> Iterator[Any]:
        """The metadata of each row, and its answers; counts for the metrics."""
        instances: List[Instance] = []
        for document in documents:
            for instance in self.reader.instances(document):
                self.reader.apply_token_indexers(instance)
                instances.append(instance)
        instances.sort(key=lambda instance: len(instance.fields["text"]))
        for first in range(0, len(instances), BATCH_SIZE):
            batch = batch_of(instances[first : first + BATCH_SIZE], self.model.vocab)
            yield from zip(batch["metadata"], self.model(task_name=self.task, **batch)["predictions"])


def chosen_thresholds(run: Path, thresholds: Sequence[float], weights_file: Optional[str] = None) -> Dict[str, float]:
    """The threshold of each source whose F1 on the validation data is the highest, of equals the first."""
    scorer = Scorer(run, "validation", weights_file)
    best: Dict[str, Tuple[float, float]] = {}
    for name, documents in scorer.documents.items():
        for threshold in thresholds:
            scorer.head.threshold = threshold
            figure = scorer.scores(name, documents)["f1"]
            if name not in best or figure > best[name][1]:
                best[name] = (threshold, figure)
    return {name: threshold for name, (threshold, _) in best.items()}


def score(
    run: Path, split: str, weights_file: Optional[str] = None, thresholds: Sequence[float] = ()
) -> Dict[str, Dict[str, float]]:
    """The figures of each source, by its name; those with answers as heads by `{source}, heads of {other}`. Of several
    thresholds each source has the one that is best for it in validation, the figure `threshold`."""
    chosen = chosen_thresholds(run, thresholds, weights_file) if thresholds else {}
    scorer = Scorer(run, split, weights_file)
    own = scorer.head.threshold or 0.0
    found: Dict[str, Dict[str, float]] = {}
    for name, documents in scorer.documents.items():
        heads = scorer.source_of_heads(name)
        asked = [(name, documents)]
        if heads is not None:
            scorer.head.threshold = chosen.get(heads, own)
            asked.append((f"{name}, heads of {heads}", scorer.with_answers(name, heads)))
        scorer.head.threshold = chosen.get(name, own)
        for title, each in asked:
            found[title] = {**scorer.scores(name, each), "threshold": chosen.get(name, own)}
    return found


def numbers(option: str) -> List[float]:
    """The numbers of an option such as `0.3,0.5`."""
    return [float(number) for number in option.split(",")]


def _parser() -> argparse.ArgumentParser:
    parser = script_parser(__doc__)
    parser.add_argument("run", type=Path, metavar="RUN", help="the directory that 'hmtl train -s' wrote")
    add_split(parser)
    add_weights_file(parser)
    parser.add_argument(
        "--thresholds",
        type=numbers,
        default=[],
        metavar="P,P,...",
        help="each source has the one of these that is best for it in validation (default: the head's own)",
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write all scores as JSON")
    return parser


def main(argv: Optional[List[str]] = None) -> None:
    """Runs the command line."""
    arguments = _parser().parse_args(argv)
    with user_errors(program="score_questions.py"):
        require_folders_of([arguments.output])
        scores = score(arguments.run, arguments.split, arguments.weights_file, arguments.thresholds)
        columns = ["precision", "recall", "f1", "em", "threshold"]
        table = [[f"{arguments.split} data", *columns]]
        table += [
            [name, *(f"{100 * row[column]:.1f}" if column in row else "" for column in columns)]
            for name, row in scores.items()
        ]
        print(visible_lines(aligned(table, numbers=True)))
        if arguments.output is not None:
            write_json(arguments.output, scores)


if __name__ == "__main__":
    main()

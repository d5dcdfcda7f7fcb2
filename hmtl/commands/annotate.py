"""`hmtl annotate`: raw text in, everything that a trained model finds in it out."""

import argparse
import sys
from pathlib import Path
from typing import Callable, Iterator, List, Optional

from allennlp.commands.subcommand import Subcommand
from allennlp.common import Tqdm
from allennlp.common.util import JsonDict

from hmtl.annotation import OutputFormat, Texts
from hmtl.annotation.texts import KINDS
from hmtl.commands.skipping import add_on_error, skipped_texts
from hmtl.common.arguments import (
    add_archive,
    add_asked,
    add_command,
    add_device,
    add_spacy_model,
    add_weights_file,
    at_least,
    gpu_named,
)
from hmtl.errors import DataError
from hmtl.predictors import HMTLPredictor
from hmtl.predictors.asked_labels import asked_by_options, asked_labels
from hmtl.predictors.hmtl_predictor import PRECISIONS

DESCRIPTION = """\
Annotate texts with a trained model: every task in one pass. Files are plain text, one text a file, or JSON lines
(*.jsonl) with {"text": "..."} or {"sentences": [["a", "token", ...], ...]}; - is standard input.

  hmtl annotate runs/quickstart article.txt
  hmtl annotate en_hmtl_mini article.txt --html article.html
  hmtl annotate runs/quickstart texts/*.txt --format brat --output annotated
  hmtl annotate runs/quickstart - --input lines --output out.jsonl --html out.html < texts
  hmtl annotate runs/quickstart corpus.jsonl --given-entities ner

Formats: jsonl has all: tokens, offsets in tokens and characters, labels, scores, relations, clusters with their head
mentions. dygie is the layout in which hmtl reads corpora; conll2012 the columns of that shared task, with names of one
task and clusters; conllu those of treebanks, with dependencies; brat a folder for the annotation tool; html a page to
read. Texts are read and written as they come, however many; only a page is held in memory. A file appears once it is
complete. In an empty text nothing is found; an empty line is no text."""


@Subcommand.register("annotate")
class Annotate(Subcommand):
    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = add_command(parser, self.name, DESCRIPTION)
        add = subparser.add_argument
        add_archive(subparser)
        add("files", nargs="*", default=[], metavar="FILE", help="texts; - is standard input, as is none")
        add(
            "--input",
            choices=KINDS,
            default="auto",
            help="what files hold; auto: JSON lines by name, or a text",
        )
        formats = sorted(OutputFormat.list_available())
        add("--format", choices=formats, default="jsonl", help="how texts are written")
        add("--output", type=Path, metavar="PATH", help="a file, for brat a folder (default: standard output)")
        add("--html", type=Path, metavar="FILE", help="a page, beside the other output")
        add("--tasks", nargs="+", metavar="TASK", help="those to write (default: all of the model)")
        add(
            "--names",
            metavar="TASK",
            help="the span task that finds names, and the types of --consistent (default: ner, or that of the lowest "
            "level)",
        )
        add_asked(subparser)
        add_spacy_model(subparser)
        add("--batch-size", type=at_least(1), default=64, metavar="N", help="the most texts in a batch")
        add("--precision", choices=PRECISIONS, default="fp32", help="of the computation")
        add_device(subparser, "cpu")
        add_weights_file(subparser)
        add_on_error(subparser)
        subparser.set_defaults(func=_annotate)
        return subparser


def _annotate(arguments: argparse.Namespace) -> None:
    with skipped_texts("hmtl annotate", arguments.on_error, arguments.output) as on_error:
        _annotate_texts(arguments, on_error)


def _annotate_texts(arguments: argparse.Namespace, on_error: Optional[Callable[[DataError], None]]) -> None:
    # First: a mistyped file need not wait for the model.
    texts = Texts(arguments.files or ["-"], arguments.input, on_error)
    predictor = HMTLPredictor.load(
        arguments.archive,
        arguments.spacy_model,
        gpu_named(arguments.device),
        arguments.weights_file,
        with_scores=True,
        precision=arguments.precision,
        consistent=arguments.consistent,
    )
    tasks = predictor.tasks_with_label_texts, predictor.tasks_with_questions
    labels = asked_by_options(arguments.labels, arguments.ask, *tasks)
    # Before the first text is read.
    asked_labels(labels, predictor.tasks_with_label_texts)
    layers = predictor.annotated_layers(arguments.tasks)
    output_format = OutputFormat.by_name(arguments.format)(layers, arguments.names)
    outputs = predictor.annotate(
        texts,
        arguments.tasks,
        arguments.names,
        arguments.batch_size,
        on_error=lambda _, error: texts.refuse(error),
        labels=labels,
        entities=arguments.given_entities,
    )
    # On a terminal the annotations themselves show the progress.
    hidden = not sys.stderr.isatty() or (arguments.output is None and sys.stdout.isatty())
    shown = Tqdm.tqdm(outputs, desc="annotating", unit=" texts", disable=hidden)
    kept: List[JsonDict] = []
    output_format.write(shown if arguments.html is None else _kept(shown, kept), arguments.output)
    if arguments.html is not None:
        OutputFormat.by_name("html")(layers).write(kept, arguments.html)
    for note in [*texts.notes, *output_format.notes]:
        print(f"hmtl annotate: {note}", file=sys.stderr)


def _kept(outputs: Iterator[JsonDict], kept: List[JsonDict]) -> Iterator[JsonDict]:
    """Passes the outputs on and keeps them."""
    for output in outputs:
        kept.append(output)
        yield output

"""`hmtl predict`: what a trained model finds in a text, to look at."""

import argparse
import sys
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Iterable, Iterator, Union

from allennlp.commands.subcommand import Subcommand
from allennlp.common import Tqdm
from allennlp.common.util import JsonDict

from hmtl.annotation.texts import Texts
from hmtl.common.arguments import (
    add_archive,
    add_asked,
    add_command,
    add_device,
    add_spacy_model,
    add_weights_file,
    gpu_named,
)
from hmtl.common.terminal import wants_colours
from hmtl.errors import UserError
from hmtl.predictors import HMTLPredictor
from hmtl.predictors.asked_labels import asked_by_options
from hmtl.predictors.hmtl_predictor import PRECISIONS
from hmtl.predictors.render import render

DESCRIPTION = """\
Show what a trained model finds in a text: every task of the model, in one pass.

  hmtl predict runs/quickstart "Mara Lind, a baker from Oslo, met her brother Tom."
  hmtl predict en_hmtl_mini "Mara Lind, a baker from Oslo, met her brother Tom."
  hmtl predict runs/quickstart article.txt
  hmtl predict model.tar.gz - < article.txt
  hmtl predict model.tar.gz "Some text." --json --scores
  hmtl predict model.tar.gz texts.txt --lines --json > predictions.jsonl
  hmtl predict model.tar.gz "The whales ate krill." --labels animal,food
  hmtl predict model.tar.gz "The whales ate krill." --ask "What did the whales eat?"
  hmtl predict runs/pairs $'A man sleeps.\tSomebody sleeps.'

To a model of pairs of texts, two texts with a tab between them are a pair; in JSON lines the second is "text_pair".

Colours appear on a terminal only, and not where NO_COLOR is set. For many files there is 'hmtl annotate'; 'hmtl
allennlp predict MODEL FILE' predicts JSON lines in AllenNLP's way."""

# What is read as the name of a file though there is none, so that a misspelt one is not taken for a text.
_FILE_NAMES = (".txt", ".jsonl", ".json", ".md")


class Predict(Subcommand):
    """Not registered: of this name AllenNLP has a command."""

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = add_command(parser, "predict", DESCRIPTION)
        add = subparser.add_argument
        add_archive(subparser)
        add(
            "text",
            metavar="TEXT",
            help="raw text, or a file of it, or JSON lines (*.jsonl) as for 'hmtl annotate'; - is standard input",
        )
        add("--lines", action="store_true", help="TEXT is a file, or -, each line of which is a text")
        add("--batch-size", type=int, default=64, metavar="N", help="texts")
        add("--scores", action="store_true", help="how sure the model is, in the JSON")
        add("--precision", choices=PRECISIONS, default="fp32", help="of the computation")
        add("--json", action="store_true", help="print the prediction as JSON, with all offsets")
        add_asked(subparser)
        add_spacy_model(subparser)
        add_device(subparser, "cpu")
        add_weights_file(subparser)
        subparser.set_defaults(func=_predict)
        return subparser


def _predict(arguments: argparse.Namespace) -> None:
    inputs = _inputs(arguments.text, arguments.lines)
    predictor = HMTLPredictor.load(
        arguments.archive,
        arguments.spacy_model,
        gpu_named(arguments.device),
        arguments.weights_file,
        with_scores=arguments.scores,
        precision=arguments.precision,
        consistent=arguments.consistent,
    )
    if predictor.reads_pairs:
        inputs = map(_pair_or_text, inputs)
    colour = wants_colours()
    # On a terminal the predictions themselves show the progress.
    quiet = not arguments.lines or sys.stdout.isatty() or not sys.stderr.isatty()
    tasks = predictor.tasks_with_label_texts, predictor.tasks_with_questions
    labels = asked_by_options(arguments.labels, arguments.ask, *tasks)
    outputs = predictor.predict_many(inputs, arguments.batch_size, entities=arguments.given_entities, labels=labels)
    for number, output in enumerate(Tqdm.tqdm(outputs, desc="predicting", unit=" texts", disable=quiet)):
        if arguments.json:
            sys.stdout.write(predictor.dump_line(output))
        else:
            print("\n" * bool(number) + render(output, predictor.layers, colour))
        sys.stdout.flush()


def _inputs(text: str, has_lines: bool) -> Iterable[Union[str, JsonDict]]:
    """The text itself, or those of a file.

    # Raises

    UserError
        Where it can only be the name of a file, and there is none.
    """
    if text == "-" or has_lines:
        return _given(text, has_lines)
    with suppress(OSError, ValueError):  # too long for a name, or with a character that no name has
        if Path(text).is_file():
            return Texts([text])
    if text.endswith(_FILE_NAMES) and not any(map(str.isspace, text)):
        raise UserError(f"{text}: no such file; expected a text in quotes, a file, or - for standard input")
    return [text]


def _pair_or_text(text: Union[str, JsonDict]) -> Union[str, JsonDict]:
    """Two texts with a tab between them as a pair."""
    if not isinstance(text, str) or text.count("\t") != 1:
        return text
    first, second = text.split("\t")
    return {"text": first, "text_pair": second}


def _given(source: str, has_lines: bool) -> Iterator[str]:
    """Standard input as one text, or the lines of it or of a file, without empty ones."""
    name = "standard input" if source == "-" else source
    try:
        with nullcontext(sys.stdin) if source == "-" else open(source, encoding="utf-8") as file:
            yield from (line.rstrip("\n") for line in file if line.strip()) if has_lines else [file.read()]
    except UnicodeDecodeError as error:
        raise UserError(f"{name}: not valid UTF-8 ({error}); convert it to UTF-8") from error

"""`hmtl embed`: raw text in, the vectors that a level of a trained model has for it out."""

import argparse
import sys
from pathlib import Path
from typing import Callable, Optional

from allennlp.commands.subcommand import Subcommand
from allennlp.common import Tqdm

from hmtl.annotation import Texts
from hmtl.annotation.texts import KINDS
from hmtl.annotation.vector_files import FORMATS, format_of, write_vectors
from hmtl.commands.skipping import add_on_error, skipped_texts
from hmtl.common.arguments import (
    add_archive,
    add_command,
    add_device,
    add_spacy_model,
    add_weights_file,
    at_least,
    gpu_named,
)
from hmtl.errors import DataError
from hmtl.predictors import HMTLPredictor
from hmtl.predictors.hmtl_predictor import PRECISIONS
from hmtl.predictors.level_encoder import EMBEDDING, POOLINGS, TEXT, UNITS

DESCRIPTION = """\
Write the vectors that a level of a trained model has for texts, or for their sentences. Files are read as 'hmtl
annotate' reads them.

  hmtl embed runs/quickstart sentences.txt --input lines --output vectors.npz
  hmtl embed runs/quickstart articles.jsonl --unit sentence --level coref --pooling max --output vectors.jsonl
  hmtl embed en_hmtl_mini - --input lines < sentences.txt

A level is a task of the model, 'embedding', which all levels read, or a part of it, 'words' (its word vectors) or
'transformer'. The vectors of the tokens are pooled: their average, or their max in each dimension; the vector of the
first token or of the last; or the ends of a bidirectional encoder, the forward half of the last token's and the
backward half of the first one's.

*.npy is one array, float32, a row a vector, in the order of the texts; *.npz has it as 'vectors', beside 'doc_keys'
and, of sentences, their numbers in the text, 'sentences'; *.jsonl has a line a vector. A file appears once it is
complete. A text without a token has no vector, and is an error; an empty line is no text."""


@Subcommand.register("embed")
class Embed(Subcommand):
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
        add("--level", default=EMBEDDING, help="a task, embedding, words or transformer (default: %(default)s)")
        add("--pooling", choices=list(POOLINGS), default="average", help="of the tokens (default: %(default)s)")
        add("--unit", choices=UNITS, default=TEXT, help="what a vector is of (default: %(default)s)")
        add("--output", type=Path, metavar="FILE", help="*.npz, *.npy or *.jsonl (default: JSON lines, to stdout)")
        add("--format", choices=FORMATS, help="of the output (default: by its name)")
        add_spacy_model(subparser)
        add("--batch-size", type=at_least(1), default=64, metavar="N", help="the most texts in a batch")
        add("--precision", choices=PRECISIONS, default="fp32", help="of the computation")
        add_device(subparser, "cpu")
        add_weights_file(subparser)
        add_on_error(subparser)
        subparser.set_defaults(func=_embed)
        return subparser


def _embed(arguments: argparse.Namespace) -> None:
    with skipped_texts("hmtl embed", arguments.on_error, arguments.output) as on_error:
        _embed_texts(arguments, on_error)


def _embed_texts(arguments: argparse.Namespace, on_error: Optional[Callable[[DataError], None]]) -> None:
    # First: a mistyped file need not wait for the model.
    texts = Texts(arguments.files or ["-"], arguments.input, on_error)
    format = format_of(arguments.output, arguments.format)
    predictor = HMTLPredictor.load(
        arguments.archive,
        arguments.spacy_model,
        gpu_named(arguments.device),
        arguments.weights_file,
        precision=arguments.precision,
    )
    vectors = predictor.embed(
        texts,
        arguments.level,
        arguments.pooling,
        arguments.unit,
        arguments.batch_size,
        on_error=lambda _, error: texts.refuse(error),
    )
    # On a terminal the vectors themselves show the progress.
    hidden = not sys.stderr.isatty() or (arguments.output is None and sys.stdout.isatty())
    shown = Tqdm.tqdm(vectors, desc="embedding", unit=" texts", disable=hidden)
    write_vectors(shown, arguments.unit, format, arguments.output)
    for note in texts.notes:
        print(f"hmtl embed: {note}", file=sys.stderr)

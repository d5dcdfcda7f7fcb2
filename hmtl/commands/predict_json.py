"""`hmtl allennlp predict`: AllenNLP's command, with texts of similar length computed together and a progress bar."""

import argparse
import json
import sys
from contextlib import ExitStack, nullcontext
from itertools import tee
from pathlib import Path
from typing import IO, Callable, ContextManager, Iterator, Optional

from allennlp.commands import predict as allennlp_predict
from allennlp.commands.subcommand import Subcommand
from allennlp.common import Tqdm
from allennlp.common.file_utils import cached_path, open_compressed
from allennlp.common.util import JsonDict

from hmtl.commands.skipping import add_on_error, skipped_texts
from hmtl.common.allennlp_internals import predictor_of_command, run_predict_command
from hmtl.common.files import record_file
from hmtl.errors import DataError
from hmtl.predictors import HMTLPredictor


@Subcommand.register("predict", exist_ok=True)
class Predict(allennlp_predict.Predict):
    """Inputs are read and outputs written as they come, however many there are; their order stays. The output file
    appears once it is complete."""

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = super().add_subparser(parser)
        add_on_error(subparser)
        subparser.set_defaults(func=_predict, batch_size=64)
        return subparser


def _predict(arguments: argparse.Namespace) -> None:
    predictor = None if arguments.use_dataset_reader else predictor_of_command(arguments)
    if not isinstance(predictor, HMTLPredictor) or (arguments.silent and not arguments.output_file):
        run_predict_command(arguments)
        return
    shows = not arguments.silent
    path = Path(arguments.output_file) if arguments.output_file else None
    with ExitStack() as stack:
        on_error = stack.enter_context(skipped_texts("hmtl predict", arguments.on_error, path))
        output = stack.enter_context(record_file(path)) if path else None
        inputs, kept = tee(_records(predictor, arguments.input_file, on_error))
        # On a terminal the predictions themselves show the progress.
        hidden = not sys.stderr.isatty() or (shows and sys.stdout.isatty())
        bar = Tqdm.tqdm(desc="predicting", unit=" texts", disable=hidden)
        stack.enter_context(bar)
        predictions = predictor.predict_many(inputs, arguments.batch_size)
        # The predictions first: they raise what is wrong with an input.
        for number, (prediction, record) in enumerate(zip(predictions, kept)):
            line = predictor.dump_line(prediction)
            if output is not None:
                output.write(line)
            if shows:
                print(f"input {number}: ", json.dumps(record))
                print("prediction: ", line)
            bar.update()


def _records(
    predictor: HMTLPredictor, path: str, on_error: Optional[Callable[[DataError], None]]
) -> Iterator[JsonDict]:
    name, source = ("standard input", nullcontext(sys.stdin)) if path == "-" else (path, _opened(path))
    with source as file:
        for number, line in enumerate(file, start=1):
            if line.isspace():
                continue
            try:
                record = predictor.load_line(line)
            except DataError as error:
                if not line.isascii() and any("\udc80" <= character <= "\udcff" for character in line):
                    error = DataError("not valid UTF-8; convert the input to UTF-8", error.path)
                if on_error is None:
                    raise error from None
                on_error(DataError(error.message, name, number))
            else:
                yield record


def _opened(path: str) -> ContextManager[IO[str]]:
    # Bytes that are no UTF-8 become surrogates, so that they end their line alone.
    return open_compressed(cached_path(path), errors="surrogateescape")

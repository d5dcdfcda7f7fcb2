"""`hmtl predict`: AllenNLP's command, with texts of similar length computed together and a progress bar."""

import argparse
import json
import sys
from contextlib import ExitStack
from itertools import tee
from typing import IO, Iterator, Optional

from allennlp.commands import predict as allennlp_predict
from allennlp.commands.subcommand import Subcommand
from allennlp.common import Tqdm
from allennlp.common.file_utils import cached_path, open_compressed
from allennlp.common.util import JsonDict

from hmtl.predictors import HMTLPredictor


@Subcommand.register("predict", exist_ok=True)
class Predict(allennlp_predict.Predict):
    """Inputs are read and outputs written as they come, however many there are; their order stays."""

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = super().add_subparser(parser)
        subparser.set_defaults(func=_predict, batch_size=64)
        return subparser


def _predict(arguments: argparse.Namespace) -> None:
    predictor = None if arguments.use_dataset_reader else allennlp_predict._get_predictor(arguments)
    if not isinstance(predictor, HMTLPredictor) or (arguments.silent and not arguments.output_file):
        allennlp_predict._predict(arguments)
        return
    shows = not arguments.silent
    with ExitStack() as stack:
        output: Optional[IO[str]] = None
        if arguments.output_file:
            output = stack.enter_context(open(arguments.output_file, "w", encoding="utf-8"))
        inputs, kept = tee(_records(predictor, arguments.input_file))
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


def _records(predictor: HMTLPredictor, path: str) -> Iterator[JsonDict]:
    if path == "-":
        yield from (predictor.load_line(line) for line in sys.stdin if not line.isspace())
        return
    with open_compressed(cached_path(path)) as file:
        yield from (predictor.load_line(line) for line in file if not line.isspace())

#!/usr/bin/env python
"""Shows what a trained model finds in a text: every task of the model, in one pass.

    python scripts/predict.py runs/my_run "Mara Lind, a baker from Oslo, met her brother Tom."
    python scripts/predict.py model.tar.gz - < article.txt
    python scripts/predict.py model.tar.gz "Some text." --json --scores

    python scripts/predict.py model.tar.gz texts.txt --lines --json > predictions.jsonl

Colours appear on a terminal only, and not where NO_COLOR is set. For texts in JSON lines there is 'hmtl predict'.
"""

import sys
from contextlib import nullcontext
from typing import Iterator, List, Optional

from allennlp.common import Tqdm

from hmtl.common.arguments import add_include_package, include_packages, script_parser
from hmtl.common.explain import user_errors
from hmtl.common.terminal import wants_colours
from hmtl.predictors import HMTLPredictor
from hmtl.predictors.hmtl_predictor import PRECISIONS
from hmtl.predictors.render import render


def main(argv: Optional[List[str]] = None) -> None:
    """Runs the command line; a user's mistake ends in one line and exit code 2."""
    parser = script_parser(__doc__, prog="predict.py")
    parser.add_argument("archive", metavar="ARCHIVE_OR_RUN_DIR", help="a model.tar.gz, or the directory of a run")
    parser.add_argument("text", metavar="TEXT", help="raw text; - reads it from standard input")
    parser.add_argument("--lines", action="store_true", help="TEXT is a file, or -, each line of which is a text")
    parser.add_argument("--batch-size", type=int, default=64, metavar="N", help="texts (default: %(default)s)")
    parser.add_argument("--scores", action="store_true", help="how sure the model is, in the JSON")
    parser.add_argument(
        "--precision", choices=PRECISIONS, default="fp32", help="of the computation (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print the prediction as JSON, with all offsets")
    parser.add_argument("--spacy-model", metavar="NAME", help="a spaCy pipeline that splits the text (default: rules)")
    parser.add_argument("--device", type=int, default=-1, help="a CUDA device; -1 is the CPU (default: %(default)s)")
    parser.add_argument("--weights-file", metavar="PATH", help="other weights, such as RUN/best_ner.safetensors")
    add_include_package(parser, " of the model")
    args = parser.parse_args(argv)
    with user_errors("predict.py"):
        include_packages(args)
        predictor = HMTLPredictor.load(
            args.archive,
            args.spacy_model,
            args.device,
            args.weights_file,
            with_scores=args.scores,
            precision=args.precision,
        )
        colour = wants_colours()
        # On a terminal the predictions themselves show the progress.
        quiet = not args.lines or sys.stdout.isatty() or not sys.stderr.isatty()
        outputs = predictor.predict_many(_texts(args.text, args.lines), args.batch_size)
        for number, output in enumerate(Tqdm.tqdm(outputs, desc="predicting", unit=" texts", disable=quiet)):
            if args.json:
                sys.stdout.write(predictor.dump_line(output))
            else:
                print("\n" * bool(number) + render(output, predictor.layers, colour))
            sys.stdout.flush()


def _texts(text: str, is_file: bool) -> Iterator[str]:
    """The text itself, or those of a file, one a line, without empty lines."""
    if not is_file:
        yield sys.stdin.read() if text == "-" else text
        return
    with nullcontext(sys.stdin) if text == "-" else open(text, encoding="utf-8") as file:
        yield from (line.rstrip("\n") for line in file if line.strip())


if __name__ == "__main__":
    main()

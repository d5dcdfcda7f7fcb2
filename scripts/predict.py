#!/usr/bin/env python
"""Shows what a trained model finds in a text: every task of the model, in one pass.

    python scripts/predict.py runs/my_run "Mara Lind, a baker from Oslo, met her brother Tom."
    python scripts/predict.py model.tar.gz - < article.txt
    python scripts/predict.py model.tar.gz "Some text." --json

Colours appear on a terminal only, and not where NO_COLOR is set. For many texts: hmtl predict model.tar.gz texts.jsonl
"""

import argparse
import os
import sys
from typing import List, Optional

from hmtl.explain import user_errors
from hmtl.predictors import HMTLPredictor
from hmtl.predictors.render import render


def main(argv: Optional[List[str]] = None) -> None:
    """Runs the command line; a user's mistake ends in one line and exit code 2."""
    parser = argparse.ArgumentParser(
        prog="predict.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archive", metavar="ARCHIVE_OR_RUN_DIR", help="a model.tar.gz, or the directory of a run")
    parser.add_argument("text", metavar="TEXT", help="raw text; - reads it from standard input")
    parser.add_argument("--json", action="store_true", help="print the prediction as JSON, with all offsets")
    parser.add_argument("--spacy-model", metavar="NAME", help="a spaCy pipeline that splits the text (default: rules)")
    parser.add_argument("--device", type=int, default=-1, help="a CUDA device; -1 is the CPU (default: %(default)s)")
    parser.add_argument("--weights-file", metavar="PATH", help="other weights than the best, such as RUN/best_ner.th")
    args = parser.parse_args(argv)
    with user_errors("predict.py"):
        predictor = HMTLPredictor.load(args.archive, args.spacy_model, args.device, args.weights_file)
        output = predictor.predict(sys.stdin.read() if args.text == "-" else args.text)
        if args.json:
            sys.stdout.write(predictor.dump_line(output))
        else:
            colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
            print(render(output, predictor.layers, colour))
        sys.stdout.flush()


if __name__ == "__main__":
    main()

#!/usr/bin/env python
"""Checks a corpus: counts per layer and label, errors and warnings with their places.

    python scripts/validate_data.py data/sample
    python scripts/validate_data.py data/conll-2012/v4/data/{train,development,test} --corpus ontonotes --tasks ner
    python scripts/validate_data.py data/conll-2012/v4/data/train --corpus '{"type": "ontonotes", "exclude": ["/pt/"]}'

Exit code 0: no error (warnings may be there); 1: errors; 2: something cannot be read.
"""

import sys
from typing import List, Optional

from hmtl.common.arguments import script_parser
from hmtl.common.explain import explain
from hmtl.corpora.validation import validate_corpus
from hmtl.inspection import corpus_format


def main(argv: Optional[List[str]] = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = script_parser(__doc__)
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a split; of a JSONL directory, each file is one")
    parser.add_argument("--corpus", default="jsonl", help="a format: its name, or its JSON (default: %(default)s)")
    parser.add_argument("--tasks", nargs="+", metavar="TASK", help="tasks whose layers every document must have")
    parser.add_argument("--relation-labels", nargs="+", metavar="LABEL", help="the allowed labels of relations")
    parser.add_argument("--limit", type=int, default=10, help="problems shown of each kind (default: %(default)s)")
    args = parser.parse_args(argv)
    try:
        corpus = corpus_format(args.corpus)
        report = validate_corpus(args.paths, corpus, args.tasks, args.relation_labels)
    except Exception as error:
        message = explain(error)
        if message is None:
            raise
        print(f"validate_data: {message}", file=sys.stderr)
        return 2
    print(report.table())
    print()
    for line in report.problem_lines(args.limit):
        print(line)
    print(f"{len(report.errors)} errors, {len(report.warnings)} warnings")
    return 1 if report.errors else 0


if __name__ == "__main__":
    sys.exit(main())

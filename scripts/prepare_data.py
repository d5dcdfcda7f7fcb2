#!/usr/bin/env python
"""Converts a corpus, as its publisher ships it, to training data: the same as `hmtl prepare`.

    python scripts/prepare_data.py gum --dir gum --output data/gum
    python scripts/prepare_data.py ace05 --help

Exit code 1: some files could not be used and were left out, with one line each. Exit code 2: nothing was written.
"""

import argparse
from typing import List, Optional

from allennlp.common.util import install_sigterm_handler

from hmtl.commands.prepare import add_corpora
from hmtl.common.explain import user_errors


def main(argv: Optional[List[str]] = None) -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        prog="prepare_data.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_corpora(parser)
    arguments = parser.parse_args(argv)
    with user_errors("prepare_data.py"):
        install_sigterm_handler()
        arguments.func(arguments)


if __name__ == "__main__":
    main()

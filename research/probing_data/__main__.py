"""`python -m research.probing_data`: SentEval's ten probing tasks (Conneau et al. 2018) from any treebank.

python -m research.probing_data --conllu treebank/dep --ptb treebank/const --output probing
hmtl probe runs/quickstart --data probing --classifier scikit-learn
"""

import argparse
from pathlib import Path
from typing import List, Optional

from hmtl.common.explain import user_errors
from hmtl.corpora.treebank import LISTS
from research.probing_data.making import DEFAULT_SIZES, make_data


def main(argv: Optional[List[str]] = None) -> None:
    """Runs the command line."""
    arguments = _parser().parse_args(argv)
    with user_errors(program="research.probing_data"):
        make_data(
            arguments.conllu,
            arguments.ptb,
            arguments.output,
            seed=arguments.seed,
            sizes=arguments.sizes,
            shares=arguments.shares,
            num_words=arguments.words,
            num_top_constituents=arguments.top_constituents,
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m research.probing_data",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    lists = ", ".join(LISTS.values())
    parser.add_argument(
        "--conllu",
        type=Path,
        required=True,
        metavar="DIR",
        help=f"the treebank: a file NAME.conllu for each document. The splits are those of {lists} here or in the "
        "directory above, if there are such, else whole documents at random",
    )
    parser.add_argument(
        "--ptb",
        type=Path,
        metavar="DIR",
        help="the same sentences in brackets: NAME.ptb for each document; TreeDepth and TopConst need it",
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="where the files are written")
    parser.add_argument("--seed", type=int, default=13370, help="of everything drawn at random (default: 13370)")
    parser.add_argument(
        "--sizes",
        type=int,
        nargs=3,
        default=DEFAULT_SIZES,
        metavar=("TR", "VA", "TE"),
        help="the most examples of a task in each split (default: those of SentEval, 100000 10000 10000)",
    )
    parser.add_argument(
        "--shares",
        type=float,
        nargs=3,
        metavar=("TR", "VA", "TE"),
        help="split whole documents at random by these shares, whatever lists there are (default: 0.8 0.1 0.1)",
    )
    parser.add_argument(
        "--words", type=int, default=1000, metavar="N", help="the most classes of word content (default: 1000)"
    )
    parser.add_argument(
        "--top-constituents",
        type=int,
        default=19,
        metavar="N",
        help="the most classes of top constituents, beside OTHER (default: 19)",
    )
    return parser


if __name__ == "__main__":
    main()

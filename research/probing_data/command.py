"""`hmtl probe make-data`: the arguments, and what is done with them."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any, Dict, Optional, Sequence

from hmtl.errors import UserError
from research.probing_data.make import make_tasks, usable_sentences
from research.probing_data.output import write_tasks
from research.probing_data.splits import (
    DEFAULT_SHARES,
    LISTS,
    SPLITS,
    find_lists,
    split_at_random,
    split_by_lists,
)
from research.probing_data.task_builder import Settings
from research.probing_data.treebank import read_treebank

# The sizes of SentEval's tasks.
DEFAULT_SIZES = (100000, 10000, 10000)


def add_arguments(parser: ArgumentParser) -> None:
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


def run(arguments: Namespace) -> None:
    """Makes the tasks, writes them and prints how many examples each has.

    # Raises

    UserError
        At an argument or a file that cannot be used; nothing is written then.
    """
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


def make_data(
    conllu: Path,
    ptb: Optional[Path],
    output: Path,
    seed: int = 13370,
    sizes: Sequence[int] = DEFAULT_SIZES,
    shares: Optional[Sequence[float]] = None,
    num_words: int = 1000,
    num_top_constituents: int = 19,
) -> Dict[str, Any]:
    """Makes the ten probing tasks from a treebank; returns what `counts.json` holds of their origin.

    # Raises

    UserError
        At an argument or a file that cannot be used; nothing is written then.
    """
    _check(sizes, shares, num_words, num_top_constituents)
    treebank = read_treebank(conllu, ptb)
    lists = find_lists(conllu) if shares is None else None
    unlisted: Sequence[str] = ()
    if lists is not None:
        splits, unlisted = split_by_lists(treebank, lists)
        origin = "documents as listed in " + ", ".join(LISTS.values())
    else:
        shares = shares or DEFAULT_SHARES
        splits = split_at_random(treebank, shares, seed)
        origin = "whole documents at random, shares " + " ".join(f"{share:g}" for share in shares)
    usable, dropped = usable_sentences(splits)
    made = make_tasks(usable, Settings(dict(zip(SPLITS, sizes)), num_words, num_top_constituents), seed)
    if all(one.left_out for one in made):
        raise UserError(f"{conllu}: too few sentences for any task; expected more documents, or other --shares")
    facts: Dict[str, Any] = {
        "documents": {split: len({sentence.document for sentence in splits[split]}) for split in SPLITS},
        "sentences": {split: len(usable[split]) for split in SPLITS},
        "dropped": dropped,
        "splits": origin + (f"; {len(unlisted)} documents that none lists are left out" if unlisted else ""),
        "seed": seed,
    }
    write_tasks(output, made, facts)
    for one in made:
        sizes_made = "  ".join(f"{split} {len(one.examples.by_split[split]):6}" for split in SPLITS)
        classes = f"{len(one.examples.labels):4} classes"
        print(f"{one.task.title:9} " + (f"left out: {one.left_out}" if one.left_out else f"{sizes_made}  {classes}"))
    print(f"written to {output}, with the rules and counts in README.md")
    return facts


def _check(sizes: Sequence[int], shares: Optional[Sequence[float]], num_words: int, num_top: int) -> None:
    if any(size < 2 for size in sizes):
        raise UserError(f"--sizes {' '.join(map(str, sizes))}: expected three numbers of 2 or more")
    if shares is not None and any(share <= 0 for share in shares):
        raise UserError(f"--shares {' '.join(map(str, shares))}: expected three numbers above 0")
    for option, number in (("--words", num_words), ("--top-constituents", num_top)):
        if number < 1:
            raise UserError(f"{option} {number}: expected 1 or more")

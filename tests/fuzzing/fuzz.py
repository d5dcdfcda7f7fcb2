#!/usr/bin/env python
"""Spoils small corpora and texts at random, and checks that each is read rightly or refused in one line.

    python tests/fuzzing/fuzz.py --inputs 10000 --output runs/fuzz

The same seed gives the same inputs. An interrupted call goes on where it stopped, when it is repeated. Inputs that fail
are kept in OUTPUT/failures, with what was done to them and what happened. Exit code 1: there were some.
"""

import argparse
import json
import logging
import os
import random
import shutil
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Callable, Iterator, List, NamedTuple, Optional

if __name__ == "__main__":
    os.environ["TQDM_DISABLE"] = "1"
    warnings.simplefilter("ignore")
    logging.disable(logging.INFO)
sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parent)]

from corpora_to_spoil import FIXTURES, MAKERS  # noqa: E402
from invariants import Hang, check  # noqa: E402
from mutations import mutate  # noqa: E402

from hmtl.cli import main as hmtl  # noqa: E402
from hmtl.common.files import write_json  # noqa: E402
from hmtl.corpora.ace import converter  # noqa: E402
from hmtl.predictors import HMTLPredictor  # noqa: E402

TARGETS = list(MAKERS)


class Outcome(NamedTuple):
    """What became of an input: `read`, `refused` or `failed`, what was done to it, and the error of a failure."""

    target: str
    result: str
    done: List[str]
    error: str


def try_input(
    seed: int, number: int, work: Path, predictor: Callable[[], HMTLPredictor], targets: Optional[List[str]] = None
) -> Outcome:
    """Makes the input of this number in `work / "input"` and checks it; `work` is empty before."""
    rng = random.Random(f"{seed}/{number}")
    targets = targets or TARGETS
    target = targets[number % len(targets)]
    folder, scratch = work / "input", work / "scratch"
    folder.mkdir(parents=True)
    scratch.mkdir()
    MAKERS[target](folder)
    done = mutate(folder, rng)
    try:
        return Outcome(target, check(target, folder, scratch, predictor), done, "")
    except (Exception, Hang):
        return Outcome(target, "failed", done, traceback.format_exc())


@contextmanager
def pipelines_kept() -> Iterator[None]:
    """Within it, ACE's tokenizers are made once: that takes longer than to use them."""
    before = converter.Tokenizer
    converter.Tokenizer = lru_cache(before)  # type: ignore
    try:
        yield
    finally:
        converter.Tokenizer = before  # type: ignore


@lru_cache(maxsize=None)
def tiny_predictor(folder: Path) -> HMTLPredictor:
    """A model trained for two epochs on the fixture documents."""
    if not (folder / "model.tar.gz").exists():
        hmtl(["train", str(FIXTURES / "tiny.jsonnet"), "-s", str(folder), "--force"])
    return HMTLPredictor.load(folder)


@pipelines_kept()
def main(argv: Optional[List[str]] = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=10_000, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="(default: %(default)s)")
    parser.add_argument("--output", type=Path, default=Path("runs/fuzz"), metavar="DIR", help="(default: %(default)s)")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="one input, as its number in the failures has it")
    arguments = parser.parse_args(argv)
    output: Path = arguments.output
    output.mkdir(parents=True, exist_ok=True)
    state_file = output / "progress.json"
    state = {"seed": arguments.seed, "done": 0, "counts": {}}
    if state_file.exists() and arguments.only is None:
        found = json.loads(state_file.read_text())
        state = found if found["seed"] == arguments.seed else state
    counts = Counter(state["counts"])
    numbers = range(state["done"], arguments.inputs) if arguments.only is None else [arguments.only]
    for number in numbers:
        with tempfile.TemporaryDirectory() as work:
            outcome = try_input(arguments.seed, number, Path(work), lambda: tiny_predictor(output / "model"))
            counts[f"{outcome.target}: {outcome.result}"] += 1
            if outcome.result == "failed":
                _keep(output / "failures" / f"{number}", Path(work) / "input", outcome)
                print(f"input {number} ({outcome.target}): {outcome.error.splitlines()[-1]}", flush=True)
        if arguments.only is None and (number % 50 == 49 or number + 1 == arguments.inputs):
            write_json(state_file, {"seed": arguments.seed, "done": number + 1, "counts": counts})
            failed = sum(count for name, count in counts.items() if name.endswith("failed"))
            print(
                f"\r{number + 1:,} of {arguments.inputs:,} inputs, {failed} failed", end="", file=sys.stderr, flush=True
            )
    print(file=sys.stderr)
    for name, count in sorted(counts.items()):
        print(f"{name}: {count:,}")
    return int(any(name.endswith("failed") for name in counts))


def _keep(place: Path, folder: Path, outcome: Outcome) -> None:
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(folder, place / "input")
    told = "\n".join([outcome.target, *outcome.done, "", outcome.error])
    (place / "error.txt").write_text(told, "utf-8", "backslashreplace")


if __name__ == "__main__":
    sys.exit(main())

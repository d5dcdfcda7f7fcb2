"""`--on-error`: what becomes of a text that cannot be read."""

import argparse
import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator, Optional

from tqdm import tqdm

from hmtl.common.explain import explain
from hmtl.common.files import record_file
from hmtl.errors import DataError

_SUFFIX = ".errors.jsonl"


def add_on_error(parser: argparse.ArgumentParser) -> None:
    """Adds the option to a command's parser."""
    parser.add_argument(
        "--on-error",
        choices=["fail", "skip"],
        default="fail",
        help="at a text that cannot be read: stop, and keep what was written before in OUTPUT.incomplete; or go on, "
        "with a line for each such text in OUTPUT.errors.jsonl (on standard error where there is no output file) and "
        "exit code 0",
    )


@contextmanager
def skipped_texts(program: str, choice: str, output: Optional[Path]) -> Iterator[Optional[Callable[[DataError], None]]]:
    """What to call for each text that cannot be read, or `None` where it is to be raised.

    # Parameters

    program : `str`
        The command, which leads what is said on standard error.
    choice : `str`
        `"fail"` or `"skip"`, as the option has it.
    output : `Optional[Path]`
        The file or the folder that is written; beside it stand the lines, JSON objects with `input`, `line` and
        `message`, where `line` is `null` for a file that is one text. `None` is standard output.
    """
    if choice == "fail":
        yield None
        return
    num_skipped = 0
    # A pipe, or /dev/null, has nothing beside it.
    if output is None or (output.exists() and not (output.is_file() or output.is_dir())):

        def say(error: DataError) -> None:
            nonlocal num_skipped
            num_skipped += 1
            # Above the progress bar.
            tqdm.write(f"{program}: skipped: {explain(error)}", file=sys.stderr)

        yield say
        reasons = ""
    else:
        path = output.with_name(output.name + _SUFFIX)
        with record_file(path) as file:

            def note(error: DataError) -> None:
                nonlocal num_skipped
                num_skipped += 1
                record = {"input": str(error.path), "line": error.line, "message": error.message}
                file.write(json.dumps(record) + "\n")

            yield note
        if not num_skipped:
            path.unlink()
        reasons = f"; {path} says why"
    if num_skipped:
        print(f"{program}: skipped {num_skipped:,} text{'s' * (num_skipped > 1)}{reasons}", file=sys.stderr)

#!/usr/bin/env python
"""Scores a finished run, the same as `hmtl evaluate`: python scripts/evaluate.py -s runs/quickstart"""

import sys
from typing import List, Optional

from hmtl.cli import main as hmtl


def main(argv: Optional[List[str]] = None) -> None:
    """Runs the command line."""
    hmtl(["evaluate", *(sys.argv[1:] if argv is None else argv)], program="evaluate.py")


if __name__ == "__main__":
    main()

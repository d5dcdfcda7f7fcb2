#!/usr/bin/env python
"""Converts a corpus, the same as `hmtl prepare`: python scripts/prepare_data.py gum --dir gum --output data/gum"""

import sys
from typing import List, Optional

from hmtl.cli import main as hmtl


def main(argv: Optional[List[str]] = None) -> None:
    """Runs the command line."""
    hmtl(["prepare", *(sys.argv[1:] if argv is None else argv)], program="prepare_data.py")


if __name__ == "__main__":
    main()

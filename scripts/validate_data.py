#!/usr/bin/env python
"""Checks a corpus, the same as `hmtl validate`: python scripts/validate_data.py data/sample"""

import sys
from typing import List, Optional

from hmtl.cli import main as hmtl


def main(argv: Optional[List[str]] = None) -> int:
    """Runs the command line and returns its exit code."""
    try:
        hmtl(["validate", *(sys.argv[1:] if argv is None else argv)], program="validate_data.py")
    except SystemExit as end:
        return int(end.code or 0)
    return 0


if __name__ == "__main__":
    sys.exit(main())

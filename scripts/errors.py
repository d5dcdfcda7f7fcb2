#!/usr/bin/env python
"""Shows what a finished run gets wrong, the same as `hmtl errors`: python scripts/errors.py runs/quickstart"""

import sys
from typing import List, Optional

from hmtl.cli import main as hmtl


def main(argv: Optional[List[str]] = None) -> None:
    """Runs the command line."""
    hmtl(["errors", *(sys.argv[1:] if argv is None else argv)], program="errors.py")


if __name__ == "__main__":
    main()

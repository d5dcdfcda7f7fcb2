#!/usr/bin/env python
"""Shows what a model finds in a text, the same as `hmtl predict`: python scripts/predict.py runs/quickstart TEXT"""

import sys
from typing import List, Optional

from hmtl.cli import main as hmtl


def main(argv: Optional[List[str]] = None) -> None:
    """Runs the command line."""
    hmtl(["predict", *(sys.argv[1:] if argv is None else argv)], program="predict.py")


if __name__ == "__main__":
    main()

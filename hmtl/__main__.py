"""`python -m hmtl`, the same as the command `hmtl`."""

from hmtl.cli import main

if __name__ == "__main__":
    main()

"""Commands that `hmtl` has beside those of AllenNLP."""

from hmtl.commands.runs import Runs

__all__ = ["Runs"]

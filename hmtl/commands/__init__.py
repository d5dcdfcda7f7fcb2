"""Commands that `hmtl` has beside those of AllenNLP."""

from hmtl.commands.prepare import Prepare
from hmtl.commands.runs import Runs
from hmtl.commands.search import Search

__all__ = ["Prepare", "Runs", "Search"]

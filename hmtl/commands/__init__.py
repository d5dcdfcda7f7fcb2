"""Commands that `hmtl` has beside those of AllenNLP."""

from hmtl.commands.inspect import Inspect
from hmtl.commands.prepare import Prepare
from hmtl.commands.runs import Runs
from hmtl.commands.search import Search

__all__ = ["Inspect", "Prepare", "Runs", "Search"]

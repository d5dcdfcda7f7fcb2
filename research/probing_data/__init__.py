"""SentEval's ten probing tasks from any treebank (Conneau et al. 2018)."""

from research.probing_data.command import add_arguments, make_data, run

__all__ = ["add_arguments", "make_data", "run"]

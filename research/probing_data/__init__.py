"""SentEval's ten probing tasks from any treebank (Conneau et al. 2018)."""

"""What the files of a run say about it: summaries, learning curves, runs side by side."""

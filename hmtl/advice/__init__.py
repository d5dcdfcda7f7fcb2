"""Advice before training: which tasks may help one another, by what a study predicts (Bingel & Søgaard 2017)."""

"""Experiments: many runs of shipped configurations over seeds, and the tables that come of them."""

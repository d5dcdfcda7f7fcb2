"""Experiments from data alone: the tasks that documents have, a configuration for them, and a run in Python."""

"""What the levels of a model know that they were not trained for: probing (Conneau et al. 2018)."""

from hmtl.probing.vectors import LevelVectors

__all__ = ["LevelVectors"]

"""From a publisher's files to training data: what `hmtl prepare` does."""

from hmtl.corpora.preparation.source import Converted, Dropped, Skipped, Source, Unit

__all__ = ["Converted", "Dropped", "Skipped", "Source", "Unit"]

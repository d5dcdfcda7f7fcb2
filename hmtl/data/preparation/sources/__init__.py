"""The corpora that `hmtl prepare` takes, one a file."""

from hmtl.data.preparation.sources.gum import GumSource

__all__ = ["GumSource"]

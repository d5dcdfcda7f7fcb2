"""The corpora that `hmtl prepare` takes, one a file."""

from hmtl.corpora.preparation.sources.ace_source import Ace05Source
from hmtl.corpora.preparation.sources.gum_source import GumSource
from hmtl.corpora.preparation.sources.litbank_source import LitbankSource
from hmtl.corpora.preparation.sources.ontonotes_source import OntonotesSource
from hmtl.corpora.preparation.sources.split_files import Conll2003Source, RedocredSource, SciercSource, Wnut17Source

__all__ = [
    "Ace05Source",
    "Conll2003Source",
    "GumSource",
    "LitbankSource",
    "OntonotesSource",
    "RedocredSource",
    "SciercSource",
    "Wnut17Source",
]

"""The corpora that `hmtl prepare` takes, one a file."""

from hmtl.corpora.preparation.sources.ace05 import Ace05Source
from hmtl.corpora.preparation.sources.conll2003 import Conll2003Source
from hmtl.corpora.preparation.sources.gum import GumSource
from hmtl.corpora.preparation.sources.litbank import LitbankSource
from hmtl.corpora.preparation.sources.ontonotes import OntonotesSource
from hmtl.corpora.preparation.sources.redocred import RedocredSource
from hmtl.corpora.preparation.sources.scierc import SciercSource
from hmtl.corpora.preparation.sources.wnut17 import Wnut17Source

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

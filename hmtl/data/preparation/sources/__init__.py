"""The corpora that `hmtl prepare` takes, one a file."""

from hmtl.data.preparation.sources.ace05 import Ace05Source
from hmtl.data.preparation.sources.conll2003 import Conll2003Source
from hmtl.data.preparation.sources.gum import GumSource
from hmtl.data.preparation.sources.litbank import LitbankSource
from hmtl.data.preparation.sources.ontonotes import OntonotesSource
from hmtl.data.preparation.sources.redocred import RedocredSource
from hmtl.data.preparation.sources.scierc import SciercSource
from hmtl.data.preparation.sources.wnut17 import Wnut17Source

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

"""CoNLL-2003, from the files of the shared task."""

from hmtl.corpora.conll2003 import Conll2003Corpus
from hmtl.corpora.preparation.source import Converted, Source, Unit
from hmtl.corpora.preparation.sources.files import FileSource


@Source.register("conll2003")
class Conll2003Source(FileSource):
    """CoNLL-2003, English: named entities of Reuters news.

    Documents are read as by the corpus `conll2003`. The figures are those of Tjong Kim Sang and De Meulder, 2003,
    tables 1 and 2; their counts of sentences include the `-DOCSTART-` rows, one a document.
    """

    default_names = {"train": "eng.train", "dev": "eng.testa", "test": "eng.testb"}
    tokeniser = "CoNLL-2003's own tokens"
    expected = {
        "train": {"documents": 946, "sentences": 14_041, "tokens": 203_621, "ner": 23_499},
        "dev": {"documents": 216, "sentences": 3_250, "tokens": 51_362, "ner": 5_942},
        "test": {"documents": 231, "sentences": 3_453, "tokens": 46_435, "ner": 5_648},
    }

    def convert(self, unit: Unit) -> Converted:
        return Converted.of(unit, Conll2003Corpus().attempts(f"{unit.paths[0]}#:"))

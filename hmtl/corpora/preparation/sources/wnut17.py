"""WNUT-17, from its repository."""

from hmtl.corpora.conll2003 import Conll2003Corpus
from hmtl.corpora.preparation.source import Converted, Source, Unit
from hmtl.corpora.preparation.sources.files import FileSource


@Source.register("wnut17")
class Wnut17Source(FileSource):
    """WNUT-17: emerging named entities of Twitter, YouTube, Stack Overflow and Reddit.

    A text of the publisher's is a sentence here, and each file one document, as the corpus `conll2003` has it. The
    figures of the test set are those of Derczynski et al., 2017; the others are counts of the files.
    """

    default_names = {"train": "wnut17train.conll", "dev": "emerging.dev.conll", "test": "emerging.test.annotated"}
    tokeniser = "WNUT-17's own tokens"
    expected = {
        "train": {"documents": 1, "sentences": 3_394, "tokens": 62_730, "ner": 1_975},
        "dev": {"documents": 1, "sentences": 1_009, "tokens": 15_733, "ner": 836},
        "test": {"documents": 1, "sentences": 1_287, "tokens": 23_394, "ner": 1_079},
    }

    def convert(self, unit: Unit) -> Converted:
        return Converted.of(unit, Conll2003Corpus().attempts(f"{unit.paths[0]}#:"))

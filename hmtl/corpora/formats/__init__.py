"""Formats of annotation tools and of other programs: found by their looks, read, written.

Each of them is a corpus, which a configuration names as well as `hmtl convert --from`:

| name                     | format                                                                   |
|--------------------------|--------------------------------------------------------------------------|
| `brat`                   | brat's `.txt` and `.ann`                                                 |
| `label_studio`           | Label Studio's JSON and JSON-MIN                                         |
| `doccano`, `prodigy`     | JSON lines with `text` and spans of characters                           |
| `huggingface`            | rows of tokens and tags: JSON, Parquet, Arrow                            |
| `columns`                | one token a row, IOB, IOBES, BMES, BILOU or IO tags                      |
| `conllu`                 | CoNLL-U, with `Entity=` as in GUM and CorefUD                            |
| `inception`, `webanno`   | WebAnno TSV 3                                                            |
| `pubtator`, `bioc`       | PubTator; BioC as XML and JSON                                           |
| `spacy`                  | spaCy's DocBin                                                           |
| `spert`, `crossre`       | sentences with entities and relations: CoNLL04, ADE, CrossRE             |
| `labelled`               | texts, or pairs of texts, with labels: GLUE, SNLI, SICK, STS              |
| `annotated`              | the JSON lines of `hmtl annotate`                                        |
"""

from hmtl.corpora.formats.annotated import AnnotatedCorpus
from hmtl.corpora.formats.brat import BratCorpus
from hmtl.corpora.formats.columns import ColumnsCorpus
from hmtl.corpora.formats.concepts import BiocCorpus, PubtatorCorpus
from hmtl.corpora.formats.conllu_corpus import ConlluCorpus
from hmtl.corpora.formats.docbin import DocbinCorpus
from hmtl.corpora.formats.huggingface import HuggingFaceCorpus
from hmtl.corpora.formats.label_studio import LabelStudioCorpus
from hmtl.corpora.formats.labelled_texts import LabelledTextsCorpus
from hmtl.corpora.formats.reading import Found, read_any, sniff, split_documents, splits_of
from hmtl.corpora.formats.sentence_json import SentenceJsonCorpus
from hmtl.corpora.formats.spans_jsonl import SpansJsonlCorpus
from hmtl.corpora.formats.text_corpus import ToolCorpus
from hmtl.corpora.formats.webanno import WebannoCorpus

__all__ = [
    "AnnotatedCorpus",
    "BiocCorpus",
    "BratCorpus",
    "ColumnsCorpus",
    "ConlluCorpus",
    "DocbinCorpus",
    "Found",
    "HuggingFaceCorpus",
    "LabelStudioCorpus",
    "LabelledTextsCorpus",
    "PubtatorCorpus",
    "SentenceJsonCorpus",
    "SpansJsonlCorpus",
    "ToolCorpus",
    "WebannoCorpus",
    "read_any",
    "sniff",
    "split_documents",
    "splits_of",
]

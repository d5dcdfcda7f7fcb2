"""The corpora: each format in one file, each yielding `Document`s.

| name         | format                                               | layers                             |
|--------------|------------------------------------------------------|------------------------------------|
| `jsonl`      | DyGIE/SciERC, one JSON document a line (the default) | those in the file                  |
| `ontonotes`  | CoNLL-2012 columns: OntoNotes 5.0                    | `ner`, clusters                    |
| `conll2003`  | one tag a token: CoNLL-2003, WNUT-17                 | `ner`                              |
| `ace05`      | ACE 2005 as the LDC ships it                         | `emd`, relations, clusters         |
| `ace_conll`  | the ACE 2005 columns of HMTL's first release         | `emd`, relations, clusters         |
| `gum`        | GUM: CoNLL-U with `Entity=`, OntoGUM coreference     | `ner`, `emd`, `mentions`, clusters |
| `gum_layers` | GUM with its constituents                            | and `pos`, `deprel`, `chunks`, ... |
| `redocred`   | DocRED and Re-DocRED JSON                            | `ner`, relations, clusters         |
| `squad`      | SQuAD's JSON, versions 1.1 and 2.0                   | questions (in the metadata)        |
| `streusle`   | STREUSLE 3.0                                         | `mwe`, `supersenses`, ...          |
| `several`    | several of these as one                              | those of each                      |

Those of annotation tools and other programs, such as `brat`, `label_studio` and `columns`, are in
`hmtl.corpora.formats`, which finds them by their looks.

A further format is a subclass of `Corpus` with one method, `parse`, registered under a name.
"""

from hmtl.corpora.ace05 import Ace05Corpus
from hmtl.corpora.ace_conll import AceConllCorpus
from hmtl.corpora.conll2003 import Conll2003Corpus
from hmtl.corpora.corpus import Corpus, JsonlCorpus
from hmtl.corpora.gum import GumCorpus
from hmtl.corpora.gum_layers import GumLayersCorpus
from hmtl.corpora.ontonotes import OntonotesCorpus
from hmtl.corpora.redocred import RedocredCorpus
from hmtl.corpora.several import SeveralCorpora
from hmtl.corpora.squad import SquadCorpus
from hmtl.corpora.streusle import StreusleCorpus

# isort: split
from hmtl.corpora import formats

__all__ = [
    "Ace05Corpus",
    "AceConllCorpus",
    "Conll2003Corpus",
    "Corpus",
    "GumCorpus",
    "GumLayersCorpus",
    "JsonlCorpus",
    "OntonotesCorpus",
    "RedocredCorpus",
    "SeveralCorpora",
    "SquadCorpus",
    "StreusleCorpus",
    "formats",
]

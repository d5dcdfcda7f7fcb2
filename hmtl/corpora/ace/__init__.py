"""ACE 2005 and 2004 as the LDC ships them: from `.sgm` and `.apf.xml` to `Document`s.

`sgml` reads the texts, `apf` the annotation, `tokens` makes sentences of tokens, `converter` brings them together,
`release` finds the files of a split.
"""

from hmtl.corpora.ace.converter import AceConverter, AceOptions
from hmtl.corpora.ace.release import AceRelease

__all__ = ["AceConverter", "AceOptions", "AceRelease"]

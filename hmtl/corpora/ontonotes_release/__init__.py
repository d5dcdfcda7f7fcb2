"""OntoNotes 5.0 as the LDC ships it: trees, names and coreference in files of their own."""

from hmtl.corpora.ontonotes_release.documents import Loss, ReleaseOptions, read_release
from hmtl.corpora.ontonotes_release.skeletons import fill_in_words, read_split_lists

__all__ = ["Loss", "ReleaseOptions", "fill_in_words", "read_release", "read_split_lists"]

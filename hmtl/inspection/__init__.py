"""What a corpus holds: statistics of its splits, and its documents to read, in a terminal or as a page."""

from hmtl.inspection.plain_text import DocumentPrinter
from hmtl.inspection.splits import (
    ShownDocument,
    Split,
    corpus_format,
    documents_by_key,
    find_splits,
    first_documents,
    found_format,
    training_split,
)
from hmtl.inspection.statistics import corpus_statistics
from hmtl.inspection.table import statistics_table

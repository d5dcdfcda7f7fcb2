"""Which documents of the OntoNotes release are in which split of CoNLL-2012."""

from pathlib import Path
from typing import Dict, List, Optional

from hmtl.corpora.ontonotes_release.lines import file_lines
from hmtl.errors import DataError

# The lists that the shared task published for English coreference, sorted as there.
PUBLISHED_LISTS = Path(__file__).parent / "splits"

# Split -> the name of its list.
_FILES = {"train": "train.id", "dev": "development.id", "test": "test.id"}
_PREFIX = "annotations/"


def read_split_lists(folder: Optional[Path] = None) -> Dict[str, List[str]]:
    """The identifiers, such as `bn/cnn/00/cnn_0001`, of each split in the order of its list.

    # Parameters

    folder : `Optional[Path]`
        Holds `train.id`, `development.id` and `test.id`, one document a line; what stands before `annotations/` is
        ignored. By default the lists of CoNLL-2012: 1,940, 222 and 222 documents.

    # Raises

    DataError
        Where a list is missing or empty, or names a document that stands in a list already.
    """
    lists: Dict[str, List[str]] = {}
    places: Dict[str, str] = {}
    for split, name in _FILES.items():
        path = (folder or PUBLISHED_LISTS) / name
        lists[split] = []
        for number, line in file_lines(path):
            document_id = line.strip().rpartition(_PREFIX)[2]
            if not document_id:
                continue
            if document_id in places:
                raise DataError(f"'{document_id}' stands at {places[document_id]} already", path, number)
            places[document_id] = f"{name}:{number}"
            lists[split].append(document_id)
        if not lists[split]:
            raise DataError("an empty list; expected one document a line, such as 'bn/cnn/00/cnn_0001'", path)
    return lists

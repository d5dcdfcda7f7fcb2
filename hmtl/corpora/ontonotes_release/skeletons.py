"""What CoNLL-2012 adds to the OntoNotes release: which documents are in which split, and skeletons.

The `*_skel` files of CoNLL-2012 have all columns but the words: these come from the release.
"""

from pathlib import Path
from typing import Dict, Iterator, List, Optional

from hmtl.corpora.ontonotes_release.trees import file_lines, plain_word, read_trees
from hmtl.document import Document
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


def fill_in_words(
    documents: List[Document], skeleton: Path, parse_file: Path, unescape: bool = False
) -> Iterator[Document]:
    """Yields the documents of a skeleton with the words of the release's trees instead of `[WORD]`.

    # Parameters

    documents : `List[Document]`
        All documents of the file `skeleton`, in their order.
    skeleton, parse_file : `Path`
        The two files.
    unescape : `bool`, optional (default = `False`)
        As for `ReleaseOptions`.

    # Raises

    DataError
        Where the sentences of the skeleton do not have as many words as the trees.
    """
    trees = [tree for tree in read_trees(parse_file) if tree.words]
    sentences = [tree.sentence() for tree in trees]
    found = sum(len(document.sentences) for document in documents)
    if found != len(sentences):
        message = f"{found} sentences, but '{parse_file}' has {len(sentences)} trees with words"
        raise DataError(message, skeleton)
    start = 0
    for document in documents:
        words = sentences[start : start + len(document.sentences)]
        for number, (blanks, sentence) in enumerate(zip(document.sentences, words)):
            if len(blanks) != len(sentence):
                message = (
                    f"document '{document.doc_key}': sentence {number} has {len(blanks)} words, but the tree on line "
                    f"{trees[start + number].line} of '{parse_file}' has {len(sentence)}"
                )
                raise DataError(message, skeleton)
        document.sentences = [[plain_word(word) for word in sentence] if unescape else sentence for sentence in words]
        start += len(words)
        yield document

"""The `*_skel` files of CoNLL-2012, which have all columns but the words: these come from the release."""

from pathlib import Path
from typing import Iterator, List

from hmtl.corpora.ontonotes_release.trees import plain_word, read_trees
from hmtl.document import Document
from hmtl.errors import DataError


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

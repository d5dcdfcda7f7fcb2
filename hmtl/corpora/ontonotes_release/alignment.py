"""Lines of a `.name` or `.coref` file and the trees that they annotate."""

from pathlib import Path
from typing import Iterator, List, Tuple

from hmtl.corpora.ontonotes_release.tagged_text import TaggedSentence, same_tokens
from hmtl.corpora.ontonotes_release.trees import Tree
from hmtl.errors import DataError

_SHOWN_TOKENS = 6


def align(
    sentences: List[TaggedSentence], trees: List[Tree], path: Path, with_traces: bool
) -> Iterator[Tuple[int, TaggedSentence, List[int]]]:
    """Yields, for each line, the number of its tree, the line, and for each of its tokens the number of its leaf.

    # Parameters

    sentences : `List[TaggedSentence]`
        The lines with tokens.
    trees : `List[Tree]`
        The trees of the `.parse` file.
    path : `Path`
        The file of the lines, for messages.
    with_traces : `bool`
        Whether the lines usually have the traces of the trees as tokens. A line that has the other number of tokens is
        taken to be of the other kind.

    # Raises

    DataError
        Where the lines are not as many as the trees, or the tokens of one are not those of its tree.
    """
    indices = list(range(len(trees)))
    if len(sentences) != len(trees):
        # A tree of traces alone is an empty line where traces are left out.
        indices = [index for index in indices if trees[index].words]
    for index, sentence in zip(indices, sentences):
        leaves = [leaf.word for leaf in trees[index].leaves]
        all_leaves = list(range(len(leaves)))
        words = [number for number in all_leaves if not trees[index].leaves[number].is_trace]
        for numbers in (all_leaves, words) if with_traces else (words, all_leaves):
            if same_tokens(sentence.tokens, [leaves[number] for number in numbers]):
                yield index, sentence, numbers
                break
        else:
            expected = leaves if with_traces else trees[index].words
            message = (
                f"{_show(sentence.tokens)}, but the tree on line {trees[index].line} of the '.parse' file has "
                f"{_show(expected)}"
            )
            raise DataError(message, path, sentence.line)
    if len(sentences) != len(indices):
        raise DataError(f"{len(sentences)} sentences, but the '.parse' file has {len(trees)} trees", path)


def _show(tokens: List[str]) -> str:
    text = " ".join(tokens[:_SHOWN_TOKENS]) + (" ..." if len(tokens) > _SHOWN_TOKENS else "")
    return f"{len(tokens)} tokens '{text}'"

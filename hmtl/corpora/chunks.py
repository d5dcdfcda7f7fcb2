"""The chunks of a sentence, from its constituents."""

from typing import List, Optional, Tuple

from hmtl.corpora.brackets import Constituent
from hmtl.document import Span

# Phrases that are named as another kind, and those that are no phrases of their own.
_KINDS = {"WHNP": "NP", "WHPP": "PP", "WHADVP": "ADVP", "WHADJP": "ADJP", "NAC": "NP"}
_TRANSPARENT = {"QP", "NX", "UCP", "PRN", "X"}
_CHUNKED = {"NP", "VP", "PP", "ADJP", "ADVP", "SBAR", "PRT", "INTJ", "CONJP", "LST"}
# What a noun phrase may contain and still be one chunk.
_WITHIN_NOUN_PHRASES = {"ADJP", "ADVP", "QP", "NX", "NAC"}


def chunks_of(tree: Constituent) -> List[Span]:
    """The chunks of a sentence: phrases that do not overlap, after those of CoNLL-2000, by rules of our own.

    A noun phrase without a phrase inside it, other than modifiers (ADJP, ADVP) and numbers, is one chunk. Otherwise the
    tokens that a phrase holds itself are chunks of its kind, wherever they stand beside one another; a verb phrase that
    directly follows the words of the one around it continues their chunk (`has been sold`). Functions are dropped, and
    WHNP counts as NP and so on. Punctuation, conjunctions between chunks, and tokens of clauses belong to no chunk; the
    words of SBAR do.
    """
    kinds: List[Optional[Tuple[int, str]]] = []
    _collect(tree, None, kinds)
    spans: List[Span] = []
    last: Optional[Tuple[int, str]] = None
    for position, found in enumerate(kinds):
        if found is not None and found == last:
            spans[-1] = spans[-1]._replace(end=position)
        elif found is not None:
            spans.append(Span(position, position, found[1]))
        last = found
    return spans


def _collect(node: Constituent, phrase: Optional[Tuple[int, str]], kinds: List[Optional[Tuple[int, str]]]) -> None:
    """Appends the phrase, as a number and its kind, that each token's chunk belongs to."""
    if node.is_preterminal:
        kinds.append(None if node.label == "CC" or _is_punctuation(node.label) else phrase)
        return
    kind = _kind(node)
    if kind == "NP" and _is_base(node):
        kinds.extend(None if _is_punctuation(token.label) else (id(node), kind) for token in node.preterminals())
        return
    if kind not in _TRANSPARENT:
        continues = kind == "VP" and phrase is not None and phrase[1] == "VP"
        phrase = phrase if continues else (id(node), kind) if kind in _CHUNKED else None
    for child in node.constituents:
        _collect(child, phrase, kinds)


def _kind(node: Constituent) -> str:
    return _KINDS.get(node.category, node.category)


def _is_base(node: Constituent) -> bool:
    """Whether there is nothing but tokens and their modifiers below."""
    return all(
        child.is_preterminal or (_kind(child) in _WITHIN_NOUN_PHRASES and _is_base(child))
        for child in node.constituents
    )


def _is_punctuation(tag: str) -> bool:
    return tag in ("-LRB-", "-RRB-", "NFP") or not any(character.isalpha() or character in "$#" for character in tag)

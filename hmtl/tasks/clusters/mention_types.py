"""Whether a mention is a pronoun, a proper name or nominal, by rules for English that need no model."""

from typing import FrozenSet, Iterable, List, Literal, Sequence

MentionType = Literal["pronoun", "proper name", "nominal"]
MENTION_TYPES: List[MentionType] = ["pronoun", "proper name", "nominal"]

_PRONOUN_LIST = (
    "i me my mine myself we us our ours ourselves you your yours yourself yourselves he him his himself she her hers "
    "herself it its itself they them their theirs themselves themself one oneself this that these those who whom whose "
    "which what each other another everyone everybody someone somebody anyone anybody nobody everything something "
    "anything nothing all both some many none 's u ur ya y'all"
)
# The head of a mention is the last token before the first of these words.
_AFTER_HEAD_LIST = (
    "of in on at by for from with without to about against between among under over after before during since who whom "
    "whose which that where when as , ( -lrb- : ; - --"
)
_PRONOUNS, _AFTER_HEAD = frozenset(_PRONOUN_LIST.split()), frozenset(_AFTER_HEAD_LIST.split())


def head_of(tokens: Sequence[str]) -> str:
    """The last token before a preposition, a relative pronoun, a comma or the like, and before a possessive mark."""
    end = next((n for n, token in enumerate(tokens) if n and token.lower() in _AFTER_HEAD), len(tokens))
    if end > 1 and tokens[end - 1] in ("'s", "\u2019s", "'", "\u2019"):
        end -= 1
    return tokens[end - 1]


def lower_case_words(tokens: Iterable[str]) -> FrozenSet[str]:
    """The words of a document that it writes without a capital somewhere."""
    return frozenset(token for token in tokens if token[:1].islower())


def mention_type(tokens: Sequence[str], at_sentence_start: bool, lower_case: FrozenSet[str]) -> MentionType:
    """The type of a mention.

    It is a pronoun where all tokens are on a list of pronouns; a proper name where its head (see `head_of`) begins with
    a capital; nominal otherwise. A capital at the start of a sentence says nothing about a word that the document also
    writes without.

    # Parameters

    tokens : `Sequence[str]`
        Those of the mention.
    at_sentence_start : `bool`
        Whether the mention begins its sentence.
    lower_case : `FrozenSet[str]`
        The `lower_case_words` of the document.
    """
    if all(token.lower() in _PRONOUNS for token in tokens):
        return "pronoun"
    head = head_of(tokens)
    if not head[:1].isupper():
        return "nominal"
    begins_sentence = at_sentence_start and head == tokens[0]
    return "nominal" if begins_sentence and head.lower() in lower_case else "proper name"

"""How an encoder of the transformers library cuts words into word pieces.

Of transformers only what its releases from 4.43 on have in common is used: `AutoTokenizer`, the call of a tokenizer,
and `word_ids`.
"""

from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from allennlp.common.checks import ConfigurationError
from transformers import AutoTokenizer

# A word that tokenizers know, or cut in the same way wherever it stands.
_PROBES = ("a", "1", "the")


class Pieces(NamedTuple):
    """The word pieces of a sequence of words.

    # Attributes

    ids : `List[int]`
        Without special tokens.
    words : `List[int]`
        The number of the word, from 0, that each piece belongs to. A word without pieces is not in it.
    """

    ids: List[int]
    words: List[int]


class WordCutter:
    """The tokenizer of an encoder, for texts that are words already.

    Each word is cut as the tokenizer cuts it within a text, after a space. Byte-level BPE (of RoBERTa, BART,
    ModernBERT, GPT-2) has other pieces for a word that begins the text: its tokenizers are loaded with
    `add_prefix_space`, and those that do not know this get the space with each word.

    # Parameters

    model_name : `str`
        A name of the hub or a local folder.
    tokenizer_kwargs : `Optional[Dict[str, Any]]`, optional (default = `None`)
        For `AutoTokenizer.from_pretrained`.

    # Attributes

    start, end : `List[int]`
        The special tokens before and after a text.
    type_ids : `Tuple[List[int], int, List[int]]`
        The token type ids of `start`, of each piece, and of `end`.
    needs_space : `bool`
        Whether the tokenizer, loaded with no more than `tokenizer_kwargs`, cuts a word alone in another way.
    num_pieces : `int`
        How many different pieces there are, with those added to the vocabulary.
    pad_id : `int`
        Of the padding; 0 where the tokenizer has none.

    # Raises

    ConfigurationError
        Where the tokenizer's special tokens cannot be told from its pieces.
    """

    def __init__(self, model_name: str, tokenizer_kwargs: Optional[Dict[str, Any]] = None) -> None:
        options = dict(tokenizer_kwargs or {})
        tokenizer = AutoTokenizer.from_pretrained(model_name, **options)
        self.needs_space = not _knows_spaces(tokenizer)
        if self.needs_space and hasattr(tokenizer, "add_prefix_space"):
            tokenizer = AutoTokenizer.from_pretrained(model_name, **{**options, "add_prefix_space": True})
        self._tokenizer: Any = tokenizer
        self._space = "" if _knows_spaces(tokenizer) else " "
        self.num_pieces = len(tokenizer)
        self.pad_id: int = tokenizer.pad_token_id or 0
        self.start, self.end, self.type_ids = _special_tokens(tokenizer, model_name)

    def cut(self, texts: Sequence[Sequence[str]]) -> List[Pieces]:
        """The pieces of each text."""
        spaced = [[self._space + word if word else word for word in text] for text in texts]
        return self._cut_quickly(spaced) if self._tokenizer.is_fast else self._cut_word_by_word(spaced)

    def _cut_quickly(self, texts: List[List[str]]) -> List[Pieces]:
        filled = [text for text in texts if text]
        if not filled:
            return [Pieces([], []) for _ in texts]
        encoded = self._tokenizer(
            filled,
            is_split_into_words=True,
            add_special_tokens=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )
        pieces = (Pieces(ids, encoded.word_ids(number)) for number, ids in enumerate(encoded["input_ids"]))
        return [next(pieces) if text else Pieces([], []) for text in texts]

    def _cut_word_by_word(self, texts: List[List[str]]) -> List[Pieces]:
        """For tokenizers in Python, which do not tell the words of their pieces."""
        known = {
            word: self._tokenizer(word, add_special_tokens=False, return_attention_mask=False, verbose=False)[
                "input_ids"
            ]
            for word in {word for text in texts for word in text}
        }
        return [
            Pieces(
                [piece for word in text for piece in known[word]],
                [number for number, word in enumerate(text) for _ in known[word]],
            )
            for text in texts
        ]


_cutters: Dict[str, WordCutter] = {}


def word_cutter(model_name: str, tokenizer_kwargs: Optional[Dict[str, Any]] = None) -> WordCutter:
    """The same cutter for the same arguments: loading one takes long."""
    key = repr((model_name, sorted((tokenizer_kwargs or {}).items())))
    if key not in _cutters:
        _cutters[key] = WordCutter(model_name, tokenizer_kwargs)
    return _cutters[key]


def _knows_spaces(tokenizer: Any) -> bool:
    """Whether a word alone has the pieces that it has after a space."""
    alone, twice = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in ("a", "a a"))
    return list(twice) == [*alone, *alone]


def _special_tokens(tokenizer: Any, model_name: str) -> Tuple[List[int], List[int], Tuple[List[int], int, List[int]]]:
    """Found around a word, as AllenNLP's tokenizer finds them."""
    for probe in _PROBES:
        inner = tokenizer(probe, add_special_tokens=False)["input_ids"]
        encoded = tokenizer(probe, return_token_type_ids=True)
        ids = list(encoded["input_ids"])
        types = list(encoded.get("token_type_ids") or [])
        if len(types) != len(ids):
            types = [0] * len(ids)
        places = [place for place in range(len(ids)) if inner and ids[place : place + len(inner)] == list(inner)]
        if len(places) == 1:
            begin, end = places[0], places[0] + len(inner)
            return ids[:begin], ids[end:], (types[:begin], types[begin], types[end:])
    raise ConfigurationError(
        f"{model_name}: its tokenizer's special tokens cannot be told from the pieces of {' or '.join(_PROBES)}; "
        "expected a tokenizer whose vocabulary has one of these words, or their letters"
    )

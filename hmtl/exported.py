"""Models that `hmtl export` has written, read and run without transformers, hmtl's own models and those of AllenNLP.

Beside hmtl, jsonnet, regex and tqdm that takes numpy, and onnxruntime or, for graphs of `torch.export`, torch;
tokenizers for models on an encoder of the transformers library, and spaCy for raw text.
"""

import json
import os
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from hmtl.common.standing_spans import standing_together
from hmtl.errors import UserError
from hmtl.text import SentenceSplitter, TokenizedText

MANIFEST = "model.json"
TOKENIZER = "tokenizer.json"
FORMAT = 1
# Sentences that are computed together, and their tokens, padding included, unless one has more.
_MOST_SENTENCES, _MOST_TOKENS = 32, 2**12
_BEGIN, _INSIDE, _LAST, _UNIT = 1, 2, 3, 4

Sentence = Sequence[str]
# First token, last token, label.
_Span = Tuple[int, int, str]


class ExportedModel:
    """Finds spans and relations by a graph that `hmtl export` has written.

    What it finds is what the model finds, of the tasks that were exported, up to the rounding of the graph.

    # Parameters

    folder : `Union[str, PathLike]`
        That `hmtl export` has written.
    spacy_model : `str`, optional (default = `None`)
        The spaCy pipeline that splits raw text; see `SentenceSplitter`.
    threads : `int`, optional (default = `None`)
        Of the CPU, by which a batch is computed; by default as the runtime has it.

    # Raises

    UserError
        Where the folder holds nothing of that kind, or a package is missing.
    """

    def __init__(
        self, folder: Union[str, os.PathLike], spacy_model: Optional[str] = None, threads: Optional[int] = None
    ) -> None:
        directory = Path(folder)
        try:
            manifest = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(f"{directory}: no exported model ({error}); 'hmtl export MODEL FOLDER' makes one") from None
        if manifest.get("format") != FORMAT:
            raise UserError(f"{directory / MANIFEST}: format {manifest.get('format')!r}; this hmtl reads {FORMAT}")
        self.manifest: Dict[str, Any] = manifest
        self.tasks: Dict[str, Dict[str, Any]] = manifest["tasks"]
        pieces: Dict[str, _Pieces] = {}
        self._readers = [
            _reader(described, manifest["vocabularies"], directory, pieces) for described in manifest["inputs"]
        ]
        self._run = _runtime(directory / manifest["file"], threads)
        self._split = SentenceSplitter(spacy_model)

    def predict(self, text: Union[str, List[List[str]]]) -> Dict[str, Any]:
        """What the model finds in a raw text, or in the tokens of one, sentence by sentence; in the layout of
        `HMTLPredictor`, of the tasks that were exported and without scores.

        # Raises

        UserError
            Where a sentence is empty, or longer than the encoder reads.
        """
        split = self._split(text) if isinstance(text, str) else TokenizedText.from_sentences(text)
        output: Dict[str, Any] = {
            "text": split.text,
            "sentences": split.sentences,
            "token_offsets": [list(offsets) for offsets in split.token_offsets],
            **{task: [] for task in self.tasks},
        }
        if not split.sentences:
            return output
        scores = self.scores(split.sentences)
        for number, first in enumerate(split.sentence_starts):
            found: Dict[str, List[Any]] = {}
            # Relations read spans.
            for task in sorted(self.tasks, key=lambda task: self.tasks[task]["decoder"] == "last_tokens"):
                described = self.tasks[task]
                found[task] = _DECODERS[described["decoder"]](described, scores[task][number], found)
            for task, rows in found.items():
                output[task] += [_row(row, first, split) for row in rows]
        return output

    def scores(self, sentences: Sequence[Sentence]) -> Dict[str, List[np.ndarray]]:
        """The scores of each task for each sentence, as its head has them before it chooses: of tags or labels
        (length, number), of spans by first token and width (length, largest width, number of labels), of pairs of
        tokens (length, length, number of types).

        # Raises

        UserError
            As `predict` does.
        """
        if not all(sentences):
            raise UserError("a sentence has no tokens; leave it out")
        found: Dict[str, List[Any]] = {task: [None] * len(sentences) for task in self.tasks}
        for numbers in _batches([len(sentence) for sentence in sentences]):
            batch = [sentences[number] for number in numbers]
            # Shape (each): (batch_size, length, ...)
            outputs = self._run([reader(batch) for reader in self._readers])
            for task, output in zip(self.tasks, outputs):
                for number, sentence, scores in zip(numbers, batch, output):
                    length = len(sentence)
                    is_of_pairs = self.tasks[task]["decoder"] == "last_tokens"
                    found[task][number] = scores[:length, :length] if is_of_pairs else scores[:length]
        return found


def _batches(lengths: Sequence[int]) -> Iterable[List[int]]:
    """The numbers of the sentences of each batch, which are of similar length."""
    batch: List[int] = []
    for number in sorted(range(len(lengths)), key=lengths.__getitem__):
        # The longest comes last.
        if batch and (len(batch) == _MOST_SENTENCES or (len(batch) + 1) * lengths[number] > _MOST_TOKENS):
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch


# From words to tensors.

_Reader = Callable[[List[Sentence]], np.ndarray]


def _reader(
    described: Dict[str, Any], vocabularies: Dict[str, List[str]], directory: Path, pieces: "Dict[str, _Pieces]"
) -> _Reader:
    """What makes a tensor of sentences, as `hmtl.export` has described it.

    `pieces` has the tokenizers so far, by their files: all tensors of an encoder have one, which cuts a batch once.
    """
    kind = described["kind"]
    if kind == "mask":
        return lambda sentences: _padded([np.ones(len(sentence), dtype=bool) for sentence in sentences])
    if kind in ("words", "characters"):
        words = vocabularies[described["vocabulary"]]
        numbers = {word: number for number, word in enumerate(words)}
        unknown = described["unknown"]
        if kind == "words":
            fold = str.lower if described["lowercase"] else str
            return lambda sentences: _padded(
                [np.array([numbers.get(fold(word), unknown) for word in sentence]) for sentence in sentences]
            )
        least = described["min_length"]

        def characters(sentences: List[Sentence]) -> np.ndarray:
            width = max(least, max(len(word) for sentence in sentences for word in sentence))
            rows = [np.zeros((len(sentence), width), dtype=np.int64) for sentence in sentences]
            for row, sentence in zip(rows, sentences):
                for place, word in enumerate(sentence):
                    row[place, : len(word)] = [numbers.get(character, unknown) for character in word]
            return _padded(rows)

        return characters
    name, key = described["tokenizer"], described["key"]
    if name not in pieces:
        pieces[name] = _Pieces(directory / name, described)
    return partial(pieces[name].tensor, key=key)


def _padded(rows: List[np.ndarray], padding: int = 0) -> np.ndarray:
    shape = (len(rows), max(map(len, rows)), *rows[0].shape[1:])
    array = np.full(shape, padding, dtype=bool if rows[0].dtype == bool else np.int64)
    for number, row in enumerate(rows):
        array[number, : len(row)] = row
    return array


class _Pieces:
    """Words as the word pieces of an encoder."""

    def __init__(self, path: Path, described: Dict[str, Any]) -> None:
        try:
            from tokenizers import Tokenizer
        except ImportError:
            raise UserError("this exported model needs the package tokenizers: pip install tokenizers") from None
        self._tokenizer = Tokenizer.from_file(str(path))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._described = described
        self._last: Tuple[Any, List[Tuple[List[int], List[int]]]] = (None, [])

    def tensor(self, sentences: List[Sentence], key: str) -> np.ndarray:
        """`token_ids`, `wordpiece_mask` or `word_numbers`, as the indexer `hmtl_transformer` has them."""
        last = self._last
        if last[0] is not sentences:
            last = self._last = (sentences, [self._cut(sentence) for sentence in sentences])
        pieces = last[1]
        if key == "token_ids":
            return _padded([np.array(ids) for ids, _ in pieces], self._described["pad"])
        if key == "word_numbers":
            return _padded([np.array(words) for _, words in pieces])
        return _padded([np.ones(len(ids), dtype=bool) for ids, _ in pieces])

    def _cut(self, sentence: Sentence) -> Tuple[List[int], List[int]]:
        start, end, space = (self._described[key] for key in ("start", "end", "space"))
        encoded = self._tokenizer.encode(
            [space + word if word else word for word in sentence], is_pretokenized=True, add_special_tokens=False
        )
        limit = self._described["max_length"]
        if limit is not None and len(start) + len(encoded.ids) + len(end) > limit:
            raise UserError(
                f"a sentence of {len(sentence):,} tokens has {len(encoded.ids):,} word pieces; the encoder reads at "
                f"most {limit - len(start) - len(end):,}"
            )
        words = [0] * len(start) + [word + 1 for word in encoded.word_ids if word is not None] + [0] * len(end)
        return [*start, *encoded.ids, *end], words


# From tensors to scores.


def _runtime(path: Path, threads: Optional[int]) -> Callable[[List[np.ndarray]], List[np.ndarray]]:
    if path.suffix == ".onnx":
        try:
            import onnxruntime
        except ImportError:
            raise UserError("this exported model needs the package onnxruntime: pip install onnxruntime") from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        # Warnings of what the runtime simplifies.
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        names = [described.name for described in session.get_inputs()]
        return lambda arrays: session.run(None, dict(zip(names, arrays)))
    try:
        import torch
    except ImportError:
        raise UserError("this exported model needs the package torch: pip install torch") from None
    if threads:
        torch.set_num_threads(threads)
    module = torch.export.load(path).module()

    def run(arrays: List[np.ndarray]) -> List[np.ndarray]:
        with torch.no_grad():
            return [output.numpy() for output in module(*map(torch.from_numpy, arrays))]

    return run


# From scores to spans and relations of a sentence, counted from its start.

_Found = Dict[str, List[Any]]


class _Relation(NamedTuple):
    label: str
    arg1: Tuple[int, int]
    arg2: Tuple[int, int]


def _bioul(described: Dict[str, Any], scores: np.ndarray, found: _Found) -> List[_Span]:
    """The spans of the best sequence of tags that is allowed (Viterbi 1967); tag 0 is O, label n has the four tags from
    4n + 1 on: B, I, L, U."""
    start, transitions, end = (
        np.array([[-np.inf if score is None else score for score in row] for row in rows])
        for rows in ([described["start"]], described["transitions"], [described["end"]])
    )
    best = scores[0] + start[0]
    origins = []
    for emission in scores[1:]:
        # Shape: (num_tags, num_tags), from row to column
        paths = best[:, None] + transitions
        origins.append(paths.argmax(0))
        best = paths.max(0) + emission
    tags = [int((best + end[0]).argmax())]
    for origin in reversed(origins):
        tags.append(int(origin[tags[-1]]))
    spans, first = [], 0
    for place, tag in enumerate(reversed(tags)):
        label, part = divmod(tag - 1, 4)
        if tag and part + 1 in (_BEGIN, _UNIT):
            first = place
        if tag and part + 1 in (_LAST, _UNIT):
            spans.append((first, place, described["labels"][label]))
    return spans


def _tokens(described: Dict[str, Any], scores: np.ndarray, found: _Found) -> List[_Span]:
    labels = [described["labels"][number] for number in scores.argmax(-1)]
    return [(place, place, label) for place, label in enumerate(labels) if label != described["negative_label"]]


def _spans(described: Dict[str, Any], scores: np.ndarray, found: _Found) -> List[_Span]:
    """Those whose log-odds of having a label reach the threshold and that stand together."""
    length, width, _ = scores.shape
    places = np.arange(length)[:, None] + np.arange(width)
    threshold = described["threshold_logit"]
    if described["several_labels"]:
        weights = np.where((places < length)[..., None], scores - threshold, -np.inf)
        starts, wider_by, labels = np.nonzero(weights >= 0)
        chosen = weights[starts, wider_by, labels]
    else:
        top = scores.max(-1)
        of_any = top + np.log(np.exp(scores - top[..., None]).sum(-1)) - threshold
        of_any = np.where(places < length, of_any, -np.inf)
        starts, wider_by = np.nonzero(of_any >= 0)
        labels, chosen = scores[starts, wider_by].argmax(-1), of_any[starts, wider_by]
    bounds = [(int(start), int(start + wider)) for start, wider in zip(starts, wider_by)]
    kept = standing_together(bounds, chosen.tolist(), described["overlaps"], described["selection"])
    return [(*bounds[number], described["labels"][labels[number]]) for number in kept]


def _last_tokens(described: Dict[str, Any], scores: np.ndarray, found: _Found) -> List[_Relation]:
    """Relations of the last tokens of their arguments, each of which stands for the longest span that ends there, of
    the first task that has one; without one for itself."""
    first_of: Dict[int, int] = {}
    for task in described["span_tasks"]:
        for first, last, _ in sorted(found[task]):
            first_of.setdefault(last, first)
    is_found = scores >= described["threshold_logit"]
    if not described["allow_self_relations"]:
        np.einsum("iij->ij", is_found)[:] = False
    return [
        _Relation(described["labels"][label], (first_of.get(one, one), one), (first_of.get(other, other), other))
        for one, other, label in np.argwhere(is_found).tolist()
    ]


_DECODERS: Dict[str, Callable[[Dict[str, Any], np.ndarray, _Found], List[Any]]] = {
    "bioul": _bioul,
    "last_tokens": _last_tokens,
    "spans": _spans,
    "tokens": _tokens,
}


def _row(found: Any, first: int, text: TokenizedText) -> Dict[str, Any]:
    """As `HMTLPredictor` shows it, counted from the start of the text."""
    if isinstance(found, _Relation):
        arguments = [text.mention(first + start, first + end) for start, end in (found.arg1, found.arg2)]
        return {"label": found.label, "arg1": arguments[0], "arg2": arguments[1]}
    start, end, label = found
    return {**text.mention(first + start, first + end), "label": label}

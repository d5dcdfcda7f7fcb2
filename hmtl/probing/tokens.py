"""Probes of single tokens: part of speech, relation to the head, constituent."""

import hashlib
import json
import random
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy
import torch
from allennlp.common import Tqdm

from hmtl.common.files import write_json
from hmtl.common.tables import markdown
from hmtl.corpora.constituents import Constituent
from hmtl.corpora.treebank import DEFAULT_SHARES, Sentence, find_lists, read_treebank, split_at_random, split_by_lists
from hmtl.errors import UserError
from hmtl.probing.controls import control_labels
from hmtl.probing.linear_probe import LinearProbe, description_length, standardized
from hmtl.probing.sentences import ACCURACY, COMPRESSION, MEASURES, SELECTIVITY, TRAINED, known_measures
from hmtl.probing.vectors import LevelVectors

POS, RELATION, CONSTITUENT = "POS", "Relation", "Constituent"
# Below the directory of results.
FOLDER = "tokens"
# Changes when the same data, model and seed would give other results.
_FORMAT = 2


@dataclass(frozen=True)
class TokenProbeResult:
    """What a linear probe reads off the vectors of one level.

    # Attributes

    encoder, level, task : `str`
    num_classes, num_train, num_test : `int`
        Of tokens.
    accuracy, majority : `float`
        Of the probe in the test split, and of the most frequent label of the training split: from 0 to 1.
    control_accuracy : `Optional[float]`
        In the control task, in which each word has a random label; like the following, where it was asked for.
    description_length : `Optional[float]`
        The online code length of the training split's labels, in thousands of bits.
    compression : `Optional[float]`
        How many times shorter than the uniform code.
    by_document : `Dict[str, List[int]]`
        Of each test document the number of tokens at which the probe is right, and of all its test tokens.
    """

    encoder: str
    level: str
    task: str
    num_classes: int
    num_train: int
    num_test: int
    accuracy: float
    majority: float
    control_accuracy: Optional[float] = None
    description_length: Optional[float] = None
    compression: Optional[float] = None
    by_document: Dict[str, List[int]] = field(default_factory=dict)

    @property
    def selectivity(self) -> Optional[float]:
        """Accuracy less that in the control task (Hewitt & Liang 2019)."""
        return None if self.control_accuracy is None else self.accuracy - self.control_accuracy


def token_labels(sentence: Sentence) -> Dict[str, List[str]]:
    """The label of each token in each task: its UPOS tag, its relation to its head without subtype, and the category of
    the smallest constituent above its tag, where there is a tree."""
    labels = {
        POS: [token.upos for token in sentence.tokens],
        RELATION: [token.universal_relation for token in sentence.tokens],
    }
    if sentence.tree is not None:
        labels[CONSTITUENT] = list(_parents(Constituent("", [sentence.tree])))
    return labels


def run(
    vectors: LevelVectors,
    conllu: Path,
    ptb: Optional[Path],
    levels: Sequence[str],
    seed: int,
    max_sentences: Optional[int] = None,
    encoder: str = TRAINED,
    output: Optional[Path] = None,
    measures: Sequence[str] = MEASURES,
) -> List[TokenProbeResult]:
    """Probes levels for each task: trained on the training split of a treebank, measured in its test split.

    # Parameters

    vectors : `LevelVectors`
    conllu, ptb : `Path`
        The treebank as of `read_treebank`; without `ptb` there is no task of constituents. The splits are those of
        `train.txt` and `test.txt` beside it, else whole documents at random.
    levels : `Sequence[str]`
    seed : `int`
    max_sentences : `int`, optional (default = all)
        Of both splits together, drawn at random from each by its share.
    encoder : `str`, optional (default = `"trained"`)
        What the results call the encoders.
    output : `Path`, optional
        A directory where each result is written as soon as it is known; those that are there already and depend on the
        same are taken from there.
    measures : `Sequence[str]`, optional (default = all)
        Of `MEASURES`, what is found out beside the accuracy.

    # Raises

    UserError
        Where the model has no such level, there is no such measure, or the treebank cannot be used.
    """
    levels, measures = vectors.known_levels(levels), known_measures(measures)
    train, test = _splits(conllu, ptb, seed, max_sentences)
    tasks = [task for task in (POS, RELATION, CONSTITUENT) if task != CONSTITUENT or ptb is not None]
    depends_on = {"format": _FORMAT, "model": vectors.fingerprint, "seed": seed, "data": _digest(train, test)}
    depends_on["measures"] = measures
    pairs = [(level, task) for level in levels for task in tasks]
    results = {pair: _read(output, encoder, *pair, depends_on) for pair in pairs}
    missing = [pair for pair, result in results.items() if result is None]
    if missing:
        needed = [level for level in levels if any(level == pair[0] for pair in missing)]
        matrices = _token_matrices(vectors, [*train, *test], needed)
        num_train = sum(len(sentence.tokens) for sentence in train)
        device = next(vectors.model.parameters()).device
        for level, task in Tqdm.tqdm(missing, desc=f"token probes, {encoder}", unit=" probes"):
            probing = _Probing([*train, *test], task, num_train, seed, device)
            result = probing.result(encoder, level, matrices[level], measures)
            results[level, task] = result
            _write(output, result, depends_on)
    return [result for result in results.values() if result is not None]


class _Probing:
    """One task: its labels, which are those of the training split's tokens and then those of the test split's."""

    def __init__(
        self, sentences: Sequence[Sentence], task: str, num_train: int, seed: int, device: torch.device
    ) -> None:
        words = [form.lower() for sentence in sentences for form in sentence.forms]
        labels = [label for sentence in sentences for label in token_labels(sentence)[task]]
        numbers = {label: number for number, label in enumerate(sorted(set(labels)))}
        self._task = task
        self._num_classes = len(numbers)
        self._num_train = num_train
        self._seed = seed
        self._device = device
        # Shape (both): (num_tokens,)
        self._classes = numpy.array([numbers[label] for label in labels])
        self._control = numpy.array([numbers[label] for label in control_labels(words, labels, seed)])
        # The document of each token, those of the training split's first.
        self._documents = [sentence.document for sentence in sentences for _ in sentence.tokens]

    def result(self, encoder: str, level: str, matrix: numpy.ndarray, measures: Sequence[str]) -> TokenProbeResult:
        num_train = self._num_train
        train, test = self._classes[:num_train], self._classes[num_train:]
        majority = Counter(train.tolist()).most_common(1)[0][0]
        # Shape: (num_tokens, dim)
        inputs = standardized(matrix, matrix[:num_train])
        correct = self._correct(inputs, self._classes)
        code, control_accuracy = None, None
        if COMPRESSION in measures:
            code = description_length(matrix[:num_train], train, self._num_classes, self._seed, device=self._device)
        if SELECTIVITY in measures:
            control_accuracy = float(self._correct(inputs, self._control).mean())
        return TokenProbeResult(
            encoder=encoder,
            level=level,
            task=self._task,
            num_classes=self._num_classes,
            num_train=num_train,
            num_test=len(test),
            accuracy=float(correct.mean()),
            majority=float((test == majority).mean()),
            control_accuracy=control_accuracy,
            description_length=None if code is None else code.kbits,
            compression=None if code is None else code.compression,
            by_document=_by_document(self._documents[num_train:], correct),
        )

    def _correct(self, inputs: numpy.ndarray, classes: numpy.ndarray) -> numpy.ndarray:
        """Of each test token whether a probe of these classes is right. Shape: (num_test,)"""
        probe = LinearProbe(self._num_classes, self._seed, self._device)
        probe.fit(inputs[: self._num_train], classes[: self._num_train])
        return probe.correct(inputs[self._num_train :], classes[self._num_train :])


def _by_document(documents: Sequence[str], correct: numpy.ndarray) -> Dict[str, List[int]]:
    counts: Dict[str, List[int]] = {}
    for document, is_correct in zip(documents, correct.tolist()):
        count = counts.setdefault(document, [0, 0])
        count[0] += is_correct
        count[1] += 1
    return counts


def rows(results: Sequence[TokenProbeResult]) -> List[Dict[str, Any]]:
    """A row for each result, for CSV and JSON; accuracies from 0 to 1."""
    return [{**asdict(result), "selectivity": result.selectivity} for result in results]


def table(results: Sequence[TokenProbeResult]) -> str:
    """Markdown: a row for each level, columns for each task and measure; accuracy and selectivity in percent."""
    tasks = list(dict.fromkeys(result.task for result in results))
    cells_of = {measure: [_cell(result, measure) for result in results] for measure in MEASURES}
    measures = [measure for measure, cells in cells_of.items() if any(cells)]
    by_row: Dict[Tuple[str, str], Dict[str, TokenProbeResult]] = {}
    for result in results:
        by_row.setdefault((result.encoder, result.level), {})[result.task] = result
    titles = ["level", *(f"{task} {measure}" for task in tasks for measure in measures)]
    rows = []
    for (encoder, level), found in by_row.items():
        title = level if encoder == TRAINED else f"{encoder} encoder: {level}"
        rows.append([title, *(_cell(found.get(task), measure) for task in tasks for measure in measures)])
    majorities = {result.task: f"{100 * result.majority:.1f}" for result in results}
    shown = [majorities[task] if measure == ACCURACY else "" for task in tasks for measure in measures]
    rows.append(["majority class", *shown])
    return "\n".join(markdown(titles, rows, numbers=True)) + "\n"


def _cell(result: Optional[TokenProbeResult], measure: str) -> str:
    value = None if result is None else getattr(result, measure)
    if value is None:
        return ""
    return f"{value:.2f}" if measure == COMPRESSION else f"{100 * value:.1f}"


def _parents(node: Constituent) -> Iterator[str]:
    for child in node.constituents:
        if child.is_preterminal:
            yield node.category
        else:
            yield from _parents(child)


def _splits(
    conllu: Path, ptb: Optional[Path], seed: int, max_sentences: Optional[int]
) -> Tuple[List[Sentence], List[Sentence]]:
    """The sentences for training and for testing."""
    treebank = read_treebank(conllu, ptb)
    lists = find_lists(conllu)
    splits = split_at_random(treebank, DEFAULT_SHARES, seed) if lists is None else split_by_lists(treebank, lists)[0]
    train, test = splits["tr"], splits["te"]
    total = len(train) + len(test)
    if max_sentences is not None and max_sentences < total:
        num_test = max(1, round(max_sentences * len(test) / total))
        generator = random.Random(f"{seed} sentences")
        train = generator.sample(train, max(1, max_sentences - num_test))
        test = generator.sample(test, min(num_test, len(test)))
    if not train or not test:
        raise UserError(f"{conllu}: expected sentences for training and for testing; one of the two has none")
    return train, test


def _token_matrices(
    vectors: LevelVectors, sentences: Sequence[Sentence], levels: Sequence[str]
) -> Dict[str, numpy.ndarray]:
    """The vectors of all tokens at each level: (num_tokens, dim). Each sentence is encoded once for all levels."""
    num_tokens = sum(len(sentence.tokens) for sentence in sentences)
    matrices = {level: numpy.empty((num_tokens, vectors.dim(level)), numpy.float32) for level in levels}
    first = 0
    encoded = vectors.token_vectors([sentence.forms for sentence in sentences], levels)
    for found in Tqdm.tqdm(encoded, total=len(sentences), desc="vectors of tokens", unit=" sentences"):
        length = len(found[levels[0]])
        for level in levels:
            matrices[level][first : first + length] = found[level]
        first += length
    return matrices


def _digest(train: Sequence[Sentence], test: Sequence[Sentence]) -> str:
    digest = hashlib.sha256()
    for name, sentences in (("train", train), ("test", test)):
        for sentence in sentences:
            digest.update(json.dumps([name, sentence.forms, token_labels(sentence)]).encode())
    return digest.hexdigest()


def _path(output: Path, encoder: str, level: str, task: str) -> Path:
    return output / FOLDER / encoder / level / f"{task}.json"


def _read(
    output: Optional[Path], encoder: str, level: str, task: str, depends_on: Dict[str, Any]
) -> Optional[TokenProbeResult]:
    """A result that is there already and depends on the same."""
    if output is None:
        return None
    try:
        found = json.loads(_path(output, encoder, level, task).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return TokenProbeResult(**found["result"]) if found["depends_on"] == depends_on else None


def _write(output: Optional[Path], result: TokenProbeResult, depends_on: Dict[str, Any]) -> None:
    if output is not None:
        path = _path(output, result.encoder, result.level, result.task)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {"result": asdict(result), "depends_on": depends_on})

"""What `hmtl export` writes: a graph, what is needed to read it, and how it compares with the model."""

import json
import logging
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Optional

import numpy as np
import torch
from allennlp.data import TokenIndexer
from allennlp.data.token_indexers import SingleIdTokenIndexer, TokenCharactersIndexer
from allennlp.data.tokenizers import CharacterTokenizer

from hmtl.common.allennlp_internals import (
    adds_tokens,
    character_namespace,
    character_tokenizer,
    feature_name,
    min_num_characters,
    min_num_tokens,
)
from hmtl.common.files import write_json
from hmtl.common.shipped import shipped_folder
from hmtl.data.token_indexers import TransformerIndexer
from hmtl.errors import UserError
from hmtl.export.graph import write_onnx, write_torch
from hmtl.export.levels import MASK, ExportedLevels
from hmtl.exported import FORMAT, MANIFEST, TOKENIZER, ExportedModel
from hmtl.models.hmtl import HMTL
from hmtl.predictors import HMTLPredictor
from hmtl.predictors.hmtl_predictor import document_reader
from hmtl.predictors.sentence_indexer import SentenceIndexer
from hmtl.version import VERSION

FILES = {"onnx": "model.onnx", "torch": "model.pt2"}
# What rounding leaves of scores, which are log-odds and the like.
_TOLERANCE = 1e-2

logger = logging.getLogger(__name__)


def export(model: HMTL, folder: Path, format: str = "onnx", int8: bool = False) -> Dict[str, Any]:
    """Writes a model's embedding, levels and scores into a new folder, and returns its manifest.

    The folder has `model.onnx` or `model.pt2`, `model.json`, the manifest, and, for an encoder of the transformers
    library, its `tokenizer.json`. `hmtl.exported.ExportedModel` reads it. The manifest's `left_out` says which tasks
    are not in the graph, and why; `compared` how the graph does on the test sentences of the bundled sample, beside
    the model itself: the largest difference of a score, and for each task the F1 of what is found against what the
    model finds.

    # Parameters

    model : `HMTL`
        From an archive.
    folder : `Path`
        New, or empty.
    format : `str`, optional (default = `"onnx"`)
        `onnx` or `torch`.
    int8 : `bool`, optional (default = `False`)
        Whether ONNX's weights become 8-bit integers.

    # Raises

    UserError
        Where something of the model cannot be exported, a package is missing, the folder has files, or, without `int8`,
        the graph does not compute what the model does.
    """
    if format not in FILES:
        raise UserError(f"the format is {format!r}; expected one of: {', '.join(FILES)}")
    if int8 and format != "onnx":
        raise UserError("--int8 goes with --format onnx, whose runtime computes with 8-bit integers")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} exists, and nothing is overwritten; name another folder, or move it away")
    assert model.reader is not None
    indexers = document_reader(model.reader).token_indexers
    levels = ExportedLevels(model, for_onnx=format == "onnx")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        made = Path(temporary) / "made"
        made.mkdir()
        manifest: Dict[str, Any] = {
            "format": FORMAT,
            "hmtl": VERSION,
            "file": FILES[format],
            "int8": int8,
            "tasks": {task: _decoding(model, task) for task in levels.tasks},
            "left_out": levels.left_out,
            "inputs": [],
            "vocabularies": {},
        }
        for described in levels.inputs:
            name, _, key = described.name.partition(".")
            entry: Dict[str, Any] = {"kind": "mask"} if name == MASK else _input(indexers[name], key, made)
            manifest["inputs"].append(entry)
            namespace = entry.get("vocabulary")
            if namespace is not None:
                words = model.vocab.get_index_to_token_vocabulary(namespace)
                manifest["vocabularies"][namespace] = [words[number] for number in range(len(words))]
                entry["unknown"] = model.vocab.get_token_index("\0", namespace)
        if format == "onnx":
            write_onnx(levels, made / FILES[format], int8)
        else:
            write_torch(levels, made / FILES[format])
        write_json(made / MANIFEST, manifest)
        manifest["compared"] = compare(model, ExportedModel(made), _sentences())
        difference = manifest["compared"]["largest_difference"]
        if not int8 and not difference <= _TOLERANCE:
            raise UserError(
                f"the graph does not compute what the model does: a score differs by {difference:.3g}; please report "
                "it, with the configuration of the model"
            )
        write_json(made / MANIFEST, manifest)
        if folder.exists():
            folder.rmdir()
        made.rename(folder)
    return manifest


def compare(model: HMTL, exported: ExportedModel, sentences: List[List[str]]) -> Dict[str, Any]:
    """How much a graph differs from its model on some sentences, see `export`."""
    assert model.reader is not None
    index = SentenceIndexer(document_reader(model.reader).token_indexers, model.vocab)
    scores = exported.scores(sentences)
    largest = 0.0
    with torch.inference_mode():
        for number, sentence in enumerate(sentences):
            encodings = model.encode(index([[sentence]])[0], exported.tasks)
            for task in exported.tasks:
                level = encodings.levels[task]
                expected = model.head(task).exported_scores(level.output, level.encoder_input)[0].numpy()
                difference = np.abs(expected - scores[task][number])
                decoder = exported.tasks[task]["decoder"]
                if decoder == "spans":
                    # Those beyond the end are no spans.
                    length, width, _ = difference.shape
                    difference = difference[np.arange(length)[:, None] + np.arange(width) < length]
                largest = max(largest, float(difference.max()))
    expected_output = HMTLPredictor(model, model.reader).predict(sentences)
    found_output = exported.predict(sentences)
    agreement = {}
    for task in exported.tasks:
        found, expected_rows = ({json.dumps(row) for row in each[task]} for each in (found_output, expected_output))
        total = len(found) + len(expected_rows)
        agreement[task] = 2 * len(found & expected_rows) / total if total else 1.0
    return {"sentences": len(sentences), "largest_difference": largest, "f1_against_the_model": agreement}


def _sentences() -> List[List[str]]:
    """The test sentences of the bundled sample."""
    path = shipped_folder() / "data" / "sample" / "test.jsonl"
    with open(path, encoding="utf-8") as lines:
        return [sentence for line in lines for sentence in json.loads(line)["sentences"]]


def _decoding(model: HMTL, task: str) -> Dict[str, Any]:
    head = model.head(task)
    return {"kind": head.predicts, **head.decoding(), "span_tasks": model.span_tasks[task] if head.reads_spans else []}


def _input(indexer: TokenIndexer, key: str, folder: Path) -> Dict[str, Any]:
    """What makes the tensor of an indexer, as `ExportedModel` reads it."""
    refused: Optional[str] = None
    if min_num_tokens(indexer) or adds_tokens(indexer):
        refused = "adds tokens"
    elif isinstance(indexer, SingleIdTokenIndexer):
        if feature_name(indexer) == "text" and indexer.namespace is not None:
            return {"kind": "words", "vocabulary": indexer.namespace, "lowercase": indexer.lowercase_tokens}
        refused = "looks up something else than words"
    elif isinstance(indexer, TokenCharactersIndexer):
        if vars(character_tokenizer(indexer)) == vars(CharacterTokenizer()):
            # One more than the indexer pads to, so that a convolution always has several windows: torch takes a number
            # of one for a constant.
            least = min_num_characters(indexer) + 1
            return {"kind": "characters", "vocabulary": character_namespace(indexer), "min_length": least}
        refused = "has a tokenizer with options"
    elif isinstance(indexer, TransformerIndexer):
        pieces = indexer.export_pieces(folder / TOKENIZER)
        return {"kind": "pieces", "key": key, "tokenizer": TOKENIZER, **pieces}
    raise UserError(f"a {type(indexer).__name__} that {refused or 'is of no known kind'} cannot be exported")

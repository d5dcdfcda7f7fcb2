"""The output of `hmtl annotate` as a corpus: a text with offsets in tokens and characters, one JSON object a line."""

from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence

from hmtl.alignment import Annotations, Bounds, Changes
from hmtl.common.checks import shown
from hmtl.corpora.corpus import Attempt, Corpus, files_below
from hmtl.corpora.dependencies import HEADS, RELATIONS, Dependency, dependencies_of_rows, set_dependencies
from hmtl.corpora.formats.records import of_type, read_records
from hmtl.corpora.formats.sample import Sample, shown_keys
from hmtl.corpora.formats.text_corpus import ToolCorpus, label_of
from hmtl.document import LABELS, Document
from hmtl.errors import DataError

_TEXT_KEYS = ("doc_key", "text", "sentences", "token_offsets")
_RELATIONS, _CLUSTERS = ("relation", "relations"), ("coref", "clusters")
# Rows of labels, until the sentences are known.
_ROWS = "rows of labels"


@Corpus.register("annotated")
class AnnotatedCorpus(ToolCorpus):
    """The layout of `HMTLPredictor`, which `hmtl annotate` and `hmtl convert --to jsonl` write.

    Lists of spans are layers by their keys; rows with `arg1` and `arg2` are relations, those with `head` and
    `dependent` dependencies, lists of mentions clusters, and labels of sentences, of the text and of pairs of texts
    (see `add_label_entries`) become the metadata `labels`. What is none of these is metadata.
    """

    title = "hmtl's JSON lines with text, tokens and characters"

    @classmethod
    def fits(cls, sample: Sample) -> bool:
        record = sample.keys
        if not all(key in record for key in ("text", "sentences", "token_offsets")):
            return False
        rows = [value for key, value in record.items() if key not in _TEXT_KEYS and isinstance(value, list)]
        # In the layout of DyGIE a layer has one list for each sentence, of which there is at least one.
        return any(_kind(value) for value in rows) or all(value == [] for value in rows)

    def read(self, path: Path, changes: Changes) -> Iterator[Attempt]:
        for file in files_below(path, "*.jsonl"):
            for number, line, record in read_records(file, "one object a line"):
                record = of_type(record, dict, "the line", file, line)
                key = str(record.get("doc_key", f"{file.stem}_{number}"))
                yield from self._record(key, record, changes, file, line or number)

    def _record(self, key: str, record: Dict[str, Any], changes: Changes, path: Path, line: int) -> Iterator[Attempt]:
        try:
            if "sentences" not in record:
                message = f"expected the keys 'text', 'sentences' and 'token_offsets', found {shown_keys(list(record))}"
                raise DataError(message, path, line)
            # The checks of tokens are those of every document.
            sentences = of_type(record["sentences"], list, "'sentences'", path, line)
            annotations, metadata, trees = Annotations({}), {}, []
            for name, value in record.items():
                if name in ("text", "token_offsets"):
                    metadata[name] = value
                elif name not in _TEXT_KEYS and _kind(value) == "dependencies":
                    trees.append(value)
                elif name not in _TEXT_KEYS:
                    _add(annotations, metadata, name, value, path, line)
            if _ROWS in metadata:
                for name, rows in metadata.pop(_ROWS).items():
                    add_label_entries(metadata, name, rows, len(sentences))
            if not sentences:
                changes.drop("document", "a text without words", key)
                return
            document = Document(key, sentences).validate()
            for rows in trees:
                set_dependencies(document, _dependencies(rows, sentences, path, line))
                metadata[HEADS] = document.metadata[HEADS]
                annotations.spans[RELATIONS] = [(*span.bounds, span.label) for span in document.spans[RELATIONS]]
            yield from self._from_tokens(key, sentences, annotations, changes, path, line, metadata)
        except DataError as error:
            yield DataError(error.message, path, line)


def _kind(value: Any) -> str:
    """What rows a list has: `spans`, `relations`, `clusters`, `labels`, or none of them."""
    first = value[0] if isinstance(value, list) and value else None
    if isinstance(first, dict) and _are_labels(value):
        return "labels"
    if isinstance(first, dict):
        if "arg1" in first or "dependent" in first:
            return "relations" if "arg1" in first else "dependencies"
        return "spans" if {"start", "label"} <= set(first) else ""
    is_mention = isinstance(first, list) and first and isinstance(first[0], dict) and "char_start" in first[0]
    return "clusters" if is_mention else ""


# Keys that rows of other kinds have.
_OF_OTHERS = {"start", "arg1", "char_start", "dependent"}


def _are_labels(rows: Sequence[Any]) -> bool:
    """Whether these are rows of labels or numbers of sentences, of the text, or of a pair of texts."""
    return all(
        isinstance(row, dict)
        and ("label" in row or type(row.get("value")) in (int, float))
        and (
            type(row.get("sentence")) is int
            or "text1" in row
            or not {"start", "arg1", "char_start", "dependent"} & row.keys()
        )
        for row in rows
    )


def add_label_entries(metadata: Dict[str, Any], layer: str, rows: Sequence[Dict[str, Any]], num_sentences: int) -> None:
    """Adds rows of the output of `HMTLPredictor` to the metadata `labels` of a document, as a layer. Each has a `label`
    or a `value`, and where it is of a sentence, its number as `sentence`.

    Entries are one label each where each sentence has one, else lists. Where there are no rows there is no layer:
    neither the sentences nor the whole have it then.

    # Raises

    DataError
        Where there is no such sentence.
    """
    if not rows:
        return
    labels = metadata.setdefault(LABELS, {})
    if "sentence" not in rows[0]:
        values = list(map(_value, rows))
        labels.setdefault("document", {})[layer] = values[0] if len(values) == 1 else values
        return
    by_sentence: List[List[Any]] = [[] for _ in range(num_sentences)]
    for row in rows:
        if not 0 <= row["sentence"] < num_sentences:
            raise DataError(f"'{layer}' has a label of the sentence {row['sentence']}, and there are {num_sentences}")
        by_sentence[row["sentence"]].append(_value(row))
    is_one_each = all(len(values) == 1 for values in by_sentence)
    labels.setdefault("sentences", {})[layer] = [values[0] for values in by_sentence] if is_one_each else by_sentence


def _value(row: Dict[str, Any]) -> Any:
    return row["value"] if "value" in row else row["label"]


def _dependencies(rows: List[Any], sentences: List[List[str]], path: Path, line: int) -> List[List[Dependency]]:
    """Those of each sentence, which need not be trees."""
    length = sum(map(len, sentences))
    for row in rows:
        row = of_type(row, dict, "a dependency", path, line)
        _label(row, path, line)
        ends = [row.get("dependent"), *([] if row.get("head") is None else [row["head"]])]
        if not all(0 <= _bounds(end, path, line)[0] < length for end in ends):
            raise DataError(f"{shown(row)} lies outside the text of {length} tokens", path, line)
    return dependencies_of_rows([{"head": None, **row} for row in rows], sentences)


def _add(annotations: Annotations, metadata: Dict[str, Any], name: str, value: Any, path: Path, line: int) -> None:
    kind = _kind(value)
    if value == []:
        kind = "relations" if name in _RELATIONS else "clusters" if name in _CLUSTERS else "spans"
    if kind == "spans":
        annotations.spans[name] = [(*_bounds(row, path, line), _label(row, path, line)) for row in value]
    elif kind == "relations":
        rows: List[Dict[str, Any]] = value
        annotations.relations = (annotations.relations or []) + [
            (_bounds(row.get("arg1"), path, line), _bounds(row.get("arg2"), path, line), _label(row, path, line))
            for row in rows
        ]
    elif kind == "clusters":
        annotations.clusters = [[_bounds(mention, path, line) for mention in cluster] for cluster in value]
    elif kind == "labels":
        metadata.setdefault(_ROWS, {})[name] = value
    else:
        metadata[name] = value


def _bounds(row: Any, path: Path, line: int) -> Bounds:
    if not isinstance(row, dict) or not all(type(row.get(key)) is int for key in ("start", "end")):
        raise DataError(f"expected a span with 'start' and 'end', found {shown(row)}", path, line)
    return row["start"], row["end"]


def _label(row: Any, path: Path, line: int) -> str:
    return label_of(row.get("label") if isinstance(row, dict) else None, f"the row {shown(row)}", path, line)

"""Texts with spans of characters, as doccano and Prodigy export them: one JSON object a line."""

from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

from hmtl.alignment import Annotations, Bounds, Changes
from hmtl.common.checks import shown
from hmtl.corpora.corpus import Attempt, Corpus
from hmtl.corpora.formats.records import of_type, read_records
from hmtl.corpora.formats.sample import Sample, shown_keys
from hmtl.corpora.formats.text_corpus import Quote, ToolCorpus, fit_offsets, label_of
from hmtl.errors import DataError

_TEXT_KEYS = ("text", "data", "content")
_SPAN_KEYS = ("spans", "entities", "labels", "label", "ner")
_STARTS, _ENDS = ("start", "start_offset", "begin", "start_char"), ("end", "end_offset", "stop", "end_char")
_LABELS = ("label", "type", "entity_group", "tag", "entity")
_KEYS = ("doc_key", "id", "doc_id", "document_id", "title")


@Corpus.register("doccano")
@Corpus.register("prodigy")
class SpansJsonlCorpus(ToolCorpus):
    """JSON lines, or one JSON list, of objects with a `text` and its spans, in the layer `ner`.

    Spans are the value of `spans`, `entities`, `labels` or `label`: objects with a start, an end and a label, or lists
    `[start, end, label]`; each end is the first character behind. Relations are those of doccano (`from_id`, `to_id`,
    `type`) or of Prodigy (`head_span`, `child_span`, or the tokens `head` and `child`; `label`). A pair of a text and
    `{"entities": [...]}`, as spaCy 2 was trained with, will do, too.

    Examples that were rejected or ignored in Prodigy are left out, and counted.
    """

    title = "JSON lines with text and spans of characters (doccano, Prodigy, spaCy 2)"

    @classmethod
    def fits(cls, sample: Sample) -> bool:
        record = _as_object(sample.record)
        if record is None or "sentences" in record or not isinstance(_first(record, _TEXT_KEYS), str):
            return False
        return any(_looks_like_spans(record[key]) for key in _SPAN_KEYS if key in record)

    def read(self, path: Path, changes: Changes) -> Iterator[Attempt]:
        files = [path] if path.is_file() else sorted([*path.rglob("*.jsonl"), *path.rglob("*.json")])
        has_relations = any(
            "relations" in (_as_object(record.value) or {}) for file in files for record in _tolerant(file)
        )
        for file in files:
            for number, line, value in read_records(file, "one object a line, or one list of objects"):
                place = f"record {number}" if line is None else ""
                try:
                    yield from self._record(value, f"{file.stem}_{number}", has_relations, changes, file, line)
                except DataError as error:
                    message = f"{place}: {error.message}" if place else error.message
                    yield DataError(message, file, line)

    def _record(
        self, value: Any, default: str, has_relations: bool, changes: Changes, path: Path, line: Optional[int]
    ) -> Iterator[Attempt]:
        record = _as_object(value)
        text = None if record is None else _first(record, _TEXT_KEYS)
        if record is None or not isinstance(text, str):
            found = f"the keys {shown_keys(list(record))}" if record is not None else shown(value)
            raise DataError(f"expected an object with 'text' and 'spans' (or 'entities', 'label'), found {found}")
        known = [record[name] for name in _KEYS if isinstance(record.get(name), (str, int))]
        key = str(known[0]) if known else default
        if record.get("answer", "accept") != "accept":
            changes.drop("document", f"its answer is '{record['answer']}', not 'accept'", key)
            return
        layer_key = next((name for name in _SPAN_KEYS if name in record), None)
        rows = of_type(record[layer_key], list, f"'{layer_key}'", path) if layer_key else []
        spans, by_id, quotes = [], {}, []
        for row in rows:
            start, end, label, identifier, quoted = _span(row, layer_key or "")
            if quoted:
                quotes.append(Quote(start, end, quoted))
            if identifier is not None:
                if identifier in by_id:
                    raise DataError(f"two spans have the id {shown(identifier)}")
                by_id[identifier] = start, end
            if label is None:
                changes.drop("span", "it has no label", f"{key}: '{text[start:end][:60]}'")
                continue
            spans.append((start, end, label_of(label, f"'{layer_key}'", path)))
        relations = None
        if has_relations:
            found_relations = of_type(record.get("relations") or [], list, "'relations'", path)
            relations = [_relation(row, by_id, record) for row in found_relations]
        if quotes:
            text, place = fit_offsets(text, quotes, path, key)
            spans = [(place(start), place(end), label) for start, end, label in spans]
            if relations is not None:
                relations = [((place(a), place(b)), (place(c), place(d)), label) for (a, b), (c, d), label in relations]
        yield from self._from_text(key, text, Annotations({"ner": spans}, relations), changes, path, line)


def _tolerant(path: Path) -> Iterator[Any]:
    """The records up to the first that is broken, which is reported when they are read again."""
    try:
        yield from read_records(path, "")
    except DataError:
        return


def _as_object(value: Any) -> Optional[Dict[str, Any]]:
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], dict):
        return {"text": value[0], **value[1]}
    return value if isinstance(value, dict) else None


def _first(record: Dict[str, Any], keys: Tuple[str, ...]) -> Any:
    return next((record[key] for key in keys if record.get(key) is not None), None)


def _looks_like_spans(value: Any) -> bool:
    if not isinstance(value, list):
        return False
    if not value:
        return True
    first = value[0]
    if isinstance(first, dict):
        return _first(first, _STARTS) is not None and _first(first, _ENDS) is not None
    return isinstance(first, list) and len(first) >= 3 and all(type(each) is int for each in first[:2])


def _span(row: Any, key: str) -> Tuple[int, int, Any, Any, str]:
    """The start, the end, the label, the identifier and the quoted text of a span."""
    quoted: Any = ""
    if isinstance(row, dict):
        start, end = _first(row, _STARTS), _first(row, _ENDS)
        label, identifier = _first(row, _LABELS), row.get("id")
        quoted = row.get("text")
    elif isinstance(row, list) and len(row) >= 3:
        start, end, label, *_ = row
        identifier = None
    else:
        start = end = label = identifier = None
    if type(start) is not int or type(end) is not int:
        raise DataError(f"'{key}' holds {shown(row)}; expected a start, an end and a label, in characters of the text")
    return start, end, label, identifier, quoted if isinstance(quoted, str) else ""


def _relation(row: Any, by_id: Dict[Any, Bounds], record: Dict[str, Any]) -> Tuple[Bounds, Bounds, str]:
    if not isinstance(row, dict):
        raise DataError(f"'relations' holds {shown(row)}; expected an object")
    label = label_of(_first(row, ("type", "label")), f"the relation {shown(row)}", Path())
    ends: List[Bounds] = []
    for id_key, span_key, token_key in (("from_id", "head_span", "head"), ("to_id", "child_span", "child")):
        if id_key in row:
            if row[id_key] not in by_id:
                raise DataError(f"the relation {shown(row)} refers to {shown(row[id_key])}, which no span has as id")
            ends.append(by_id[row[id_key]])
        elif isinstance(row.get(span_key), dict):
            ends.append(_span(row[span_key], span_key)[:2])
        else:
            ends.append(_token_span(row.get(token_key), record, row))
    return ends[0], ends[1], label


def _token_span(number: Any, record: Dict[str, Any], row: Any) -> Bounds:
    """The span that ends with a token, as Prodigy gives the arguments of relations, or else that token."""
    tokens = record.get("tokens")
    tokens = tokens if isinstance(tokens, list) else []
    is_known = type(number) is int and 0 <= number < len(tokens)
    if not is_known or not isinstance(tokens[number], dict):
        raise DataError(f"the relation {shown(row)} names no arguments by 'from_id', 'head_span' or 'head'")
    for span in record.get("spans") or []:
        if isinstance(span, dict) and span.get("token_end") == number:
            return _span(span, "spans")[:2]
    return _span({**tokens[number], "label": ""}, "tokens")[:2]

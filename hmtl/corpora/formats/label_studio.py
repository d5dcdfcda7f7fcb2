"""Exports of Label Studio: JSON and JSON-MIN."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

from hmtl.alignment import Annotations, Bounds, Changes
from hmtl.common.checks import shown
from hmtl.corpora.corpus import Attempt, Corpus
from hmtl.corpora.formats.records import of_type, read_records
from hmtl.corpora.formats.sample import Sample, shown_keys
from hmtl.corpora.formats.text_corpus import Quote, ToolCorpus, fit_offsets, label_of
from hmtl.errors import DataError

_RESULTS = ("annotations", "completions")
_LABELS = ("labels", "hypertextlabels")
# Of a relation that was drawn and not named.
_UNNAMED = "related"


@Corpus.register("label_studio")
class LabelStudioCorpus(ToolCorpus):
    """A JSON list of tasks with `data` and `annotations`, or its short form JSON-MIN (which has no relations).

    Regions of the kinds `labels` and `hypertextlabels` are spans of the layer `ner`, one for each of their labels;
    relations have the label that they were given, or `related`. If any task has relations, all have them. Regions of
    other kinds are counted and left out, and so is what further annotators made of a task: taken is the annotation that
    is marked as ground truth, or else the first that was not cancelled. Tasks without any were not annotated.

    Label Studio counts in a browser, in units of UTF-16; the words that each region quotes tell.

    # Parameters

    text_key : `str`, optional (default = `None`)
        The key of the text in `data`; by default `text`, or else the one that agrees with the regions.
    """

    title = "Label Studio's JSON"

    def __init__(self, text_key: str = None, **options: Any) -> None:
        super().__init__(**options)
        self._text_key = text_key

    @classmethod
    def fits(cls, sample: Sample) -> bool:
        record = sample.keys
        if isinstance(record.get("data"), dict) and any(isinstance(record.get(key), list) for key in _RESULTS):
            return True
        return "annotator" in record and "annotation_id" in record or bool(_short_regions(record))

    def read(self, path: Path, changes: Changes) -> Iterator[Attempt]:
        files = [path] if path.is_file() else sorted(path.rglob("*.json"))
        for file in files:
            records = list(read_records(file, "a JSON list of tasks"))
            has_relations = any(_has_relation(record.value) for record in records)
            for number, line, value in records:
                try:
                    task = of_type(value, dict, "the task", file)
                    key = str(task.get("id", f"{file.stem}_{number}"))
                    yield from self._task(key, task, has_relations, changes, file, line)
                except DataError as error:
                    yield DataError(f"task {number}: {error.message}", file, line)

    def _task(
        self, key: str, task: Dict[str, Any], has_relations: bool, changes: Changes, path: Path, line: Optional[int]
    ) -> Iterator[Attempt]:
        if not isinstance(task.get("data"), dict):
            texts = {name: value for name, value in task.items() if isinstance(value, str)}
            regions = [
                {"id": str(number), "type": "labels", "value": row} for number, row in enumerate(_short_regions(task))
            ]
        else:
            texts = {name: value for name, value in task["data"].items() if isinstance(value, str)}
            found = _chosen(task, key, changes)
            if found is None:
                return
            regions = of_type(found.get("result"), list, "'result'", path)
        spans: List[Tuple[str, int, int, str, List[Any]]] = []
        pairs = []
        is_html = False
        for region in regions:
            region = of_type(region, dict, "a region", path)
            kind = region.get("type")
            if kind == "relation":
                pairs.append(region)
            elif kind in _LABELS:
                spans.append(_span(region, changes, key))
                is_html |= "globalOffsets" in region["value"]
            else:
                changes.drop("region", f"of the kind '{kind}', which is no span", key)
        text, place = self._text(texts, spans, is_html, path)
        bounds = {name: (place(start), place(end)) for name, start, end, _, _ in spans}
        labelled = [
            (*bounds[name], label_of(label, f"the region '{name}'", path))
            for name, _, _, _, labels in spans
            for label in labels
        ]
        relations = [relation for pair in pairs for relation in _relations(pair, bounds, key, changes, path)]
        annotations = Annotations({"ner": labelled}, relations if has_relations else None)
        yield from self._from_text(key, text, annotations, changes, path, line)

    def _text(self, texts: Dict[str, str], spans: List[Any], is_html: bool, path: Path) -> Tuple[str, Any]:
        """The text that agrees with the regions, and what turns their offsets into offsets of it."""
        if self._text_key is not None:
            if self._text_key not in texts:
                raise DataError(f"there is no text '{self._text_key}' among {shown_keys(list(texts))}")
            texts = {self._text_key: texts[self._text_key]}
        quotes = [Quote(start, end, text) for _, start, end, text, _ in spans if text]
        error = DataError("the data have no text; pictures and sound cannot be read")
        for name in sorted(texts, key=lambda name: (name != "text", name)):
            for text in [_text_of_html(texts[name]), texts[name]] if is_html else [texts[name]]:
                try:
                    return fit_offsets(text, quotes, path, f"'{name}'")
                except DataError as found:
                    error = found if name == "text" or len(texts) == 1 else error
        raise error


def _chosen(task: Dict[str, Any], key: str, changes: Changes) -> Optional[Dict[str, Any]]:
    """The annotation to be read, if there is one."""
    found = [each for name in _RESULTS for each in task.get(name) or [] if isinstance(each, dict)]
    valid = [each for each in found if not each.get("was_cancelled") and not each.get("skipped")]
    if not valid:
        reason = "it was skipped" if found else "it was not annotated"
        changes.drop("document", reason, key)
        return None
    changes.drop("annotation", "another one of the same task is taken", key, len(valid) - 1)
    return next((each for each in valid if each.get("ground_truth")), valid[0])


def _span(region: Dict[str, Any], changes: Changes, key: str) -> Tuple[str, int, int, str, List[Any]]:
    """The identifier, the bounds, the words and the labels of a region."""
    value = region.get("value")
    name = str(region.get("id"))
    if not isinstance(value, dict):
        raise DataError(f"the region '{name}' has no 'value'")
    places = value.get("globalOffsets", value)
    start, end = places.get("start"), places.get("end")
    if type(start) is not int or type(end) is not int:
        raise DataError(f"the region '{name}' is {shown(value)}; expected 'start' and 'end' in characters of the text")
    labels = value.get("labels") or value.get("hypertextlabels") or []
    if not labels:
        changes.drop("span", "it has no label", f"{key}: {value.get('text', '')!r}")
    return name, start, end, value.get("text") or "", labels


def _relations(
    region: Dict[str, Any], bounds: Dict[str, Bounds], key: str, changes: Changes, path: Path
) -> Iterator[Tuple[Bounds, Bounds, str]]:
    ends = [str(region.get(name)) for name in ("from_id", "to_id")]
    for end in ends:
        if end not in bounds:
            changes.drop("relation", "an argument is no span", f"{key}: {end}")
            return
    first, second = (bounds[end] for end in ends)
    direction = region.get("direction", "right")
    for name in region.get("labels") or [_UNNAMED]:
        label = label_of(name, "a relation", path)
        if direction != "left":
            yield first, second, label
        if direction != "right":
            yield second, first, label
        if direction == "bi":
            changes.change("relation", "of both directions, written as two", f"{key}: {label}")


def _short_regions(record: Dict[str, Any]) -> List[Dict[str, Any]]:
    """The regions of JSON-MIN, which stand below the names of their controls."""
    return [
        row
        for value in record.values()
        if isinstance(value, list)
        for row in value
        if isinstance(row, dict) and ("labels" in row or "hypertextlabels" in row) and ("start" in row)
    ]


def _has_relation(task: Any) -> bool:
    results = [each for name in _RESULTS for each in (task.get(name) or [])] if isinstance(task, dict) else []
    return any(
        isinstance(region, dict) and region.get("type") == "relation"
        for each in results
        if isinstance(each, dict)
        for region in each.get("result") or []
    )


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: List[str] = []

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)


def _text_of_html(html: str) -> str:
    """What a browser counts of a page: the text between its tags."""
    parser = _Words()
    parser.feed(html)
    parser.close()
    return "".join(parser.pieces)

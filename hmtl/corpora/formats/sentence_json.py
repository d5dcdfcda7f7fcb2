"""Sentences with entities and relations as JSON: CoNLL04, ADE and their like as SpERT reads them, and CrossRE."""

from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

from hmtl.alignment import Annotations, Bounds, Changes
from hmtl.common.checks import shown
from hmtl.corpora.corpus import Attempt, Corpus
from hmtl.corpora.formats.records import of_type, read_records
from hmtl.corpora.formats.sample import Sample, shown_keys
from hmtl.corpora.formats.text_corpus import ToolCorpus, label_of
from hmtl.errors import DataError

_KEYS = ("doc_key", "orig_id", "id")


@Corpus.register("spert")
@Corpus.register("crossre")
class SentenceJsonCorpus(ToolCorpus):
    """A JSON list, or JSON lines, with a document of one sentence each, in the layer `ner` and relations.

    As SpERT has it: `tokens`, `entities` with `type`, `start` and `end` (the first token behind), and `relations` with
    `type` and the numbers of two entities, `head` and `tail`. As CrossRE has it: `sentence`, the tokens, `ner` with
    `[start, end, label]` and `relations` with `[start, end, start, end, label, ...]`, both ends included.
    """

    title = "sentences with entities and relations (CoNLL04, ADE, CrossRE)"

    @classmethod
    def fits(cls, sample: Sample) -> bool:
        record = sample.keys
        is_crossre = isinstance(record.get("sentence"), list) and "ner" in record
        return is_crossre or (isinstance(record.get("tokens"), list) and isinstance(record.get("entities"), list))

    def read(self, path: Path, changes: Changes) -> Iterator[Attempt]:
        files = [path] if path.is_file() else sorted([*path.rglob("*.json"), *path.rglob("*.jsonl")])
        for file in files:
            for number, line, value in read_records(file, "a JSON list of sentences, or one a line"):
                try:
                    yield from self._sentence(f"{file.stem}_{number}", value, changes, file, line)
                except DataError as error:
                    message = error.message if line else f"sentence {number}: {error.message}"
                    yield DataError(message, file, line)

    def _sentence(
        self, default: str, value: Any, changes: Changes, path: Path, line: Optional[int]
    ) -> Iterator[Attempt]:
        record = of_type(value, dict, "the sentence", path)
        key = next((str(record[name]) for name in _KEYS if isinstance(record.get(name), (str, int))), default)
        if isinstance(record.get("sentence"), list):
            tokens, annotations = record["sentence"], _crossre(record, path)
        elif isinstance(record.get("tokens"), list):
            tokens, annotations = record["tokens"], _spert(record, path)
        else:
            raise DataError(f"expected 'tokens', 'entities' and 'relations', found {shown_keys(list(record))}")
        yield from self._from_tokens(key, [tokens], annotations, changes, path, line)


def _spert(record: Dict[str, Any], path: Path) -> Annotations:
    entities = []
    for row in of_type(record.get("entities"), list, "'entities'", path):
        if not isinstance(row, dict) or not all(type(row.get(name)) is int for name in ("start", "end")):
            raise DataError(f"'entities' holds {shown(row)}; expected 'type', 'start' and 'end' in tokens")
        if not 0 <= row["start"] < row["end"] <= len(record["tokens"]):
            raise DataError(
                f"'entities' holds {shown(row)}, which lies outside the {len(record['tokens'])} tokens or has none; "
                "'end' is the first token behind the entity"
            )
        entities.append((row["start"], row["end"] - 1, label_of(row.get("type"), f"the entity {shown(row)}", path)))
    relations = []
    for row in of_type(record.get("relations", []), list, "'relations'", path):
        numbers = [row.get(name) for name in ("head", "tail")] if isinstance(row, dict) else [None]
        if not all(type(number) is int and 0 <= number < len(entities) for number in numbers):
            message = f"'relations' holds {shown(row)}; expected 'type' and, as 'head' and 'tail', numbers from 0 to "
            raise DataError(f"{message}{len(entities) - 1} of entities")
        head, tail = (entities[number][:2] for number in numbers)  # type: ignore[index]
        relations.append((head, tail, label_of(row.get("type"), f"the relation {shown(row)}", path)))
    return Annotations({"ner": entities}, relations)


def _crossre(record: Dict[str, Any], path: Path) -> Annotations:
    def rows(name: str, num_offsets: int) -> Iterator[Tuple[List[Bounds], str]]:
        for row in of_type(record.get(name, []), list, f"'{name}'", path):
            if (
                not isinstance(row, list)
                or len(row) <= num_offsets
                or any(type(o) is not int for o in row[:num_offsets])
            ):
                raise DataError(f"'{name}' holds {shown(row)}; expected {num_offsets} numbers of tokens and a label")
            bounds = [(row[at], row[at + 1]) for at in range(0, num_offsets, 2)]
            yield bounds, label_of(row[num_offsets], f"the row {shown(row)}", path)

    entities = [(*bounds[0], label) for bounds, label in rows("ner", 2)]
    return Annotations({"ner": entities}, [(arg1, arg2, label) for (arg1, arg2), label in rows("relations", 4)])

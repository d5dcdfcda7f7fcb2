"""Re-DocRED and DocRED: relations between the entities of Wikipedia articles."""

import json
from itertools import product
from pathlib import Path
from typing import Any, Dict, Iterator, List, Set

from hmtl.data.corpora.corpus import Corpus
from hmtl.data.document import Bounds, Document, Relation, Span
from hmtl.errors import DataError


@Corpus.register("redocred")
class RedocredCorpus(Corpus):
    """A JSON list of documents with `title`, `sents`, `vertexSet` (entities, each a list of mentions) and `labels`.

    Each `Document` has

    - the span layer `ner`: all mentions, with their entity type;
    - `clusters`: the entities of two or more mentions;
    - `relations`: a label between two entities becomes a relation, named by its Wikidata property, between every
      mention of the one and every mention of the other that share a sentence. Labels whose entities never do are lost.

    Its key is the title, and a title that comes again is followed by ` (2)`, ` (3)` and so on.
    Paper: Tan et al., 2022, Revisiting DocRED (EMNLP).
    """

    def parse(self, path: Path) -> Iterator[Document]:
        records = _load(path)
        titles: Set[str] = set()
        for number, record in enumerate(records):
            try:
                document = _document(record)
            except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
                raise DataError(
                    f"document {number} (from 0): expected 'title', 'sents', 'vertexSet' and 'labels' as in DocRED "
                    f"({type(error).__name__}: {error})",
                    path,
                ) from error
            except DataError as error:
                raise DataError(f"document {number} (from 0): {error}", path) from error
            document.doc_key = _unique(document.doc_key, titles)
            titles.add(document.doc_key)
            yield document


def _load(path: Path) -> List[Any]:
    if not path.is_file():
        raise DataError("expected a JSON file, found a directory; name one of its files", path)
    try:
        records = json.loads(path.read_bytes())
    except json.JSONDecodeError as error:
        raise DataError(f"not valid JSON ({error}); expected a list of documents", path, error.lineno) from error
    except UnicodeDecodeError as error:
        raise DataError(f"not valid UTF-8 ({error}); convert the file to UTF-8", path) from error
    if not isinstance(records, list):
        raise DataError(f"expected a JSON list of documents, found {type(records).__name__}", path)
    return records


def _document(record: Dict[str, Any]) -> Document:
    document = Document(str(record["title"]), record["sents"])
    starts = document.sentence_starts
    spans: Set[Span] = set()
    entities: List[Dict[Bounds, int]] = []
    for entity in record["vertexSet"]:
        # The sentence of each mention of this entity, by the mention's bounds in the document.
        sentence_of: Dict[Bounds, int] = {}
        for mention in entity:
            sentence, (start, stop) = mention["sent_id"], mention["pos"]
            if not (0 <= sentence < len(starts) and 0 <= start < stop <= len(document.sentences[sentence])):
                name = mention.get("name", "?")
                raise DataError(f"mention '{name}' at [{start}, {stop}) lies outside its sentence {sentence}")
            bounds = (starts[sentence] + start, starts[sentence] + stop - 1)
            sentence_of[bounds] = sentence
            spans.add(Span(*bounds, mention["type"]))
        entities.append(sentence_of)
    relations: Set[Relation] = set()
    for label in record["labels"]:
        for index in (label["h"], label["t"]):
            if not 0 <= index < len(entities):
                raise DataError(f"a label names entity {index}, expected 0 to {len(entities) - 1}")
        head, tail = entities[label["h"]], entities[label["t"]]
        for arg1, arg2 in product(head, tail):
            if head[arg1] == tail[arg2] and arg1 != arg2:
                relations.add(Relation(arg1, arg2, label["r"]))
    document.spans["ner"] = sorted(spans)
    document.relations = sorted(relations)
    document.clusters = sorted(sorted(entity) for entity in entities if len(entity) > 1)
    return document


def _unique(title: str, titles: Set[str]) -> str:
    key, count = title, 1
    while key in titles:
        count += 1
        key = f"{title} ({count})"
    return key

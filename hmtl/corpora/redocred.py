"""Re-DocRED and DocRED: relations between the entities of Wikipedia articles."""

import logging
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, Dict, Iterator, List, Literal, Set

from hmtl.common.checks import shown
from hmtl.common.json_text import parse_json
from hmtl.corpora.corpus import Attempt, Corpus, attempted
from hmtl.document import Bounds, Document, Relation, Span
from hmtl.errors import ConfigurationError, DataError

logger = logging.getLogger(__name__)

# Among the metadata of a document, until it is counted: how many of its labels are left out.
_LEFT_OUT = "labels left out"


@Corpus.register("redocred")
class RedocredCorpus(Corpus):
    """A JSON list of documents with `title`, `sents`, `vertexSet` (entities, each a list of mentions) and `labels`.

    Each `Document` has

    - the span layer `ner`: all mentions, with their entity type;
    - `clusters`: the entities of two or more mentions;
    - `relations`: a label between two entities becomes a relation, named by its Wikidata property, between every
      mention of the one and every mention of the other that share a sentence, or, by option, that are anywhere.

    Its key is the title, and a title that comes again is followed by ` (2)`, ` (3)` and so on.
    Paper: Tan et al., 2022, Revisiting DocRED (EMNLP).

    # Parameters

    across_sentences : `str`, optional (default = `"drop"`)
        Relations between mentions in different sentences: `drop` leaves them out, and with them the labels whose
        entities never share a sentence, more than half of all; their number is logged. `keep` has all relations, for
        readers of documents, such as `hmtl_span_relations` with `scope` `document`.

    # Raises

    ConfigurationError
        Where `across_sentences` has neither value.
    """

    def __init__(self, across_sentences: Literal["drop", "keep"] = "drop") -> None:
        if across_sentences not in ("drop", "keep"):
            raise ConfigurationError(f"across_sentences: '{across_sentences}' is neither 'drop' nor 'keep'")
        self.across_sentences = across_sentences

    def attempts(self, path: str) -> Iterator[Attempt]:
        left_out = 0
        for found in super().attempts(path):
            if isinstance(found, Document):
                left_out += found.metadata.pop(_LEFT_OUT, 0)
            yield found
        if left_out:
            logger.info("%s: %d labels whose entities share no sentence left out", path, left_out)

    def parse(self, path: Path) -> Iterator[Attempt]:
        records = load_records(path)
        titles: Set[str] = set()
        for number, record in enumerate(records):
            found = attempted(partial(_numbered, record, number, path, self.across_sentences == "keep"))
            if isinstance(found, Document):
                found.doc_key = _unique(found.doc_key, titles)
                titles.add(found.doc_key)
            yield found


def load_records(path: Path) -> List[Any]:
    """The documents of a file as they stand there.

    # Raises

    DataError
        Where it is no JSON list.
    """
    if not path.is_file():
        raise DataError("expected a JSON file, found a directory; name one of its files", path)
    records = parse_json(path.read_bytes(), "a list of documents", path)
    if not isinstance(records, list):
        raise DataError(f"expected a JSON list of documents, found {type(records).__name__}", path)
    return records


def _numbered(record: Any, number: int, path: Path, across_sentences: bool) -> Document:
    """The document of a record, valid, with errors that tell which one it is."""
    try:
        return _document(record, across_sentences).validate()
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise DataError(
            f"document {number} (from 0): expected 'title', 'sents', 'vertexSet' and 'labels' as in DocRED "
            f"({type(error).__name__}: {error})",
            path,
        ) from error
    except DataError as error:
        raise DataError(f"document {number} (from 0): {error}", path) from error


def _document(record: Dict[str, Any], across_sentences: bool) -> Document:
    document = Document(_text(record["title"], "'title'"), record["sents"])
    starts = document.sentence_starts
    spans: Set[Span] = set()
    entities: List[Dict[Bounds, int]] = []
    for number, entity in enumerate(record["vertexSet"]):
        if not entity:
            raise DataError(f"entity {number} (from 0) has no mention; remove it and what refers to it")
        # The sentence of each mention of this entity, by the mention's bounds in the document.
        sentence_of: Dict[Bounds, int] = {}
        for mention in entity:
            sentence, (start, stop) = _number(mention["sent_id"], "'sent_id'"), mention["pos"]
            start, stop = _number(start, "'pos'"), _number(stop, "'pos'")
            if not (0 <= sentence < len(starts) and 0 <= start < stop <= len(document.sentences[sentence])):
                name = mention.get("name", "?")
                raise DataError(f"mention '{name}' at [{start}, {stop}) lies outside its sentence {sentence}")
            bounds = (starts[sentence] + start, starts[sentence] + stop - 1)
            sentence_of[bounds] = sentence
            spans.add(Span(*bounds, _text(mention["type"], "the 'type' of a mention")))
        entities.append(sentence_of)
    relations: Set[Relation] = set()
    left_out = 0
    for label in record["labels"]:
        for index in (label["h"], label["t"]):
            if not 0 <= _number(index, "'h' or 't'") < len(entities):
                raise DataError(f"a label names entity {index}, expected 0 to {len(entities) - 1}")
        head, tail = entities[label["h"]], entities[label["t"]]
        name = _text(label["r"], "the relation 'r' of a label")
        pairs = [(arg1, arg2) for arg1, arg2 in product(head, tail) if across_sentences or head[arg1] == tail[arg2]]
        relations.update(Relation(arg1, arg2, name) for arg1, arg2 in pairs if arg1 != arg2)
        left_out += not pairs
    document.spans["ner"] = sorted(spans)
    document.relations = sorted(relations)
    document.clusters = sorted(sorted(entity) for entity in entities if len(entity) > 1)
    if left_out:
        document.metadata[_LEFT_OUT] = left_out
    return document


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise DataError(f"{what} is {shown(value)}; expected a text in quotes")
    return value


def _number(value: Any, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise DataError(f"{what} holds {shown(value)}; expected a whole number")
    return value


def _unique(title: str, titles: Set[str]) -> str:
    key, count = title, 1
    while key in titles:
        count += 1
        key = f"{title} ({count})"
    return key

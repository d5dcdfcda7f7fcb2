"""The `.apf.xml` files of ACE: entities with their mentions, and relations between mentions."""

from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from hmtl.common.lines import check_name
from hmtl.corpora.conll_columns import whole_number
from hmtl.errors import DataError


def read_bytes(path: Path) -> bytes:
    """The content of a file.

    # Raises

    DataError
        Where the file is missing, cannot be read or can have no such name.
    """
    check_name(path)
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise DataError("no such file; is the LDC's directory complete?", path) from error
    except OSError as error:
        raise DataError(f"cannot be read: {(error.strerror or str(error)).lower()}", path) from error


class CharSeq(NamedTuple):
    """Characters `start` to `end`, both included, of the text without tags, and what they should read."""

    start: int
    end: int
    text: str


class EntityMention(NamedTuple):
    """A mention of an entity: in full, and its head."""

    id: str
    extent: CharSeq
    head: CharSeq


class Entity(NamedTuple):
    """An entity of a type such as PER."""

    id: str
    type: str
    mentions: List[EntityMention]


class RelationMention(NamedTuple):
    """A relation of a type such as PER-SOC, and the identifiers of the mentions that are its arguments 1 and 2.

    A METONYMY relation may have no mention: then `id` is its own, and it has no arguments.
    """

    id: str
    type: str
    arguments: Dict[int, str]


@dataclass(frozen=True)
class Annotation:
    """What a file says of entities and relations; values, times and events are left aside."""

    entities: List[Entity]
    relations: List[RelationMention]


class _Layout(NamedTuple):
    """How a version of APF writes the arguments of relation mentions."""

    tag: str
    mention: str
    role: str
    numbers: Dict[str, int]


_LAYOUTS = {
    "2005": _Layout("relation_mention_argument", "REFID", "ROLE", {"Arg-1": 1, "Arg-2": 2}),
    "2004": _Layout("rel_mention_arg", "ENTITYMENTIONID", "ARGNUM", {"1": 1, "2": 2}),
}


def read_annotation(path: Path, version: str = "2005") -> Annotation:
    """Reads a `.apf.xml` file of ACE 2005 (APF 5.1) or 2004 (APF 4.0). Its DTD is neither needed nor read.

    # Raises

    DataError
        Where the file cannot be read, is no well-formed XML, declares entities, or lacks what APF demands.
    """
    root = _parse(path)
    document = root.find("document")
    if root.tag != "source_file" or document is None:
        raise DataError(f"expected <source_file> with a <document>, found <{root.tag}>; is this a file of ACE?", path)
    reader = _Reader(path, _LAYOUTS[version])
    return Annotation(list(reader.entities(document)), list(reader.relations(document)))


def _parse(path: Path) -> Element:
    content = read_bytes(path)
    try:
        return fromstring(content, forbid_entities=True, forbid_external=True)
    except DefusedXmlException as error:
        message = "declares XML entities, as files do that read others or fill the memory; ACE has none: not read"
        raise DataError(message, path) from error
    except ParseError as error:
        raise DataError(f"no well-formed XML ({error}); is the file complete?", path, error.position[0]) from error
    except (LookupError, ValueError) as error:
        raise DataError(f"no readable encoding ({error}); expected UTF-8", path) from error


class _Reader:
    """The elements of a file, with errors that name it."""

    def __init__(self, path: Path, layout: _Layout) -> None:
        self._path = path
        self._layout = layout

    def entities(self, document: Element) -> Iterator[Entity]:
        for entity in document.iter("entity"):
            mentions = [self._mention(mention) for mention in entity.iter("entity_mention")]
            yield Entity(self._attribute(entity, "ID"), self._attribute(entity, "TYPE"), mentions)

    def relations(self, document: Element) -> Iterator[RelationMention]:
        for relation in document.iter("relation"):
            label = self._attribute(relation, "TYPE")
            mentions = relation.findall(".//relation_mention")
            for mention in mentions:
                yield RelationMention(self._attribute(mention, "ID"), label, self._arguments(mention))
            if not mentions:
                yield RelationMention(self._attribute(relation, "ID"), label, {})

    def _arguments(self, mention: Element) -> Dict[int, str]:
        """Arguments 1 and 2; a time has another role."""
        arguments: Dict[int, str] = {}
        for argument in mention.iter(self._layout.tag):
            number = self._layout.numbers.get(self._attribute(argument, self._layout.role))
            if number is not None:
                arguments[number] = self._attribute(argument, self._layout.mention)
        return arguments

    def _mention(self, mention: Element) -> EntityMention:
        identifier = self._attribute(mention, "ID")
        return EntityMention(identifier, self._charseq(mention, "extent"), self._charseq(mention, "head"))

    def _charseq(self, mention: Element, part: str) -> CharSeq:
        found = mention.find(f"{part}/charseq")
        if found is None:
            raise DataError(f"mention {mention.get('ID')} has no <{part}> with a <charseq>", self._path)
        start, end = (self._number(found, key) for key in ("START", "END"))
        return CharSeq(start, end, "".join(found.itertext()))

    def _number(self, element: Element, key: str) -> int:
        value = self._attribute(element, key)
        number = whole_number(value)
        if number is None:
            raise DataError(f'{key}="{value}" of a <{element.tag}> is no number of characters', self._path)
        return number

    def _attribute(self, element: Element, key: str) -> str:
        value: Optional[str] = element.get(key)
        if value is None:
            raise DataError(f"a <{element.tag}> has no {key}; is this the right version of ACE?", self._path)
        return value

"""From the two files of an ACE document to a `Document`, and a note of whatever it loses."""

import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Set

from hmtl.corpora.ace.apf import Annotation, CharSeq, Entity, EntityMention, RelationMention, read_annotation
from hmtl.corpora.ace.sgml import Range, SourceText, TokenizedSource, Tokenizer, decode_entities, read_source_text
from hmtl.corpora.preparation.source import Converted, Dropped
from hmtl.document import Bounds, Document, Relation, Span
from hmtl.errors import DataError, UserError

CHOICES = {
    "version": ("2005", "2004"),
    "spans": ("heads", "extents"),
    "zone": ("document", "body", "text"),
    "across_sentences": ("merge", "paragraph", "drop"),
    "directions": ("annotated", "both", "ordered"),
}


@dataclass(frozen=True)
class AceOptions:
    """The defaults are those of the split preparation of Miwa and Bansal (2016), whose counts are the expected ones.

    # Attributes

    version : `str`
        `2005` (LDC2006T06) or `2004` (LDC2005T09).
    spans : `str`
        Whether a mention is its head (`heads`) or its full extent (`extents`).
    zone : `str`
        The text: all that is no tag (`document`: identifier, type, date, headline and body), or what `<BODY>` or
        `<TEXT>` holds (`body`, `text`). The names of speakers and posters are text in all of them: they are mentions.
    across_sentences : `str`
        What becomes of a relation whose arguments lie in two sentences. ACE annotates relations within a sentence, so
        the splitter erred: the sentences become one (`merge`), the same but never across paragraphs (`paragraph`: the
        relation is then dropped), or the relation is dropped (`drop`). Sentences that cut a mention become one always.
    directions : `str`
        Symmetric relations (PER-SOC) as they are annotated (`annotated`), in both directions (`both`), or from the
        earlier mention to the later one (`ordered`).
    metonymy : `bool`
        Whether METONYMY relations, or DISC relations of 2004, are kept.
    singletons : `bool`
        Whether entities with a single mention are clusters, as in the columns that the 2018 release of HMTL read.
    spacy_model : `Optional[str]`
        The spaCy pipeline that splits sentences and tokens; by default the rules of `SentenceSplitter`.

    # Raises

    UserError
        Where an attribute has none of its values.
    """

    version: str = "2005"
    spans: str = "heads"
    zone: str = "document"
    across_sentences: str = "merge"
    directions: str = "annotated"
    metonymy: bool = False
    singletons: bool = True
    spacy_model: Optional[str] = None

    def __post_init__(self) -> None:
        for name, values in CHOICES.items():
            if getattr(self, name) not in values:
                raise UserError(f"{name}: '{getattr(self, name)}' is none of {', '.join(values)}")

    def as_dict(self) -> Dict[str, Any]:
        """All options as JSON values."""
        return asdict(self)


ENTITY_TYPES = ("PER", "ORG", "GPE", "LOC", "FAC", "VEH", "WEA")
RELATION_TYPES = {
    "2005": ("ART", "GEN-AFF", "ORG-AFF", "PART-WHOLE", "PER-SOC", "PHYS"),
    "2004": ("ART", "EMP-ORG", "GPE-AFF", "OTHER-AFF", "PER-SOC", "PHYS"),
}
# Relations that are none of the task: of names that stand for something else, and within a discourse.
LEFT_OUT = {"2005": "METONYMY", "2004": "DISC"}
SYMMETRIC_TYPES = ("PER-SOC",)


class _Mention(NamedTuple):
    """A mention that the document keeps, with its place in the source text."""

    label: str
    characters: Range


@dataclass
class _State:
    """A document while it is converted."""

    key: str
    source: SourceText
    zone: Range
    dropped: List[Dropped] = field(default_factory=list)

    def drop(self, what: str, reason: str, detail: str) -> None:
        self.dropped.append(Dropped(self.key, what, reason, detail))


class AceConverter:
    """Converts ACE documents.

    The `Document` has the span layer `emd`, `relations`, `clusters`, and as metadata `token_offsets`: for each token,
    its first character and the one behind its last in the text that `SourceText` describes.

    - A mention whose text is not the text at its offsets is dropped; white space of any kind is alike. White space at
      its ends is no part of it.
    - Mentions of the same type and place are one, relations of the same type and arguments as well.
    - A cluster holds the mentions of an entity, at least two different ones.

    # Parameters

    options : `AceOptions`, optional (default = `AceOptions()`)
        See there.

    # Raises

    UserError
        Where spaCy finds no such pipeline as the options name.
    """

    def __init__(self, options: AceOptions = None) -> None:
        self.options = options or AceOptions()
        self._tokenize = Tokenizer(self.options.spacy_model)

    def convert(self, key: str, sgml: Path, apf: Path, metadata: Optional[Dict[str, Any]] = None) -> Converted:
        """The document of an `.sgm` and an `.apf.xml` file.

        # Raises

        DataError
            Naming the file, where one of them cannot be used.
        """
        source = read_source_text(sgml)
        annotation = read_annotation(apf, self.options.version)
        state = _State(key, source, self._zone(source, sgml))
        mentions = self._mentions(state, annotation.entities)
        boundaries = {offset for mention in mentions.values() for offset in mention.characters}
        text = self._tokenize(source.passages(state.zone), boundaries)
        if not text.tokens:
            raise DataError("it holds no text", sgml)
        bounds = self._bounds(state, mentions, text)
        relations = self._relations(state, annotation, bounds, text)
        spans = {Span(*bounds[name], mention.label) for name, mention in mentions.items() if name in bounds}
        document = Document(
            key,
            text.sentences(),
            spans={"emd": sorted(spans)},
            relations=relations,
            clusters=self._clusters(state, annotation.entities, bounds),
            metadata={**(metadata or {}), "token_offsets": [list(offsets) for offsets in text.offsets]},
        )
        return Converted([document.validate(apf)], state.dropped)

    def _zone(self, source: SourceText, path: Path) -> Range:
        if self.options.zone == "document":
            return 0, len(source.text)
        name = self.options.zone.upper()
        if name not in source.zones:
            raise DataError(f"it has no <{name}> with an end; choose another zone", path)
        return source.zones[name]

    def _mentions(self, state: _State, entities: List[Entity]) -> Dict[str, _Mention]:
        """The mentions by their identifiers. Those of the same type and place are kept: relations name them."""
        found: Dict[str, _Mention] = {}
        seen: Dict[_Mention, str] = {}
        for entity in entities:
            for mention in entity.mentions:
                kept = self._mention(state, entity, mention)
                if kept is None:
                    continue
                found[mention.id] = kept
                first = seen.setdefault(kept, mention.id)
                if first != mention.id:
                    state.drop("mention", "type and place of another mention", f"{mention.id}: as {first}")
        return found

    def _mention(self, state: _State, entity: Entity, mention: EntityMention) -> Optional[_Mention]:
        if entity.type not in ENTITY_TYPES:
            state.drop("mention", "entity type of no known kind", f"{mention.id}: {entity.type}")
            return None
        charseq = mention.head if self.options.spans == "heads" else mention.extent
        found = state.source.text[charseq.start : charseq.end + 1]
        if not _same_text(found, charseq.text):
            detail = f"{mention.id}: text {charseq.text!r} expected at {charseq.start}..{charseq.end}, found {found!r}"
            state.drop("mention", "text differs from the text at its offsets", detail)
            return None
        start, end = _without_margins(charseq, found)
        if start == end:
            state.drop("mention", "nothing but white space", f"{mention.id}: {charseq.start}..{charseq.end}")
            return None
        if start < state.zone[0] or end > state.zone[1]:
            state.drop("mention", "outside of the text", f"{mention.id}: {charseq.text!r}")
            return None
        return _Mention(entity.type, (start, end))

    def _bounds(self, state: _State, mentions: Dict[str, _Mention], text: TokenizedSource) -> Dict[str, Bounds]:
        """The tokens of the mentions, whose sentences become one where they are several."""
        found: Dict[str, Bounds] = {}
        for name, mention in mentions.items():
            bounds = text.bounds(mention.characters)
            if bounds is None:
                state.drop("mention", "no whole number of tokens", f"{name}: {mention.characters}")
                continue
            text.merge(*bounds)
            found[name] = bounds
        return found

    def _relations(
        self, state: _State, annotation: Annotation, bounds: Dict[str, Bounds], text: TokenizedSource
    ) -> List[Relation]:
        known = {mention.id for entity in annotation.entities for mention in entity.mentions}
        found: Dict[Relation, str] = {}
        for mention in annotation.relations:
            reason = self._why_not(mention, known, bounds)
            if reason:
                state.drop("relation", reason, f"{mention.id}: {mention.type}")
                continue
            relation = Relation(bounds[mention.arguments[1]], bounds[mention.arguments[2]], mention.type)
            if not self._join(state, mention.id, relation, text):
                continue
            first, *others = self._directed(relation)
            if first in found:
                detail = f"{mention.id}: {mention.type}, as {found[first]}"
                state.drop("relation", "type and arguments of another relation", detail)
            for directed in (first, *others):
                found.setdefault(directed, mention.id)
        return sorted(found)

    def _why_not(self, relation: RelationMention, known: Set[str], bounds: Dict[str, Bounds]) -> Optional[str]:
        """Why a relation cannot be kept, whatever its place."""
        left_out = LEFT_OUT[self.options.version]
        if relation.type == left_out and not self.options.metonymy:
            return f"{left_out} is left out"
        if relation.type not in (*RELATION_TYPES[self.options.version], left_out):
            return "relation type of no known kind"
        if set(relation.arguments) != {1, 2}:
            return "fewer than two arguments"
        if not known.issuperset(relation.arguments.values()):
            return "an argument is no mention of an entity"
        if any(name not in bounds for name in relation.arguments.values()):
            return "an argument is a dropped mention"
        return None

    def _join(self, state: _State, name: str, relation: Relation, text: TokenizedSource) -> bool:
        """Whether the arguments lie in one sentence, which may be made of several."""
        first = min(relation.arg1[0], relation.arg2[0])
        last = max(relation.arg1[1], relation.arg2[1])
        if not text.crosses(first, last, text.sentence_starts):
            return True
        apart = text.sentence_starts & text.paragraph_starts
        policy = self.options.across_sentences
        if policy == "drop" or (policy == "paragraph" and text.crosses(first, last, apart)):
            detail = f"{name}: {relation.label} of tokens {list(relation.arg1)} and {list(relation.arg2)}"
            state.drop("relation", "arguments in two sentences", detail)
            return False
        text.merge(first, last)
        return True

    def _directed(self, relation: Relation) -> List[Relation]:
        """The relation in the directions that the document shall have."""
        reverse = Relation(relation.arg2, relation.arg1, relation.label)
        if relation.label not in SYMMETRIC_TYPES or self.options.directions == "annotated":
            return [relation]
        return [relation, reverse] if self.options.directions == "both" else [min(relation, reverse)]

    def _clusters(self, state: _State, entities: List[Entity], bounds: Dict[str, Bounds]) -> List[List[Bounds]]:
        clusters: List[List[Bounds]] = []
        for entity in entities:
            cluster = sorted({bounds[mention.id] for mention in entity.mentions if mention.id in bounds})
            if len(cluster) > 1 or (cluster and self.options.singletons):
                clusters.append(cluster)
            elif len({mention.head for mention in entity.mentions}) > 1:
                # A single mention never was a cluster.
                state.drop("cluster", "fewer than two mentions are left", f"{entity.id}: {entity.type}")
        return sorted(clusters)


def _same_text(found: str, expected: str) -> bool:
    return _plain(found) == _plain(expected)


def _plain(text: str) -> str:
    """The text as it is compared: XML has decoded its entities, and white space of any kind is alike."""
    return re.sub(r"\s", " ", decode_entities(text))


def _without_margins(charseq: CharSeq, found: str) -> Range:
    start = charseq.start + len(found) - len(found.lstrip())
    return start, max(start, charseq.start + len(found.rstrip()))

"""CoNLL-U treebanks, with entities and coreference in the last column."""

from bisect import bisect_left
from collections import defaultdict
from itertools import accumulate
from pathlib import Path
from typing import Any, DefaultDict, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from hmtl.alignment import Annotations, Bounds, Changes, LabelledBounds
from hmtl.common.lines import read_lines
from hmtl.corpora.conllu import DependencySentence, Token, read_conllu
from hmtl.corpora.corpus import Attempt, Corpus, files_below
from hmtl.corpora.formats.sample import Sample
from hmtl.corpora.formats.tags import scheme_of, spans_by_scheme
from hmtl.corpora.formats.text_corpus import ToolCorpus, label_of
from hmtl.corpora.gum import ENTITY_BRACKET, PART
from hmtl.errors import DataError

_NUM_COLUMNS = 10
# Of `Entity=`, where no header names them.
_DEFAULT_FIELDS = ("eid", "etype", "head", "other")
_TAG_KEYS = ("NER", "ner", "NE")
_NO_TYPE = "mention"


class _Bracket(NamedTuple):
    """A bracket of `Entity=`, at the position of a word in its sentence; of an empty node at that between two words."""

    text: str
    position: float
    line: int


class _Mention(NamedTuple):
    entity: str
    label: str
    tokens: Tuple[int, ...]
    line: int


@Corpus.register("conllu")
class ConlluCorpus(ToolCorpus):
    """CoNLL-U files. Documents begin at `# newdoc`; a file without is one.

    Each `Document` has the layers

    - `pos` and `deprel`: the universal part of speech of each token and its relation to its head, without the subtype;
    - `mentions` and clusters, if there is `Entity=` in the file: mentions with their entity type. The header
      `# global.Entity` names the fields, as in GUM and CorefUD; mentions of one token that stands for nothing (an empty
      node) are dropped, and discontinuous ones are subject to the policy;
    - `ner`, if there is `NER=B-PER` in the last column;

    and the metadata `heads`, the positions of heads in their sentences from 0 (-1: the root), and the raw text where
    `# text` agrees with the tokens. Tokens are syntactic words.

    GUM by itself is the corpus `gum`, whose coreference is OntoGUM's.
    """

    title = "CoNLL-U"

    @classmethod
    def fits(cls, sample: Sample) -> bool:
        if sample.is_folder:
            return bool(sample.suffixes[".conllu"])
        rows = [row for row in sample.rows if row and row[0].split("-")[0].split(".")[0].isdigit()]
        return len(rows) > 0 and len(rows) == len(sample.rows) and all(len(row) == _NUM_COLUMNS for row in rows)

    def read(self, path: Path, changes: Changes) -> Iterator[Attempt]:
        for file in files_below(path, "*.conllu"):
            try:
                sentences = read_conllu(file)
                empty = _empty_nodes(file)
            except DataError as error:
                yield error
                continue
            documents = _documents(sentences, file.stem)
            misc = {key for sentence in sentences for token in sentence.tokens for key in token.misc}
            has_entities = "Entity" in misc or any("Entity" in node for _, node in empty)
            tag_key = next((key for key in _TAG_KEYS if key in misc), None)
            fields = _fields(sentences) if has_entities else None
            for key, found in documents:
                try:
                    yield from self._document(key, found, fields, empty, tag_key, changes, file)
                except DataError as error:
                    yield DataError(error.message, file, error.line)

    def _document(
        self,
        key: str,
        sentences: Sequence[DependencySentence],
        fields: Optional[Sequence[str]],
        empty: List[Tuple[int, Dict[str, str]]],
        tag_key: Optional[str],
        changes: Changes,
        path: Path,
    ) -> Iterator[Attempt]:
        layers: Dict[str, List[LabelledBounds]] = {"pos": [], "deprel": []}
        clusters: DefaultDict[str, List[Bounds]] = defaultdict(list)
        if fields is not None:
            layers["mentions"] = []
        if tag_key is not None:
            layers["ner"] = []
        firsts = [0, *accumulate(len(sentence.tokens) for sentence in sentences)]
        for number, (first, sentence) in enumerate(zip(firsts, sentences)):
            tokens = sentence.tokens
            for position, token in enumerate(tokens, start=first):
                for layer, label in (("pos", token.upos), ("deprel", token.universal_relation)):
                    if label != "_":
                        layers[layer].append((position, position, label))
            if tag_key is not None:
                tags = [token.misc.get(tag_key, "O") for token in tokens]
                layers["ner"] += [
                    (first + s, first + e, label_of(label, f"'{tag_key}'", path, tokens[s].line))
                    for s, e, label in spans_by_scheme(tags, scheme_of(["O", *tags]))
                ]
            if fields is None:
                continue
            last = sentences[number + 1].line if number + 1 < len(sentences) else None
            for mention in _mentions(tokens, _brackets(tokens, empty, last), fields, key, changes):
                bounds = self._mention_bounds(mention, tokens, key, changes)
                if bounds is not None:
                    placed = first + bounds[0], first + bounds[1]
                    layers["mentions"].append((*placed, mention.label))
                    clusters[mention.entity].append(placed)
        words = [[token.form for token in sentence.tokens] for sentence in sentences]
        metadata: Dict[str, Any] = {"heads": [[token.head for token in sentence.tokens] for sentence in sentences]}
        metadata.update(_raw_text(sentences))
        annotations = Annotations(layers, None, None if fields is None else sorted(map(sorted, clusters.values())))
        yield from self._from_tokens(key, words, annotations, changes, path, sentences[0].line, metadata)

    def _mention_bounds(
        self, mention: _Mention, tokens: Sequence[Token], key: str, changes: Changes
    ) -> Optional[Bounds]:
        """By the policy of mentions in several pieces; both ends are included."""
        pieces: List[Bounds] = []
        for token in mention.tokens:
            if pieces and pieces[-1][1] == token:
                pieces[-1] = (pieces[-1][0], token + 1)
            else:
                pieces.append((token, token + 1))
        example = f"{key}: {mention.label} '{' '.join(tokens[t].form for t in mention.tokens)[:60]}'"
        whole = self._one_piece(pieces, lambda start, end: "x" * (end - start), changes, example)
        return None if whole is None else (whole[0], whole[1] - 1)


def _documents(sentences: Sequence[DependencySentence], stem: str) -> List[Tuple[str, List[DependencySentence]]]:
    documents: List[Tuple[str, List[DependencySentence]]] = []
    for sentence in sentences:
        started = next((key for key in ("newdoc id", "newdoc") if key in sentence.comments), None)
        if started is not None or not documents:
            name = sentence.comments.get("newdoc id") or (f"{stem}_{len(documents)}" if documents else stem)
            documents.append((name, []))
        documents[-1][1].append(sentence)
    return documents


def _fields(sentences: Sequence[DependencySentence]) -> Sequence[str]:
    for sentence in sentences:
        if "global.Entity" in sentence.comments:
            return [field.strip() for field in sentence.comments["global.Entity"].split("-")]
    return _DEFAULT_FIELDS


def _empty_nodes(path: Path) -> List[Tuple[int, Dict[str, str]]]:
    """The line and the last column of each empty node, `8.1`."""
    found = []
    for number, line in read_lines(path):
        cells = line.split("\t")
        if len(cells) == _NUM_COLUMNS and "." in cells[0]:
            found.append((number, dict(item.partition("=")[::2] for item in cells[9].split("|"))))
    return found


def _brackets(tokens: Sequence[Token], empty: List[Tuple[int, Dict[str, str]]], last: Optional[int]) -> List[_Bracket]:
    """Those of a sentence in their order; `last` is the line of the next sentence's first word."""
    entries = [(token.line, float(position), token.misc.get("Entity", "")) for position, token in enumerate(tokens)]
    # An empty node before the first word belongs to the sentence, too.
    lines = [token.line for token in tokens]
    begins = tokens[0].line - 1
    for line, misc in empty:
        if begins <= line and (last is None or line < last - 1):
            entries.append((line, bisect_left(lines, line) - 0.5, misc.get("Entity", "")))
    found = []
    for line, position, entity in sorted(entries):
        brackets = ENTITY_BRACKET.findall(entity)
        if "".join(brackets) != entity:
            raise DataError(f"'Entity={entity}' is no sequence of '(...', '(...)' and '...)'", None, line)
        found += [_Bracket(bracket, position, line) for bracket in brackets]
    return found


def _mentions(
    tokens: Sequence[Token], brackets: Sequence[_Bracket], fields: Sequence[str], key: str, changes: Changes
) -> Iterator[_Mention]:
    """The mentions of a sentence, in the order in which they end."""
    eid = fields.index("eid") if "eid" in fields else 0
    etype = fields.index("etype") if "etype" in fields else None
    opened: DefaultDict[str, List[Tuple[float, str, int]]] = defaultdict(list)
    parts: DefaultDict[str, List[int]] = defaultdict(list)
    for text, position, line in brackets:
        values = text.strip("()").split("-", len(fields) - 1)
        name = values[eid] if text.startswith("(") and eid < len(values) else values[0]
        if text.startswith("("):
            label = values[etype].strip() if etype is not None and etype < len(values) else ""
            opened[name].append((position, label or _NO_TYPE, line))
        if not text.endswith(")"):
            continue
        if not opened[name]:
            raise DataError(f"unbalanced brackets: '{text}' closes a mention that is not open", None, line)
        start, label, line = opened[name].pop()
        covered = [number for number in range(len(tokens)) if start <= number <= position]
        part = PART.fullmatch(name)
        entity = name
        if part:
            entity = part["group"]
            parts[entity] += covered
            if part["part"] != part["parts"]:
                continue
            covered = sorted(parts.pop(entity))
        if covered:
            yield _Mention(entity, label, tuple(covered), line)
        else:
            changes.drop("mention", "of an empty node alone", f"{key}: {entity}")
    for name, left in opened.items():
        if left:
            raise DataError(f"unbalanced brackets: '({name}' is not closed in its sentence", None, left[-1][2])
    for name in parts:
        raise DataError(f"the discontinuous mention '{name}' lacks its last part in its sentence", None, tokens[0].line)


def _raw_text(sentences: Sequence[DependencySentence]) -> Dict[str, Any]:
    """The text and the places of the tokens, if every sentence has a text that its tokens make up; else nothing."""
    pieces: List[str] = []
    offsets: List[List[int]] = []
    length = 0
    for sentence in sentences:
        text = sentence.comments.get("text")
        if text is None:
            return {}
        position = 0
        for token in sentence.tokens:
            start = text.find(token.form, position)
            if start < 0 or text[position:start].strip():
                return {}
            position = start + len(token.form)
            offsets.append([length + start, length + position])
        if text[position:].strip():
            return {}
        pieces.append(text)
        length += len(text) + 1
    return {"text": "\n".join(pieces), "token_offsets": offsets}

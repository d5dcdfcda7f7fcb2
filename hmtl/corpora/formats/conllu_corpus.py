"""CoNLL-U treebanks, with entities and coreference in the last column."""

from collections import defaultdict
from itertools import accumulate
from pathlib import Path
from typing import Any, DefaultDict, Dict, Iterator, List, Optional, Sequence, Tuple

from hmtl.alignment import Annotations, Bounds, Changes, LabelledBounds
from hmtl.corpora.conllu import (
    DependencySentence,
    MarkedEntity,
    Token,
    dependency_metadata,
    marked_entities,
    read_conllu,
)
from hmtl.corpora.corpus import Attempt, Corpus, files_below
from hmtl.corpora.formats.sample import Sample
from hmtl.corpora.formats.tags import scheme_of, spans_by_scheme
from hmtl.corpora.formats.text_corpus import ToolCorpus, label_of
from hmtl.errors import DataError

_NUM_COLUMNS = 10
# Of `Entity=`, where no header names them.
_DEFAULT_FIELDS = ("eid", "etype", "head", "other")
_TAG_KEYS = ("NER", "ner", "NE")
_NO_TYPE = "mention"


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
    `# text` agrees with the tokens. Tokens are syntactic words: what is written as one and is several (`1-2`) is kept
    as `multiword_tokens` in the metadata, and of empty nodes (`2.1`) their number, as `empty_nodes`.

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
            except DataError as error:
                yield error
                continue
            documents = _documents(sentences, file.stem)
            misc = {key for sentence in sentences for token in sentence.tokens for key in token.misc}
            in_empty = {key for sentence in sentences for node in sentence.empty_nodes for key in node.misc}
            has_entities = "Entity" in misc | in_empty
            tag_key = next((key for key in _TAG_KEYS if key in misc), None)
            fields = _fields(sentences) if has_entities else None
            for key, found in documents:
                try:
                    yield from self._document(key, found, fields, tag_key, changes, file)
                except DataError as error:
                    yield DataError(error.message, file, error.line)

    def _document(
        self,
        key: str,
        sentences: Sequence[DependencySentence],
        fields: Optional[Sequence[str]],
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
        for first, sentence in zip(firsts, sentences):
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
            for entity in marked_entities(sentence, fields):
                label = entity.values.get("etype", "").strip() or _NO_TYPE
                bounds = self._mention_bounds(entity, label, tokens, key, changes)
                if bounds is not None:
                    placed = first + bounds[0], first + bounds[1]
                    layers["mentions"].append((*placed, label))
                    clusters[entity.name].append(placed)
        words = [[token.form for token in sentence.tokens] for sentence in sentences]
        metadata = {**dependency_metadata(sentences), **_raw_text(sentences)}
        for sentence in sentences:
            for multiword in sentence.multiword_tokens:
                example = f"{key}: '{multiword.form}'"
                changes.change("multiword token", "read as its words, and kept as metadata", example)
            for node in sentence.empty_nodes:
                changes.drop("empty node", "it stands for no word", f"{key}: line {node.line}")
        annotations = Annotations(layers, None, None if fields is None else sorted(map(sorted, clusters.values())))
        yield from self._from_tokens(key, words, annotations, changes, path, sentences[0].line, metadata)

    def _mention_bounds(
        self, mention: MarkedEntity, label: str, tokens: Sequence[Token], key: str, changes: Changes
    ) -> Optional[Bounds]:
        """By the policy of mentions in several pieces; both ends are included."""
        if not mention.tokens:
            changes.drop("mention", "of an empty node alone", f"{key}: {mention.name}")
            return None
        pieces: List[Bounds] = []
        for token in mention.tokens:
            if pieces and pieces[-1][1] == token:
                pieces[-1] = (pieces[-1][0], token + 1)
            else:
                pieces.append((token, token + 1))
        example = f"{key}: {label} '{' '.join(tokens[t].form for t in mention.tokens)[:60]}'"
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

"""Documents straight from the files of the OntoNotes release, equal to those of the CoNLL-2012 columns."""

from collections import defaultdict
from dataclasses import dataclass
from itertools import accumulate, groupby
from pathlib import Path
from typing import Any, DefaultDict, Dict, List, NamedTuple, Optional, Tuple

from hmtl.corpora.conll_columns import group_clusters
from hmtl.corpora.ontonotes_release.annotation_files import (
    APPOSITION,
    FIRST_PART,
    IDENTITY,
    NAME_TYPES,
    UNKNOWN_SPEAKER,
    Coreference,
    Mention,
    Name,
    read_coreference,
    read_names,
    read_speakers,
)
from hmtl.corpora.ontonotes_release.trees import Tree, plain_word, read_trees
from hmtl.document import Bounds, Document, Span


@dataclass(frozen=True)
class ReleaseOptions:
    """In which points the conversion departs from that of CoNLL-2012; by default in none.

    # Attributes

    keep_disfluencies : `bool`
        Keep the words of `EDITED` phrases.
    keep_appositions : `bool`
        Make clusters of `APPOS` chains too.
    keep_single_mentions : `bool`
        Keep clusters of one mention.
    unescape : `bool`
        Read `/.`, `/?` and their like, a slash before one punctuation mark, without the slash.
    """

    keep_disfluencies: bool = False
    keep_appositions: bool = False
    keep_single_mentions: bool = False
    unescape: bool = False


class Loss(NamedTuple):
    """Annotation that a document loses: its `mention` or `cluster`, why, and which one."""

    document: str
    what: str
    reason: str
    detail: str


def read_release(
    stem: Path, document_id: str, options: ReleaseOptions = ReleaseOptions()
) -> Tuple[List[Document], List[Loss]]:
    """The documents, one a part, of the files `STEM.parse`, `STEM.name`, `STEM.coref` and `STEM.speaker`.

    The text is that of the trees without traces and disfluencies (`EDITED`); a sentence that is all disfluency is
    `nullp`. Mentions and names are cut to what is left of them. Those that begin or end inside a token (`S_OFF`,
    `E_OFF`) cover the whole of it. Of the chains, `IDENT` ones of two mentions or more become clusters. A layer whose
    file is missing is absent; without `.coref` the document is one part, `000`. The key is `ID_PART`.

    These are the rules of CoNLL-2012 (Pradhan et al., 2012, section 4) and of its script that fills in the words.
    Tokens are those of the trees, which in release 5.0 split more hyphenated words than in 4.0; parts are those of
    `.coref`. Without the corpus at hand the documents could be compared with hand-made columns only. Not known are:
    whether that conversion moved mentions or names to constituents of the trees where it cut them; how it wrote two
    names within one token (here both are kept, or one if their types are the same); whether it rewrote speakers' names
    or kept single mentions of speakers. The `SPEAKER` attribute of a chain names the speaker whom the chain refers to,
    not the one who speaks, and is not used.

    # Raises

    DataError
        Where `STEM.parse` is missing, a file is malformed, or the files do not fit each other.
    """
    trees = read_trees(_file(stem, "parse"))
    coref_file, name_file, speaker_file = (_file(stem, kind) for kind in ("coref", "name", "speaker"))
    names = read_names(name_file, trees) if name_file.exists() else None
    coreference = read_coreference(coref_file, trees) if coref_file.exists() else None
    speakers = read_speakers(speaker_file, len(trees)) if speaker_file.exists() else None
    parts = [FIRST_PART] * len(trees) if coreference is None else coreference.parts
    documents: List[Document] = []
    losses: List[Loss] = []
    for part, group in groupby(range(len(trees)), key=parts.__getitem__):
        converter = _PartConverter(f"{document_id}_{part}", list(group), trees, options)
        if converter.sentences:
            documents.append(converter.convert(names, coreference, speakers))
            losses.extend(converter.losses)
    return [document.validate(_file(stem, "parse")) for document in documents], losses


def _file(stem: Path, kind: str) -> Path:
    return stem.with_name(f"{stem.name}.{kind}")


class _PartConverter:
    """Turns leaves of the trees of one part into tokens of a document."""

    def __init__(self, doc_key: str, indices: List[int], trees: List[Tree], options: ReleaseOptions) -> None:
        self.losses: List[Loss] = []
        self._doc_key = doc_key
        self._trees = trees
        self._options = options
        sentences = {index: trees[index].sentence(options.keep_disfluencies) for index in indices}
        # A tree of traces alone is no sentence.
        self._indices = [index for index in indices if sentences[index]]
        self.sentences = [sentences[index] for index in self._indices]
        if options.unescape:
            self.sentences = [[plain_word(word) for word in sentence] for sentence in self.sentences]
        starts = [0, *accumulate(map(len, self.sentences))]
        self._positions = {index: self._leaf_positions(index, start) for index, start in zip(self._indices, starts)}

    def convert(
        self, names: Optional[List[Name]], coreference: Optional[Coreference], speakers: Optional[List[str]]
    ) -> Document:
        return Document(
            self._doc_key,
            self.sentences,
            spans={} if names is None else {"ner": self._spans(names)},
            clusters=None if coreference is None else self._clusters(coreference.mentions),
            metadata=self._metadata(speakers),
        )

    def _leaf_positions(self, index: int, start: int) -> List[Optional[int]]:
        """For each leaf of a tree its offset in the document; `None` where it is no token of it."""
        tree = self._trees[index]
        positions: List[Optional[int]] = []
        for leaf in tree.leaves:
            is_kept = tree.is_kept(leaf, self._options.keep_disfluencies)
            positions.append(start if is_kept else None)
            start += is_kept
        return positions

    def _spans(self, names: List[Name]) -> List[Span]:
        spans: Dict[Span, None] = {}
        for index, start, end, label in names:
            if index not in self._positions:
                continue
            detail = f"{label} '{self._text(index, start, end)}'"
            bounds = self._bounds(index, start, end, detail)
            if label not in NAME_TYPES:
                self._lose("mention", "name of an unknown type", detail)
            elif bounds is not None:
                span = Span(*bounds, label)
                if span in spans:
                    self._lose("mention", "repeats a name of the same tokens", detail)
                spans[span] = None
        return sorted(spans, key=lambda span: (span.start, -span.end))

    def _clusters(self, mentions: List[Mention]) -> List[List[Bounds]]:
        chains: DefaultDict[Tuple[str, str], List[Bounds]] = defaultdict(list)
        for index, start, end, chain_type, chain_id in mentions:
            if index not in self._positions:
                continue
            detail = f"{chain_type} {chain_id} '{self._text(index, start, end)}'"
            if chain_type == APPOSITION and not self._options.keep_appositions:
                self._lose("mention", "apposition", detail)
                continue
            if chain_type not in (IDENTITY, APPOSITION):
                self._lose("mention", "chain of an unknown type", detail)
                continue
            # Opens the chain even where this mention is lost.
            chain = chains[chain_type, chain_id]
            bounds = self._bounds(index, start, end, detail)
            if bounds is not None and bounds in chain:
                self._lose("mention", "repeats a mention of its chain", detail)
            elif bounds is not None:
                chain.append(bounds)
        clusters: List[List[Bounds]] = []
        for (chain_type, chain_id), chain in chains.items():
            if len(chain) > 1 or (chain and self._options.keep_single_mentions):
                clusters.append(chain)
            else:
                reason = "only one mention" if chain else "no mention left"
                self._lose("cluster", reason, f"{chain_type} {chain_id}")
        return group_clusters((str(number), bounds) for number, chain in enumerate(clusters) for bounds in chain)

    def _bounds(self, index: int, start: int, end: int, detail: str) -> Optional[Bounds]:
        """The tokens that are left of the leaves `start` to `end`, if any are."""
        kept = [position for position in self._positions[index][start : end + 1] if position is not None]
        if kept:
            return kept[0], kept[-1]
        is_trace = all(leaf.is_trace for leaf in self._trees[index].leaves[start : end + 1])
        self._lose("mention", "covers only traces" if is_trace else "covers only disfluencies", detail)
        return None

    def _text(self, index: int, start: int, end: int) -> str:
        return " ".join(leaf.word for leaf in self._trees[index].leaves[start : end + 1])

    def _lose(self, what: str, reason: str, detail: str) -> None:
        self.losses.append(Loss(self._doc_key, what, reason, detail))

    def _metadata(self, speakers: Optional[List[str]]) -> Dict[str, Any]:
        if speakers is None or all(speakers[index] == UNKNOWN_SPEAKER for index in self._indices):
            return {}
        rows = [[speakers[index]] * len(tokens) for index, tokens in zip(self._indices, self.sentences)]
        return {"speakers": rows}

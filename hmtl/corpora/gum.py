"""GUM, the Georgetown University Multilayer corpus, with the coreference of OntoGUM."""

from functools import partial
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Sequence, Tuple

from hmtl.common.lines import read_lines
from hmtl.corpora.conll_columns import Row, coreference_mentions, group_clusters, whole_number
from hmtl.corpora.conllu import DependencySentence, Token, marked_entities, read_conllu
from hmtl.corpora.corpus import Attempt, Corpus, attempted
from hmtl.document import LABELS, Bounds, Document, Span
from hmtl.errors import DataError

_NUM_COREF_COLUMNS = 3
_METADATA = {"meta::genre": "genre", "meta::title": "title"}


class _Mention(NamedTuple):
    """A mention: the positions of its tokens in the sentence, its entity type, and which of its tokens are minimal."""

    tokens: Tuple[int, ...]
    etype: str
    minimal: Tuple[int, ...]

    @property
    def bounds(self) -> Bounds:
        """From the first token to the last: a discontinuous mention covers its gaps."""
        return self.tokens[0], self.tokens[-1]

    @property
    def head_bounds(self) -> Bounds:
        return self.tokens[self.minimal[0]], self.tokens[self.minimal[-1]]


@Corpus.register("gum")
class GumCorpus(Corpus):
    """The documents that a list file names, one a line, from `dep/NAME.conllu` and `coref/NAME.conll` beside it.

    Each `Document` has the span layers

    - `mentions`: all mentions of entities in full, nested ones among them, with their entity type;
    - `ner`: those of them whose syntactic head is a proper noun. The head is the first token that depends on a token
      outside of the mention;
    - `emd`: the heads of all mentions, from the first to the last token of the annotated `minspan`;

    and `clusters` from OntoGUM, which follows the guidelines of OntoNotes and marks other mentions than GUM. Equal
    spans of a layer are kept once. A discontinuous mention is taken from its first to its last token.
    `metadata` holds the `genre` and the `title` where they are known, and as `labels` the types of the sentences, the
    layer `s_type`, and again the genre, that of the document.

    Format: https://gucorpling.org/gum; `Entity=` as described by the header `# global.Entity`.
    """

    def files(self, path: str) -> List[Path]:
        return [file for listed in super().files(path) for file in super(GumCorpus, self).files(str(listed.parent))]

    def parse(self, path: Path) -> Iterator[Attempt]:
        if not path.is_file():
            raise DataError("expected a file that lists documents, such as 'train.txt', found a directory", path)
        for number, line in read_lines(path):
            name = line.strip()
            if not name:
                continue
            treebank_file = path.parent / "dep" / f"{name}.conllu"
            coref_file = path.parent / "coref" / f"{name}.conll"
            for file in (treebank_file, coref_file):
                if not file.is_file():
                    yield DataError(f"document '{name}' needs the file {file}, which does not exist", path, number)
                    break
            else:
                yield attempted(partial(gum_document, name, treebank_file, coref_file))


def gum_document(name: str, treebank_file: Path, coref_file: Path) -> Document:
    """The document of a treebank and its coreference.

    # Raises

    DataError
        Where a file is malformed, they do not fit each other, or underscores stand where the text should be.
    """
    treebank = read_conllu(treebank_file)
    comments = comments_of(treebank)
    if not any(token.form.strip("_") for sentence in treebank for token in sentence.tokens):
        raise DataError("only underscores where the text was; GUM's get_text.py fetches it", treebank_file)
    fields = entity_fields(comments, treebank_file, "etype", "minspan")
    sentences = [sentence.tokens for sentence in treebank]
    layers: Dict[str, List[Span]] = {"ner": [], "emd": [], "mentions": []}
    first = 0
    for tree, sentence in zip(treebank, sentences):
        for mention in _mentions(tree, fields, treebank_file):
            start, end = mention.bounds
            span = Span(first + start, first + end, mention.etype)
            layers["mentions"].append(span)
            if sentence[_head(mention, sentence)].upos == "PROPN":
                layers["ner"].append(span)
            start, end = mention.head_bounds
            layers["emd"].append(Span(first + start, first + end, mention.etype))
        first += len(sentence)
    return Document(
        name,
        [[token.form for token in sentence] for sentence in sentences],
        spans={layer: sorted(set(spans), key=lambda s: (s.start, -s.end, s.label)) for layer, spans in layers.items()},
        clusters=_read_clusters(coref_file, sentences),
        metadata={
            **{field: comments[key] for key, field in _METADATA.items() if key in comments},
            **_labels(treebank, comments),
        },
    )


def _labels(treebank: Sequence[DependencySentence], comments: Mapping[str, str]) -> Dict[str, Any]:
    """The metadata `labels`, where there are some."""
    types = [sentence.comments.get("s_type") for sentence in treebank]
    labels = {
        **({"sentences": {"s_type": types}} if any(types) else {}),
        **({"document": {"genre": comments["meta::genre"]}} if "meta::genre" in comments else {}),
    }
    return {LABELS: labels} if labels else {}


def entity_fields(comments: Mapping[str, str], path: Path, *needed: str) -> List[str]:
    """The names of the fields of `Entity=`, by the header of a treebank.

    # Raises

    DataError
        Where one that is needed is not among them.
    """
    fields = comments.get("global.Entity", "").split("-")
    missing = sorted(set(needed) - set(fields))
    if missing:
        raise DataError(f"the header '# global.Entity' must name the fields {' and '.join(missing)}", path)
    return fields


def comments_of(sentences: Sequence[DependencySentence]) -> Dict[str, str]:
    """Those of a document, whatever sentence they stand above."""
    return {key: value for sentence in sentences for key, value in sentence.comments.items()}


def _mentions(sentence: DependencySentence, fields: Sequence[str], path: Path) -> Iterator[_Mention]:
    """The mentions of a sentence, in the order in which they end."""
    for entity in marked_entities(sentence, fields, path):
        if "etype" not in entity.values or "minspan" not in entity.values:
            message = f"'{entity.bracket}' has {len(entity.values)} fields; expected {'-'.join(fields)}"
            raise DataError(message, path, entity.line)
        minimal = _minimal(entity.values["minspan"], len(entity.tokens), path, entity.line)
        yield _Mention(entity.tokens, entity.values["etype"], minimal)


def _minimal(minspan: str, num_tokens: int, path: Path, line: int) -> Tuple[int, ...]:
    """The positions within a mention of its minimal tokens, sorted: `2,3` is (1, 2)."""
    numbers = [whole_number(number) or 0 for number in minspan.split(",")]
    if not all(1 <= number <= num_tokens for number in numbers):
        message = f"minspan '{minspan}' of a mention of {num_tokens} tokens; expected numbers from 1 to {num_tokens}"
        raise DataError(message, path, line)
    return tuple(sorted(number - 1 for number in numbers))


def _head(mention: _Mention, sentence: Sequence[Token]) -> int:
    """The first token of the mention that depends on none of its tokens; in a cycle, which no tree has, the first."""
    return next((t for t in mention.tokens if sentence[t].head not in mention.tokens), mention.tokens[0])


def _read_clusters(path: Path, sentences: Sequence[Sequence[Token]]) -> List[List[Bounds]]:
    """The clusters of a `.conll` file, which has the same tokens in one run without sentence breaks."""
    rows: List[Row] = []
    for number, line in read_lines(path):
        if not line.strip() or line.startswith("#"):
            continue
        cells = line.split("\t")
        if len(cells) != _NUM_COREF_COLUMNS:
            message = f"expected {_NUM_COREF_COLUMNS} columns separated by tabs, found {len(cells)}"
            raise DataError(message, path, number)
        rows.append(Row(number, cells))
    num_tokens = sum(len(sentence) for sentence in sentences)
    for (number, cells), token in zip(rows, (token for sentence in sentences for token in sentence)):
        # The conversion of OntoGUM drops vertical bars.
        if cells[1] not in (token.form, token.form.replace("|", "")):
            message = f"expected the word '{token.form}' of the treebank's line {token.line}, found '{cells[1]}'"
            raise DataError(message, path, number)
    if len(rows) != num_tokens:
        raise DataError(f"expected the treebank's {num_tokens} tokens, found {len(rows)}", path)
    mentions: List[Tuple[str, Bounds]] = []
    first = 0
    for sentence in sentences:
        for cluster, (start, end) in coreference_mentions(rows[first : first + len(sentence)], 2, path):
            mentions.append((cluster, (first + start, first + end)))
        first += len(sentence)
    return group_clusters(mentions)

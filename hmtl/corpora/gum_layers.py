"""GUM with labels of single tokens and of spans that its own reader leaves out."""

import re
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import DefaultDict, Dict, Iterator, List, Sequence, Set, Tuple

from hmtl.corpora.conllu import ENTITY_BRACKET, Token, dependency_metadata, read_conllu
from hmtl.corpora.constituents import chunks_of, read_brackets
from hmtl.corpora.corpus import Attempt, Corpus, attempted
from hmtl.corpora.gum import GumCorpus, comments_of, entity_fields
from hmtl.document import Document, Relation, Span
from hmtl.errors import DataError

# Relations of Universal Dependencies that are arguments and modifiers of predicates.
_ROLES = {"nsubj", "csubj", "obj", "iobj", "ccomp", "xcomp", "obl", "advmod", "advcl"}
_PREDICATE = "VERB"
_LINK = re.compile(r"<(?P<closing>/?)ref\b[^>]*>")


@Corpus.register("gum_layers")
class GumLayersCorpus(GumCorpus):
    """GUM as the corpus `gum` reads it, with more span layers, and `const/NAME.ptb` beside `dep` and `coref`.

    To `ner`, `emd` and `mentions` come

    - `pos`: the universal part of speech of each token, a span of one token;
    - `deprel`: its universal relation to its head, without the subtype: `nsubj` of `nsubj:pass`;
    - `chunks`: phrases that do not overlap, from the constituents; see `chunks_of`;
    - `infstat`: the information status of each mention, such as `new`, `giv:act` or `acc:inf`, each part of a
      discontinuous mention by itself;
    - `links`: what the markup (`XML=<ref ...>`) of a page made a hyperlink, within a sentence, labelled `link`.

    `metadata` has the `heads` of the tokens as well, and what CoNLL-U has beside words; see `dependency_metadata`.

    With `arguments` the documents also have relations, from each verb (`VERB`) to the phrases that depend on it, a
    substitute for semantic roles, which GUM lacks. The label is the dependent's relation with its subtype, such as
    `nsubj:pass`: those of `nsubj`, `csubj`, `obj`, `iobj`, `ccomp`, `xcomp`, `obl`, `advmod` and `advcl`. A phrase is
    the dependent and the words around it, without a gap, that depend on it, directly or not.

    # Parameters

    arguments : `bool`, optional (default = `False`)
    """

    def __init__(self, arguments: bool = False) -> None:
        self.arguments = arguments

    def parse(self, path: Path) -> Iterator[Attempt]:
        for found in super().parse(path):
            if isinstance(found, Document):
                yield attempted(partial(_with_layers, found, path, self.arguments))
            else:
                yield found


def _with_layers(document: Document, path: Path, with_arguments: bool) -> Document:
    treebank_file = path.parent / "dep" / f"{document.doc_key}.conllu"
    tree_file = path.parent / "const" / f"{document.doc_key}.ptb"
    if not tree_file.is_file():
        raise DataError(f"document '{document.doc_key}' needs the file {tree_file}, which does not exist", path)
    treebank = read_conllu(treebank_file)
    fields = entity_fields(comments_of(treebank), treebank_file, "infstat")
    document.spans.update(_layers([sentence.tokens for sentence in treebank], fields))
    document.spans["chunks"] = _chunks(tree_file, document)
    document.metadata.update(dependency_metadata(treebank))
    if with_arguments:
        by_sentence = zip(document.sentence_starts, treebank)
        document.relations = [each for first, sentence in by_sentence for each in _arguments(sentence.tokens, first)]
    return document


def _layers(sentences: Sequence[Sequence[Token]], fields: Sequence[str]) -> Dict[str, List[Span]]:
    layers: Dict[str, List[Span]] = {"pos": [], "deprel": [], "infstat": [], "links": []}
    first = 0
    for sentence in sentences:
        for position, token in enumerate(sentence, start=first):
            layers["pos"].append(Span(position, position, token.upos))
            layers["deprel"].append(Span(position, position, token.universal_relation))
        for layer, spans in (("infstat", _information_status(sentence, fields)), ("links", _links(sentence))):
            layers[layer] += [Span(first + start, first + end, label) for start, end, label in spans]
        first += len(sentence)
    return layers


def _arguments(sentence: Sequence[Token], first: int) -> Iterator[Relation]:
    """The arguments of the verbs of a sentence, with offsets that count from `first`."""
    for position, token in enumerate(sentence):
        is_argument = token.universal_relation in _ROLES and 0 <= token.head < len(sentence)
        if is_argument and sentence[token.head].upos == _PREDICATE:
            below = _dependents(sentence, position)
            start, end = position, position
            while start - 1 in below:
                start -= 1
            while end + 1 in below:
                end += 1
            predicate = first + token.head
            yield Relation((predicate, predicate), (first + start, first + end), token.relation)


def _dependents(sentence: Sequence[Token], position: int) -> Set[int]:
    """The position of a word and those of all that depend on it, directly or not."""
    found: Set[int] = set()
    waiting = [position]
    while waiting:
        head = waiting.pop()
        found.add(head)
        waiting += [other for other, token in enumerate(sentence) if token.head == head and other not in found]
    return found


def _information_status(sentence: Sequence[Token], fields: Sequence[str]) -> List[Span]:
    spans: List[Span] = []
    opened: DefaultDict[str, List[Tuple[int, str]]] = defaultdict(list)
    for position, token in enumerate(sentence):
        for bracket in ENTITY_BRACKET.findall(token.misc.get("Entity", "")):
            values = dict(zip(fields, bracket.strip("()").split("-", len(fields) - 1)))
            group = values[fields[0]]
            if bracket.startswith("("):
                opened[group].append((position, values["infstat"]))
            if bracket.endswith(")"):
                start, status = opened[group].pop()
                spans.append(Span(start, position, status))
    return sorted(set(spans), key=lambda span: (span.start, -span.end, span.label))


def _links(sentence: Sequence[Token]) -> List[Span]:
    spans: List[Span] = []
    opened: List[int] = []
    for position, token in enumerate(sentence):
        for tag in _LINK.finditer(token.misc.get("XML", "")):
            if tag[0].endswith("/>"):
                continue
            if not tag["closing"]:
                opened.append(position)
            elif opened:
                spans.append(Span(opened.pop(), position, "link"))
    return spans


def _chunks(path: Path, document: Document) -> List[Span]:
    trees = read_brackets(path)
    if len(trees) != len(document.sentences):
        raise DataError(f"expected the {len(document.sentences)} sentences of the treebank, found {len(trees)}", path)
    spans: List[Span] = []
    for number, (tree, sentence, first) in enumerate(zip(trees, document.sentences, document.sentence_starts), start=1):
        words = tree.words()
        if len(words) != len(sentence):
            message = f"tree {number} has {len(words)} tokens, and its sentence in the treebank {len(sentence)}"
            raise DataError(message, path)
        spans += [Span(first + start, first + end, label) for start, end, label in chunks_of(tree)]
    return spans

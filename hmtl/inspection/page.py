"""The statistics and documents of a corpus as one page that needs nothing else."""

from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from hmtl.corpora.dependencies import DEPENDENCIES
from hmtl.corpora.validation import ordered_union
from hmtl.document import Relation, Span
from hmtl.inspection.layers import sentence_of, text_of
from hmtl.inspection.plain_text import cluster_mentions, counted
from hmtl.inspection.sections import notes, sections
from hmtl.inspection.splits import ShownDocument
from hmtl.page import document, themed
from hmtl.page.labels import hue_of, hue_of_cluster
from hmtl.page.marks import Annotated, Event, nested_marks

# Without a check mark the marks of a layer become plain text. Browsers that do not know `:has` show all layers.
_HIDE_LAYER = """
body:has(#layer-{0}:not(:checked)) mark.layer-{0} {{ all: unset; }}
body:has(#layer-{0}:not(:checked)) mark.layer-{0} > :is(small, sup), \
body:has(#layer-{0}:not(:checked)) .list-{0} {{ display: none; }}
"""


def write_page(report: Dict[str, Any], documents: Sequence[ShownDocument]) -> Iterator[str]:
    """Yields the page in pieces, from the report of `corpus_statistics` and the documents to show.

    It holds all it needs, has light and dark colours, and can be read without JavaScript, which only lights up the
    mentions of a cluster together. Each text shows all layers at once, as nested marks, and each layer can be hidden.
    """
    # What trees say of their tokens is a layer of spans.
    layers = [
        layer
        for layer in ordered_union(split["layers"] for split in report["splits"].values())
        if layer != DEPENDENCIES
    ]
    return document(
        "corpus.html",
        "Corpus: " + ", ".join(report["splits"]),
        themed("report.js"),
        "".join(map(_HIDE_LAYER.format, range(len(layers)))),
        style_attributes=True,
        splits=list(report["splits"]),
        sections=sections(report),
        notes=notes(report),
        num_shown=len(documents),
        num_documents=sum(split["documents"] for split in report["splits"].values()),
        layers=layers,
        # At first one span layer is shown: several tend to mark the same words.
        hidden=[layer for layer in layers if layer not in ("relations", "clusters")][1:],
        keys=[shown.document.doc_key for shown in documents],
        articles=(_Article(f"d{number}", shown, layers) for number, shown in enumerate(documents)),
    )


class _Mark(NamedTuple):
    """What a mark shows; a mention has the number of its cluster."""

    layer: str
    label: str
    hue: int
    cluster: Optional[str] = None


class _Article:
    """A document of the page; the ids of its elements begin with `name`."""

    def __init__(self, name: str, shown: ShownDocument, layers: Sequence[str]) -> None:
        self.name = name
        self.split = shown.split
        self._document = shown.document
        self._layers = layers
        # The annotations that become marks: spans of all layers, then the mentions.
        spans = [(layer, span) for layer, spans in self._document.spans.items() for span in spans]
        mentions = cluster_mentions(self._document)
        self._first_mention = len(spans)
        self._spans: List[Span] = [*(span for _, span in spans), *mentions]
        self.marks = [_Mark(layer, span.label, hue_of(span.label)) for layer, span in spans]
        self.marks += [
            _Mark("clusters", span.label, hue_of_cluster(int(span.label) - 1), span.label) for span in mentions
        ]

    @property
    def key(self) -> str:
        return self._document.doc_key

    @property
    def size(self) -> str:
        return f"{counted(len(self._document.sentences), 'sentence')}, {counted(len(self._document.tokens), 'token')}"

    @property
    def metadata(self) -> List[Tuple[str, Any]]:
        document = self._document
        labels = [
            (layer, ", ".join(document.labels_in_words(layer)[0]))
            for layer, scope in document.label_layers.items()
            if scope == "document"
        ]
        values = [(key, value) for key, value in document.metadata.items() if isinstance(value, (str, int, float))]
        return [*values, *(row for row in labels if row not in values)]

    @property
    def labels(self) -> List[List[Tuple[str, str, int]]]:
        """The labels of each sentence: their layer, the label and its hue."""
        document = self._document
        rows: List[List[Tuple[str, str, int]]] = [[] for _ in document.sentences]
        for layer, scope in document.label_layers.items():
            if scope == "sentence":
                for row, labels in zip(rows, document.labels_in_words(layer)):
                    row += [(layer, label, hue_of(label)) for label in labels]
        return rows

    @property
    def relations_layer(self) -> int:
        return self._layers.index("relations")

    @property
    def clusters_layer(self) -> int:
        return self._layers.index("clusters")

    @property
    def sentences(self) -> Iterator[Tuple[List[str], Iterator[Event], List[Tuple[str, str, str, int]]]]:
        """Each sentence's tokens, its marks, and its relations as both texts, label and hue."""
        starts, tokens = self._document.sentence_starts, self._document.tokens
        marked: List[List[Annotated]] = [[] for _ in starts]
        for identity, span in enumerate(self._spans):
            sentence = sentence_of(starts, span.start)
            marked[sentence].append(Annotated(span.start - starts[sentence], span.end - starts[sentence], identity))
        relations: List[List[Relation]] = [[] for _ in starts]
        for relation in self._document.relations or []:
            relations[sentence_of(starts, relation.arg1[0])].append(relation)
        for number, words in enumerate(self._document.sentences):
            described = [
                (text_of(tokens, arg1), text_of(tokens, arg2), label, hue_of(label))
                for arg1, arg2, label in relations[number]
            ]
            yield words, nested_marks(marked[number], len(words)), described

    def attributes(self, identity: int, whole: bool) -> Dict[str, Any]:
        """Those of a mark, or of one of its parts after the first."""
        layer, _, hue, cluster = self.marks[identity]
        is_mention = cluster is not None
        classes = [f"layer-{self._layers.index(layer)}", *["again"] * (not whole), *["mention"] * is_mention]
        return {
            "class": " ".join(classes),
            "id": f"{self.name}-m{identity - self._first_mention}" if is_mention and whole else None,
            "data-cluster": cluster,
            "style": f"--hue:{hue}",
        }

    @property
    def clusters(self) -> List[Tuple[str, int, List[Tuple[int, str]]]]:
        """Each cluster's number and hue, and its mentions, numbered through the document, with their texts."""
        members: Dict[str, List[Tuple[int, str]]] = {}
        for number, mention in enumerate(self._spans[self._first_mention :]):
            members.setdefault(mention.label, []).append((number, text_of(self._document.tokens, mention.bounds)))
        return [(label, hue_of_cluster(int(label) - 1), members[label]) for label in sorted(members, key=int)]

"""Sentences of several corpora with all their labelled spans, whose labels are texts."""

import re
from typing import Any, Dict, Iterable, List, Optional

from allennlp.common import FromParams
from allennlp.data import DatasetReader, Instance, TokenIndexer

from hmtl.corpora import Corpus
from hmtl.corpora.several import CORPUS_KEY, SeveralCorpora
from hmtl.data.dataset_readers.document_reader import distinct
from hmtl.data.fields import LabelledIndicesField
from hmtl.document import Document, Span
from hmtl.errors import ConfigurationError
from hmtl.tasks.spans.span_reader import SpanReader

LABEL_NAMESPACE = "text_labels"
# Between the name of a corpus and the text of a label, in the vocabulary.
SEPARATOR = ": "


def namespace_of_sets(label_namespace: str) -> str:
    """The vocabulary namespace of the names of label sets, those of corpora."""
    return f"sets_of_{label_namespace}"


class LabelledCorpus(FromParams):
    """A corpus, and what its labels are called.

    # Parameters

    corpus : `Corpus`
        The format of its files.
    layer : `str`
        Its span layer, such as `ner`.
    label_texts : `Dict[str, str]`, optional (default = `{}`)
        The texts of some labels, such as `{"GPE": "geopolitical entity"}`. That of any other label is its name in small
        letters, with blanks for all but letters and digits. Labels with one text, of whatever corpora, are one label.
    exclude_labels : `List[str]`, optional (default = `[]`)
        Labels whose spans are left out, as if the corpus did not annotate them.
    """

    def __init__(
        self, corpus: Corpus, layer: str, label_texts: Dict[str, str] = None, exclude_labels: List[str] = None
    ) -> None:
        self.corpus = corpus
        self.layer = layer
        self.label_texts = label_texts or {}
        self.exclude_labels = exclude_labels or []

    def text_of(self, label: str) -> str:
        """What stands for a label."""
        return self.label_texts.get(label) or in_words(label)

    def in_words(self, spans: Iterable[Span]) -> List[Span]:
        """The spans that count, labelled by texts, each once, sorted."""
        kept = (
            span._replace(label=self.text_of(span.label)) for span in spans if span.label not in self.exclude_labels
        )
        return sorted(distinct(kept))


def in_words(label: str) -> str:
    """The name of a label as a text: `creative-work` is `creative work`; one without letters or digits stays."""
    return re.sub(r"[\W_]+", " ", label).strip().lower() or label


@DatasetReader.register("hmtl_text_label_spans")
class TextLabelSpanReader(SpanReader):
    """One instance a sentence: its text and all labelled spans of one layer of its corpus, for the head
    `hmtl_text_label_spans`. Labels are texts, and each corpus has its own set of them: those of its spans in training.

    The path is that of `SeveralCorpora`: it names those of the corpora that are read, `{"gum": "gum/train.txt"}`.

    Fields: those of `SpanReader`, where the labels of `all_spans` stand in the vocabulary as `corpus: text`, and the
    gold `spans` have texts; and `label_set`, shape (1, 1), the number of the corpus among the label sets.

    # Parameters

    corpora : `Dict[str, LabelledCorpus]`
        The corpora, by names of one's choice.
    label_namespace : `str`, optional (default = `"text_labels"`)
        The vocabulary namespace of the labels; the head has the same.
    token_indexers, allow_unknown_labels, max_instances : optional
        As any reader has them.

    # Raises

    ConfigurationError
        Where there is no corpus, or the name of one holds `": "`.
    """

    def __init__(
        self,
        corpora: Dict[str, LabelledCorpus],
        label_namespace: str = LABEL_NAMESPACE,
        token_indexers: Optional[Dict[str, TokenIndexer]] = None,
        allow_unknown_labels: bool = False,
        max_instances: Optional[int] = None,
    ) -> None:
        for name in corpora:
            if SEPARATOR in name:
                raise ConfigurationError(f"the corpus {name!r}: its name must not hold {SEPARATOR!r}; choose another")
        if not corpora:
            raise ConfigurationError("hmtl_text_label_spans: corpora is empty; name at least one corpus")
        super().__init__(
            layer="spans",
            label_namespace=label_namespace,
            corpus=SeveralCorpora({name: each.corpus for name, each in corpora.items()}),
            token_indexers=token_indexers,
            allow_unknown_labels=allow_unknown_labels,
            max_instances=max_instances,
        )
        self.corpora = corpora

    def require_layers(self, document: Document, path: str) -> None:
        layer = self.corpora[document.metadata[CORPUS_KEY]].layer
        if layer not in document.spans:
            raise self.missing_layer(document, layer, path)

    def gold_documents(self, document: Document, only_targets: bool = False) -> Iterable[Document]:
        """Sentences with all spans, whose labels are texts; their metadata have the corpus."""
        for sentence in super().gold_documents(document, only_targets):
            sentence.metadata = {CORPUS_KEY: document.metadata[CORPUS_KEY]}
            yield sentence

    def instances(self, document: Document) -> Iterable[Instance]:
        name = document.metadata[CORPUS_KEY]
        source = self.corpora[name]
        for number, (tokens, spans) in enumerate(zip(document.sentences, document.spans_by_sentence(source.layer))):
            gold = source.in_words(spans)
            self.counts[f"spans of '{name}' that are left out by their labels"] += sum(
                span.label in source.exclude_labels for span in spans
            )
            fields: Dict[str, Any] = self._fields(
                document, number, tokens, gold, [f"{name}{SEPARATOR}{span.label}" for span in gold]
            )
            fields["metadata"].metadata["label_set"] = name
            fields["label_set"] = LabelledIndicesField(
                [()], [name], namespace_of_sets(self.label_namespace), row_length=0
            )
            yield Instance(fields)

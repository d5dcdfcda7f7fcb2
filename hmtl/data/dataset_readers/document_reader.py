"""What the readers of all tasks share: a corpus, token indexers, and counts of what they had to leave out."""

import logging
from collections import Counter
from typing import Any, Dict, Hashable, Iterable, List, Optional, TypeVar

from allennlp.data import DatasetReader, Instance, TokenIndexer
from allennlp.data.fields import ListField, TextField
from allennlp.data.token_indexers import SingleIdTokenIndexer

from hmtl.corpora import Corpus
from hmtl.data.fields import WordsField
from hmtl.document import Document
from hmtl.errors import DataError

logger = logging.getLogger(__name__)

Item = TypeVar("Item", bound=Hashable)


class DocumentReader(DatasetReader):
    """Turns the documents of any corpus into the instances of one task.

    A subclass implements `instances(document)` and calls `count` for whatever it leaves out; the counts are logged
    after each pass over a file.

    # Parameters

    corpus : `Corpus`, optional (default = the project's own JSONL)
        The format of the files.
    token_indexers : `Dict[str, TokenIndexer]`, optional (default = `{"tokens": SingleIdTokenIndexer()}`)
        How tokens become numbers.
    allow_unknown_labels : `bool`, optional (default = `False`)
        Whether labels that the vocabulary lacks are counted as missed in evaluation rather than refused.
    """

    # Whether long documents can be cut in training: see `segment`.
    cuts_documents: bool = False

    def __init__(
        self,
        corpus: Optional[Corpus] = None,
        token_indexers: Optional[Dict[str, TokenIndexer]] = None,
        allow_unknown_labels: bool = False,
        max_instances: Optional[int] = None,
    ) -> None:
        super().__init__(max_instances=max_instances)
        self.corpus = corpus or Corpus.by_name(Corpus.default_implementation)()
        self.token_indexers = token_indexers or {"tokens": SingleIdTokenIndexer()}
        self.allow_unknown_labels = allow_unknown_labels
        self.counts: Counter = Counter()

    def _read(self, file_path: str) -> Iterable[Instance]:
        self.counts.clear()
        for document in self.corpus.documents(file_path):
            self.require_layers(document, file_path)
            yield from self.instances(document)
        for what, number in sorted(self.counts.items()):
            logger.info("%s: %d %s", file_path, number, what)

    def instances(self, document: Document) -> Iterable[Instance]:
        """The instances of one document, with their targets."""
        raise NotImplementedError

    def require_layers(self, document: Document, path: str) -> None:
        """Raises `DataError` where the document lacks the annotation layer that the task needs."""
        raise NotImplementedError

    def gold_documents(self, document: Document, only_targets: bool = False) -> Iterable[Document]:
        """What a model is to predict on each of the document's instances, as documents, by the reader's options;
        with `only_targets` what is left of it in training. Baselines are fitted to these and scored on them.

        # Raises

        NotImplementedError
            Where the reader does not say. There is no baseline then.
        """
        raise NotImplementedError

    def segment(self, metadata: Dict[str, Any], first: int, stop: int) -> Instance:
        """A run of sentences of a document, as an instance of its own, of a reader that `cuts_documents`.

        # Parameters

        metadata : `Dict[str, Any]`
            The `metadata` of the document's instance, with its `sentences`.
        first, stop : `int`
            The run's first sentence, and the one behind its last.
        """
        raise NotImplementedError

    def text_to_instance(self, sentences: List[List[str]]) -> Instance:
        """A document without annotation: its text alone, for prediction."""
        return Instance({"text": self.text_field_of_sentences(sentences)})

    def text_field(self, tokens: List[str]) -> TextField:
        """The tokens of one sequence; `apply_token_indexers` completes it."""
        return WordsField(tokens)

    def text_field_of_sentences(self, sentences: List[List[str]]) -> ListField:
        """The tokens of a document, sentence by sentence."""
        return ListField([self.text_field(sentence) for sentence in sentences])

    def apply_token_indexers(self, instance: Instance) -> None:
        text = instance.fields["text"]
        for field in text.field_list if isinstance(text, ListField) else [text]:
            field.token_indexers = self.token_indexers  # type: ignore[attr-defined]

    def missing_layer(self, document: Document, layer: str, path: str) -> DataError:
        """The error for a document without `layer`."""
        return DataError(
            f"document '{document.doc_key}' has no layer '{layer}' (it has: {', '.join(document.layers) or 'none'}); "
            "choose another layer or corpus for this task",
            path,
        )


def distinct(items: Iterable[Item]) -> List[Item]:
    """The items without repetitions, in their order."""
    return list(dict.fromkeys(items))

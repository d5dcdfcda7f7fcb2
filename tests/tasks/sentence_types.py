"""A kind of prediction from outside of hmtl, as a user would write it: the type of each sentence."""

from collections import Counter
from typing import Any, Dict, Iterable, List, Optional, Tuple

import torch
from allennlp.data import DatasetReader, Instance, Vocabulary
from allennlp.data.fields import MetadataField
from allennlp.models.heads import Head
from allennlp.training.metrics import CategoricalAccuracy

from hmtl.data.dataset_readers import DocumentReader
from hmtl.data.fields import LabelledIndicesField
from hmtl.document import Document
from hmtl.tasks import Kind, TaskHead
from hmtl.tasks.baselines import Baseline
from hmtl.tasks.task_head import labels_of


@Kind.register("sentence_types")
class SentenceTypes(Kind):
    singular, plural = "sentence type", "sentence types"
    figures = {"accuracy": "accuracy"}

    def baseline(self, reader: Any, head: Any, train: List[Document], test: List[Document]) -> Optional[Baseline]:
        ((most_frequent, _),) = Counter(document.metadata[self.name] for document in train).most_common(1)
        right = [document.metadata[self.name] == most_frequent for document in test]
        return Baseline(f"always '{most_frequent}'", {"accuracy": sum(right) / len(right)})


@DatasetReader.register("sentence_types")
class SentenceTypeReader(DocumentReader):
    """One instance a sentence, with its type, of documents whose metadata have a list of these."""

    def require_layers(self, document: Document, path: str) -> None:
        if "sentence_types" not in document.metadata:
            raise self.missing_layer(document, "sentence_types", path)

    def instances(self, document: Document) -> Iterable[Instance]:
        for number, (tokens, label) in enumerate(zip(document.sentences, document.metadata["sentence_types"])):
            gold = {"doc_key": document.doc_key, "sentence": number, "tokens": tokens, "sentence_types": [(label,)]}
            yield Instance(
                {
                    "text": self.text_field(tokens),
                    "sentence_type": LabelledIndicesField([()], [label], "sentence_type_labels", row_length=0),
                    "metadata": MetadataField(gold),
                }
            )

    def gold_documents(self, document: Document, only_targets: bool = False) -> Iterable[Document]:
        for tokens, label in zip(document.sentences, document.metadata["sentence_types"]):
            yield Document(document.doc_key, [tokens], metadata={"sentence_types": label})


@Head.register("sentence_types")
class SentenceTypeHead(TaskHead):
    """A softmax over the types, from the mean of the vectors of a sentence."""

    predicts = "sentence_types"
    why_not_findable = "have a type that training never saw"

    def __init__(self, vocab: Vocabulary, encoding_dim: int, task_name: str) -> None:
        super().__init__(vocab)
        self.labels = labels_of(vocab, "sentence_type_labels", task_name)
        self._projection = torch.nn.Linear(encoding_dim, len(self.labels))
        self._accuracy = CategoricalAccuracy()

    def forward(
        self,
        encoding: torch.Tensor,
        mask: torch.Tensor,
        sentence_type: Optional[torch.Tensor] = None,
        with_scores: bool = False,
        **unused: Any,
    ) -> Dict[str, Any]:
        # Shape: (batch_size, encoding_dim)
        mean = (encoding * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
        # Shape: (batch_size, num_types)
        logits = self._projection(mean)
        output: Dict[str, Any] = {}
        if sentence_type is not None:
            # Shape: (batch_size,)
            targets = sentence_type[:, 0, 0]
            output["loss"] = torch.nn.functional.cross_entropy(logits, targets, reduction="sum")
        if not self.training:
            probabilities, best = logits.softmax(-1).max(-1)
            output["predictions"] = [[(self.labels[number],)] for number in best.tolist()]
            if with_scores:
                output["scores"] = [[probability] for probability in probabilities.tolist()]
            if sentence_type is not None:
                self._accuracy(logits, targets)
        return output

    def get_metrics(self, reset: bool = False) -> Dict[str, float]:
        return {"accuracy": self._accuracy.get_metric(reset)}

    def findable(self, metadata: Dict[str, Any]) -> Tuple[int, int]:
        gold = metadata["sentence_types"]
        return sum(label in (self.labels or []) for (label,) in gold), len(gold)

"""Questions about texts of several corpora, whatever task they come from."""

from functools import lru_cache
from typing import Any, Dict, Iterable, List, Optional, Tuple

import torch
from allennlp.data import DatasetReader, Instance, TokenIndexer
from allennlp.data.fields import MetadataField, TensorField

from hmtl.corpora.several import CORPUS_KEY, SeveralCorpora
from hmtl.data.dataset_readers import DocumentReader
from hmtl.data.fields import PADDING, DistinctTextsField, LabelledIndicesField, SentencesField
from hmtl.document import Document, Span
from hmtl.errors import ConfigurationError
from hmtl.tasks.questions.question_sources import QuestionSource, Window, check_layer
from hmtl.text import shared_splitter

LABEL_NAMESPACE = "question_labels"


@DatasetReader.register("hmtl_questions")
class QuestionReader(DocumentReader):
    """One instance a window of a document, with all questions about it, for the head `hmtl_questions`.

    The path is that of `SeveralCorpora`: it names those of the sources that are read, `{"squad": "train-v2.0.json"}`.

    Fields:

    - `text`, the sentences of the window;
    - `questions`, the texts of its questions, each distinct one of a batch once;
    - `pairs`, shape (num_pairs, 4), a row for each question: the number of its text, the first and the last token that
      it is about or -1, and how many answers it has (see `QuestionSource`);
    - `answers`, shape (num_answers, 3), rows `(pair, start, end)`;
    - `standing`, shape (num_standing, 1): those of its source's questions that are about no given span, which the
      vocabulary has as labels;
    - `metadata` with `doc_key`, `sentences`, the `first` token of the window in its document, `source` and `task`, the
      `labels` and `texts` of the pairs, `gold` in the task's own terms, `answers` as `Span`s labelled by their
      questions, `num_not_asked`, of spans `one_label`, and, where answers are texts, the window's `text` and
      `token_offsets`.

    # Parameters

    sources : `Dict[str, QuestionSource]`
        What is asked of which corpus, by names of one's choice.
    label_namespace : `str`, optional (default = `"question_labels"`)
        The vocabulary namespace of questions that can be asked of any text; the head has the same.
    token_indexers, allow_unknown_labels, max_instances : optional
        As any reader has them.

    # Raises

    ConfigurationError
        Where there is no source.
    """

    def __init__(
        self,
        sources: Dict[str, QuestionSource],
        label_namespace: str = LABEL_NAMESPACE,
        token_indexers: Optional[Dict[str, TokenIndexer]] = None,
        allow_unknown_labels: bool = False,
        max_instances: Optional[int] = None,
    ) -> None:
        if not sources:
            raise ConfigurationError("hmtl_questions: sources is empty; name at least one source of questions")
        super().__init__(
            corpus=SeveralCorpora({name: source.corpus for name, source in sources.items()}),
            token_indexers=token_indexers,
            allow_unknown_labels=allow_unknown_labels,
            max_instances=max_instances,
        )
        self.sources = sources
        self.label_namespace = label_namespace

    def require_layers(self, document: Document, path: str) -> None:
        check_layer(self.sources[document.metadata[CORPUS_KEY]], document, path)

    def instances(self, document: Document) -> Iterable[Instance]:
        name = document.metadata[CORPUS_KEY]
        for window in self.sources[name].windows(document):
            instance = self._instance(name, window)
            if instance is not None:
                yield instance

    def apply_token_indexers(self, instance: Instance) -> None:
        super().apply_token_indexers(instance)
        questions = instance.fields.get("questions")
        if questions is not None:
            for field in questions:  # type: ignore[attr-defined]
                field.token_indexers = self.token_indexers

    def _instance(self, name: str, window: Window) -> Optional[Instance]:
        source = self.sources[name]
        asked, gold = list(source.asked(window)), source.gold(window)
        if not asked and not gold:
            return None
        numbers: Dict[str, int] = {}
        rows: List[Tuple[int, ...]] = []
        answers: List[Tuple[int, int, int]] = []
        for pair, question in enumerate(asked):
            number = numbers.setdefault(question.text, len(numbers))
            rows.append((number, *(question.about or (PADDING, PADDING)), source.number_of_answers))
            answers.extend((pair, start, end) for start, end in question.answers)
        # A row without a question has gold that none asks for, which is missed; a field without texts is none.
        texts = list(numbers) or ["?"]
        standing = source.standing
        self.counts[f"gold items of '{name}' that no question asks for"] += source.num_not_asked(window)
        fields = {
            "text": SentencesField([self.text_field(sentence) for sentence in window.sentences]),
            "questions": DistinctTextsField([self.text_field(words_of(text)) for text in texts]),
            "pairs": TensorField(torch.tensor(rows, dtype=torch.long).view(-1, 4), padding_value=PADDING),
            "answers": TensorField(torch.tensor(answers, dtype=torch.long).view(-1, 3), padding_value=PADDING),
            "standing": LabelledIndicesField(
                [()] * len(standing), standing, self.label_namespace, self.allow_unknown_labels, row_length=0
            ),
            "metadata": MetadataField(
                {
                    "doc_key": window.document.doc_key,
                    "sentences": window.sentences,
                    "first": window.first,
                    "source": name,
                    "task": source.task,
                    "labels": [question.label for question in asked],
                    "texts": [question.text for question in asked],
                    "gold": gold,
                    "answers": sorted({Span(*row[1:], asked[row[0]].text) for row in answers}),
                    "num_not_asked": source.num_not_asked(window),
                    "one_label": getattr(source, "one_label", False),
                    **_raw_text(window),
                }
            ),
        }
        return Instance(fields)


@lru_cache(maxsize=2**14)
def words_of(question: str) -> List[str]:
    """The words of a question, split as those of a raw text are; where nobody sees any, the question itself."""
    return [word for sentence in shared_splitter()(question).sentences for word in sentence] or [question]


def _raw_text(window: Window) -> Dict[str, Any]:
    """The text of a whole document and the places of its tokens, where the corpus knows them."""
    known = window.document.metadata
    return {key: known[key] for key in ("text", "token_offsets") if key in known}

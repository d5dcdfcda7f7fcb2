"""What simple baselines score on the data of a model's tasks: what it has to rise above."""

import logging
from itertools import islice
from typing import Dict, Iterable, Iterator, Optional

from allennlp.data import DatasetReader

from hmtl.corpora.corpus import documents_shared
from hmtl.data.data_loaders import PerTaskDataLoader
from hmtl.data.dataset_readers import DocumentReader
from hmtl.document import Document
from hmtl.models.hmtl import HMTL
from hmtl.tasks.baselines import Baseline
from hmtl.tasks.task_head import TaskHead

logger = logging.getLogger(__name__)


def gold_documents(reader: DatasetReader, path: str, only_targets: bool = False) -> Iterator[Document]:
    """What a model is to predict on the reader's instances at `path`, one document an instance.

    The reader's options are honoured: a tagger's documents are sentences with all spans of one layer (with
    `only_targets`, those that are left in training, where none may overlap), those of relations are the sentences that
    it keeps, those of coreference have merged clusters; see `DocumentReader.gold_documents`.

    # Raises

    NotImplementedError
        Where the reader does not say.
    """
    if not isinstance(reader, DocumentReader):
        raise NotImplementedError
    documents = reader.corpus.documents(path)
    parts = (part for document in documents for part in reader.gold_documents(document, only_targets))
    yield from islice(parts, reader.max_instances)


def baseline_of(
    head: TaskHead, reader: DatasetReader, train: Iterable[Document], test: Iterable[Document]
) -> Optional[Baseline]:
    """The baseline of a head, fitted to and scored on documents of `gold_documents`; those of `test` are from `reader`.
    `None` where the readers do not say what is gold, or the kind has no baseline. The head gets to know the training
    documents, too."""
    try:
        of_train, of_test = list(train), list(test)
    except NotImplementedError:
        return None
    head.learn_training_documents(of_train)
    return head.kind.baseline(reader, head, of_train, of_test)


def validation_baselines(
    model: HMTL, train: PerTaskDataLoader, validation: PerTaskDataLoader
) -> Dict[str, Dict[str, float]]:
    """The metrics of each task's baseline, fitted to its training data and scored on its validation data; tasks that
    have none are left out. The files are read once more."""
    found: Dict[str, Dict[str, float]] = {}
    with documents_shared():
        for task in model.tasks:
            reader = validation.reader_of(task)
            of_train = gold_documents(train.reader_of(task), train.path_of(task), only_targets=True)
            try:
                baseline = baseline_of(
                    model.head(task), reader, of_train, gold_documents(reader, validation.path_of(task))
                )
            except Exception as error:
                # Whatever it is, as in a kind of one's own: a training that has ended is not to be lost by it.
                logger.warning("task '%s': its baseline cannot be scored: %s", task, error)
                continue
            if baseline is not None:
                found[task] = baseline.metrics
    return found

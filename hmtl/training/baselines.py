"""What simple baselines score on the data that a training has read: what its tasks have to rise above."""

import logging
from itertools import islice
from typing import Dict, Iterator

from hmtl.corpora.corpus import documents_shared
from hmtl.data.data_loaders import PerTaskDataLoader
from hmtl.data.dataset_readers import DocumentReader
from hmtl.document import Document
from hmtl.models.hmtl import HMTL

logger = logging.getLogger(__name__)


def gold_documents(reader: DocumentReader, path: str, only_targets: bool = False) -> Iterator[Document]:
    """What a model is to predict on the reader's instances at `path`, one document an instance.

    The reader's options are honoured: a tagger's documents are sentences with all spans of one layer (with
    `only_targets`, those that are left in training, where none may overlap), those of relations are the sentences that
    it keeps, those of coreference have merged clusters; see `DocumentReader.gold_documents`.
    """
    documents = reader.corpus.documents(path)
    parts = (part for document in documents for part in reader.gold_documents(document, only_targets))
    return islice(parts, reader.max_instances)


def validation_baselines(
    model: HMTL, train: PerTaskDataLoader, validation: PerTaskDataLoader
) -> Dict[str, Dict[str, float]]:
    """The metrics of each task's baseline, fitted to its training data and scored on its validation data; tasks that
    have none are left out. The files are read once more."""
    found: Dict[str, Dict[str, float]] = {}
    with documents_shared():
        for task in model.tasks:
            readers = train.reader_of(task), validation.reader_of(task)
            if not all(isinstance(reader, DocumentReader) for reader in readers):
                continue
            try:
                of_train = list(gold_documents(readers[0], train.path_of(task), only_targets=True))  # type: ignore
                of_validation = list(gold_documents(readers[1], validation.path_of(task)))  # type: ignore
                baseline = model.head(task).kind.baseline(readers[1], model.head(task), of_train, of_validation)
            except NotImplementedError:
                continue
            except Exception as error:
                # Whatever it is, as in a kind of one's own: a training that has ended is not to be lost by it.
                logger.warning("task '%s': its baseline cannot be scored: %s", task, error)
                continue
            if baseline is not None:
                found[task] = baseline.metrics
    return found

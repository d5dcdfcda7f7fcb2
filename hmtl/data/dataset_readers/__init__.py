"""What the readers of all tasks share; each stands beside its heads in `hmtl.tasks`."""

from hmtl.data.dataset_readers.document_reader import DocumentReader

__all__ = ["DocumentReader"]

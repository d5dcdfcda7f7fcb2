from hmtl.data.dataset_readers.coref import CorefReader
from hmtl.data.dataset_readers.document_reader import DocumentReader
from hmtl.data.dataset_readers.relation import RelationReader
from hmtl.data.dataset_readers.span_relations import SpanRelationReader
from hmtl.data.dataset_readers.spans import SpanReader
from hmtl.data.dataset_readers.tagging import TaggingReader
from hmtl.data.dataset_readers.token_labels import TokenLabelsReader

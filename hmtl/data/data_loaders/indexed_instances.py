"""All instances of a task, indexed, in arrays: memory grows with their tokens, and batches are slices."""

from typing import Any, Dict, List, Sequence

import numpy as np
from allennlp.common.checks import ConfigurationError
from allennlp.data import Instance, Vocabulary

from hmtl.data.data_loaders.columns import Column, ColumnBuilder


class IndexedInstances:
    """The fields of all instances of a task as columns.

    Batches hold the tensors that AllenNLP's `Batch` makes of the same instances, padded alike.

    # Parameters

    instances : `Sequence[Instance]`
        Instances that are not indexed yet, all with the same fields.
    builder : `ColumnBuilder`
        Makes the columns; `finish` it before the first batch.

    # Raises

    ConfigurationError
        Where instances differ in their fields.
    """

    def __init__(self, instances: Sequence[Instance], builder: ColumnBuilder) -> None:
        kinds = {name: type(field) for name, field in instances[0].fields.items()}
        for instance in instances:
            if {name: type(field) for name, field in instance.fields.items()} != kinds:
                raise ConfigurationError(
                    f"all instances of a task must have the same fields; one has {sorted(kinds)}, "
                    f"another {sorted(instance.fields)}, or fields of other classes"
                )
        self._columns: Dict[str, Column] = {
            name: builder.column([instance.fields[name] for instance in instances]) for name in kinds
        }

    def batch(self, indices: Sequence[int]) -> Dict[str, Any]:
        """The tensors of some instances."""
        rows = np.asarray(indices, dtype=np.int64)
        return {name: column.batch(rows) for name, column in self._columns.items()}

    def metadata(self, indices: Sequence[int]) -> List[Any]:
        """The field `metadata` of some instances; of instances without this field nothing."""
        if "metadata" not in self._columns:
            return []
        return self._columns["metadata"].batch(np.asarray(indices, dtype=np.int64))


def batch_of(instances: List[Instance], vocab: Vocabulary) -> Dict[str, Any]:
    """The tensors of instances that are used once."""
    builder = ColumnBuilder(vocab)
    indexed = IndexedInstances(instances, builder)
    builder.finish()
    return indexed.batch(range(len(instances)))

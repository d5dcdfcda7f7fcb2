"""Batches of several tasks, each task with its own stream."""

import gc
from array import array
from collections import defaultdict
from contextlib import contextmanager
from functools import partial
from typing import Any, DefaultDict, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Union

import torch
from allennlp.common import Tqdm
from allennlp.common.checks import ConfigurationError
from allennlp.data import DataLoader, Instance, Vocabulary
from allennlp.data.dataset_readers import DatasetReader, MultiTaskDatasetReader

from hmtl.common.allennlp_internals import shard_no_instances
from hmtl.common.devices import moved, pinned
from hmtl.corpora.corpus import documents_shared
from hmtl.data.data_loaders.ahead import ahead
from hmtl.data.data_loaders.batching import sample_segment, sequential_batches, shuffled_batches, sorted_batches
from hmtl.data.data_loaders.instance_cache import CountedInstance, InstanceCache, Summary
from hmtl.data.data_loaders.instance_columns import (
    ColumnBuilder,
    IndexedInstances,
    UnknownLabel,
    batch_of,
)
from hmtl.data.data_loaders.made_once import made_once
from hmtl.data.dataset_readers import DocumentReader
from hmtl.errors import UserError

DEFAULT_PADDING_NOISE = 0.1
# What `min_batches` leaves of a batch.
MIN_BATCH_SIZE = 4


@DataLoader.register("per_task")
class PerTaskDataLoader(DataLoader):
    """Holds the instances of every task and makes batches of one task at a time.

    Each task has epochs of its own: one is a pass over its instances. Their order is a function of
    `(seed, task, number of the epoch)` alone, so that a resumed run can go to any batch at once. Iterating over the
    loader gives every batch of every task once, unshuffled, task after task.
    A batch is a dictionary of tensors with the entry `task_name`.

    Documents that several tasks read from one path are parsed once. Instances become rows of arrays as they are read,
    and are counted for a vocabulary: until `index_with` has got that, `iter_instances` gives one instance that counts
    what all of them count; from then on it reads the files again.

    A distributed worker has all instances, too, and takes its shard of each batch (see `shard`). In training one worker
    of each machine reads and indexes them, and all of its workers have them in one memory (see `made_once`).

    For a GPU batches are made on a thread, one ahead, in memory that the GPU reads by itself, and copied while the host
    goes on. Batches and their order are the same.

    # Parameters

    reader : `MultiTaskDatasetReader`
        The dataset reader of each task.
    data_path : `Union[str, Mapping[str, str]]`
        The path that each task's reader gets; some tasks may be left out. One path alone goes to every reader.
    batch_size : `Union[int, Dict[str, int]]`, optional (default = `32`)
        Instances in a batch: sentences for taggers and relations, documents for coreference.
    padding_noise : `Union[None, float, Dict[str, Optional[float]]]`, optional (default = `0.1`)
        Batches hold sentences of similar length; lengths are multiplied by a random factor of up to so much around 1.
        One for all tasks, or one each, 0.1 for tasks that are not named. Those of a task with `None` (in JSON `null`)
        hold sentences of any length, drawn at random in training and in the order of the data elsewhere.
    min_batches : `int`, optional (default = `None`)
        How many batches an epoch of a task is to have in training, so that a small corpus gives enough updates: where
        its instances are fewer than `min_batches` times `batch_size`, a batch has one `min_batches`-th of them, but at
        least 4 (`MIN_BATCH_SIZE`) and never more than `batch_size`.
    seed : `int`, optional (default = `13370`)
        Seeds the shuffling.
    max_training_tokens : `Dict[str, int]`, optional (default = `None`)
        For tasks whose reader cuts documents, such as `hmtl_coref`: in training, of a document with more tokens than
        this, each epoch takes a random run of sentences with at most so many (Joshi et al. 2019), a function of
        `(seed, task, number of the epoch, document)`. Clusters are cut to the run; see `DocumentReader.segment`. The
        number and the order of batches stay as they are, and so does validation.
    cache : `bool`, optional (default = `False`)
        Whether instances are kept on disk, indexed, for later runs with the same readers and files: these start
        without reading (see `InstanceCache`). The batches are the same.

    # Raises

    ConfigurationError
        Where a path or a padding noise has no reader, a batch size is missing or below 1, `min_batches` is below 1, a
        task has no instances, or `max_training_tokens` names a task whose reader cuts no documents.
    """

    def __init__(
        self,
        reader: MultiTaskDatasetReader,
        data_path: Union[str, Mapping[str, str]],
        batch_size: Union[int, Dict[str, int]] = 32,
        padding_noise: Union[None, float, Dict[str, Optional[float]]] = DEFAULT_PADDING_NOISE,
        seed: int = 13370,
        max_training_tokens: Optional[Dict[str, int]] = None,
        min_batches: Optional[int] = None,
        cache: bool = False,
    ) -> None:
        if not isinstance(reader, MultiTaskDatasetReader):
            raise ConfigurationError("the 'per_task' data loader needs a dataset_reader of type 'multitask'")
        # A configuration that AllenNLP has not read to its end gives `Params`.
        paths = dict(data_path) if isinstance(data_path, Mapping) else dict.fromkeys(reader.readers, data_path)
        if not set(paths) <= set(reader.readers):
            raise ConfigurationError(
                f"no reader for {sorted(set(paths) - set(reader.readers))}; "
                f"there are readers for {sorted(reader.readers)}"
            )
        self.tasks = sorted(paths)
        sizes = batch_size if isinstance(batch_size, dict) else dict.fromkeys(self.tasks, batch_size)
        if not set(sizes) >= set(self.tasks):
            raise ConfigurationError(f"batch_size lacks {sorted(set(self.tasks) - set(sizes))}")
        for task in self.tasks:
            if sizes[task] < 1:
                raise ConfigurationError(f"batch_size of '{task}' must be at least 1, not {sizes[task]}")
        if min_batches is not None and min_batches < 1:
            raise ConfigurationError(f"min_batches must be at least 1, not {min_batches}")
        self._min_batches = min_batches
        self._batch_sizes = {task: sizes[task] for task in self.tasks}
        noises = padding_noise if isinstance(padding_noise, dict) else dict.fromkeys(self.tasks, padding_noise)
        if not set(noises) <= set(reader.readers):
            raise ConfigurationError(
                f"padding_noise names {sorted(set(noises) - set(reader.readers))}; "
                f"there are readers for {sorted(reader.readers)}"
            )
        self._padding_noises = {task: noises.get(task, DEFAULT_PADDING_NOISE) for task in self.tasks}
        self.shard()
        self._seed = seed
        self._max_training_tokens = max_training_tokens or {}
        self._device: Optional[torch.device] = None
        self._paths = {task: paths[task] for task in self.tasks}
        self._readers: Dict[str, DatasetReader] = {task: reader.readers[task].inner for task in self.tasks}
        for task, number in self._max_training_tokens.items():
            if number < 1 or not getattr(self._readers.get(task), "cuts_documents", False):
                raise ConfigurationError(
                    f"max_training_tokens of '{task}' is {number}; it must be at least 1, and the task must have "
                    f"a dataset reader of type {' or '.join(map(repr, _types_that_cut_documents()))}"
                )
        self._instances: Dict[str, IndexedInstances] = {}
        self._builder = ColumnBuilder()
        self._vocab: Optional[Vocabulary] = None
        for inner in self._readers.values():
            # The instances of a batch are sharded, not those of the corpus: all workers must see the same batches.
            shard_no_instances(inner)
        self._cache = InstanceCache(self._readers, self._paths) if cache else None
        self._lengths, self._counts = made_once(self._summary)

    def shard(self, world_size: int = 1, rank: int = 0, num_parts: int = 1) -> None:
        """Makes batches `world_size * num_parts` times as large, of which this worker gets `num_parts` parts.

        Instances are dealt out in turn, so that parts are alike in length. `batches_of` gives one part a batch.

        # Parameters

        world_size, rank : `int`, optional (default = `1`, `0`)
            The distributed workers, and the number of this one.
        num_parts : `int`, optional (default = `1`)
            The parts that a worker computes one after the other.
        """
        self._world_size, self._rank, self._num_parts = world_size, rank, num_parts

    @property
    def num_instances(self) -> Dict[str, int]:
        """The instances of each task, of all workers'."""
        return {task: len(lengths) for task, lengths in self._lengths.items()}

    @property
    def num_batches(self) -> Dict[str, int]:
        """The batches of an epoch of each task."""
        return {task: -(-len(lengths) // self._whole_batch_size(task)) for task, lengths in self._lengths.items()}

    def __len__(self) -> int:
        return sum(self.num_batches.values())

    def epoch_of(self, task: str, number: int, start: int = 0) -> Iterator[List[Dict[str, Any]]]:
        """The batches of epoch `number` (from 0) of a task in their shuffled order, from batch `start` on.

        Each comes as a list of this worker's parts of it, one unless `shard` said otherwise; a last, small batch
        may have no part left for this worker.
        """
        order = shuffled_batches(
            self._lengths[task], self._whole_batch_size(task), self._padding_noises[task], self._seed, task, number
        )
        return self._delivered(self._parts(task, indices, self._num_parts, number) for indices in order.since(start))

    def stream(self, task: str, num_consumed: int = 0) -> Iterator[List[Dict[str, Any]]]:
        """The task's endless stream: epoch after epoch, after the first `num_consumed` batches."""
        number, start = divmod(num_consumed, self.num_batches[task])
        while True:
            yield from self.epoch_of(task, number, start)
            number, start = number + 1, 0

    def batches_of(self, task: str) -> Iterator[Dict[str, Any]]:
        """Every instance of the task once, in batches, sorted by length unless the task has no padding noise; a worker
        gets its shard of them."""
        lengths, batch_size = self._lengths[task], self._world_size * self._batch_sizes[task]
        if self._padding_noises[task] is None:
            batches = sequential_batches(len(lengths), batch_size)
        else:
            batches = sorted_batches(lengths, batch_size)
        for parts in self._delivered(self._parts(task, indices, num_parts=1) for indices in batches):
            yield from parts

    def tasks_in_step(self, tasks: Sequence[str]) -> List[List[str]]:
        """The tasks in groups whose `batches_of` have rows of the same lengths, batch by batch: those that read the
        same sentences in batches of one size are in one group."""
        groups: DefaultDict[Any, List[str]] = defaultdict(list)
        for task in tasks:
            is_sorted = self._padding_noises[task] is not None
            groups[tuple(self._lengths[task]), self._batch_sizes[task], is_sorted].append(task)
        return list(groups.values())

    def metadata_of(self, task: str) -> Sequence[Dict[str, Any]]:
        """The metadata of every instance of the task, of all workers', once they are indexed; empty without any. Each
        is made anew whenever it is asked for."""
        return self._instances[task].metadata(range(len(self._lengths[task])))

    def reader_of(self, task: str) -> DatasetReader:
        """The dataset reader of a task."""
        return self._readers[task]

    def path_of(self, task: str) -> str:
        """What that reads."""
        return self._paths[task]

    def __iter__(self) -> Iterator[Dict[str, Any]]:
        for task in self.tasks:
            yield from self.batches_of(task)

    def iter_instances(self) -> Iterator[Instance]:
        if self._vocab is None:
            yield CountedInstance(self._counts)
            return
        for task in self.tasks:
            yield from self._read(task)

    def index_with(self, vocab: Vocabulary) -> None:
        is_indexed, self._vocab = self._vocab is not None, vocab
        if is_indexed:
            return
        self._instances = made_once(partial(self._indexed, vocab))
        self._builder, self._counts = ColumnBuilder(), {}

    def set_target_device(self, device: torch.device) -> None:
        self._device = device

    def _summary(self) -> Summary:
        """What an earlier run found in the same files, or else this one."""
        known = self._cache.summary() if self._cache else None
        return known or self._read_all()

    def _read_all(self) -> Summary:
        """Makes columns of all instances."""
        found: Dict[str, Sequence[int]] = {}
        counts: Dict[str, Dict[str, int]] = defaultdict(lambda: defaultdict(int))
        with documents_shared(), garbage_collection_paused():
            for task in self.tasks:
                lengths = array("i")
                instances = _measured(Tqdm.tqdm(self._read(task), desc=f"reading {task}"), lengths)
                self._instances[task] = IndexedInstances(instances, self._builder, counts)
                if not lengths:
                    raise ConfigurationError(
                        f"task '{task}' has no data: its reader found no instance in {self._paths[task]}"
                    )
                found[task] = lengths
        self._builder.end_passes()
        return Summary(found, {namespace: dict(items) for namespace, items in counts.items()})

    def _indexed(self, vocab: Vocabulary) -> Dict[str, IndexedInstances]:
        """The instances of each task: those of an earlier run with an equal vocabulary, else those that were read."""
        kept = self._cache.indexed(vocab) if self._cache else None
        if kept is not None:
            return kept
        if not self._instances:
            # An earlier run, which had another vocabulary, or another worker has read them.
            self._read_all()
        with garbage_collection_paused():
            self._builder.finish(vocab)
            for task, instances in self._instances.items():
                try:
                    instances.finish(vocab)
                except UnknownLabel as error:
                    documents = [row["doc_key"] for row in instances.metadata([error.instance])]
                    where = "".join(f", document '{document}'" for document in documents)
                    raise UserError(f"{self._paths[task]}: task '{task}'{where}: {error}") from error
        if self._cache:
            self._cache.keep(Summary(self._lengths, self._counts), self._instances, vocab)
        return self._instances

    def _read(self, task: str) -> Iterator[Instance]:
        return self._readers[task].read(self._paths[task])

    def _whole_batch_size(self, task: str) -> int:
        """The instances in a batch of all workers and parts, in training."""
        return self._world_size * self._num_parts * self.training_batch_size(task)

    def training_batch_size(self, task: str) -> int:
        """The instances of the task in a part of a batch, in training."""
        size = self._batch_sizes[task]
        if self._min_batches is None:
            return size
        for_enough = len(self._lengths[task]) // (self._min_batches * self._world_size * self._num_parts)
        return min(size, max(MIN_BATCH_SIZE, for_enough))

    def _parts(
        self, task: str, indices: List[int], num_parts: int, training_epoch: Optional[int] = None
    ) -> List[Dict[str, Any]]:
        first, stride = self._rank * num_parts, self._world_size * num_parts
        shards = (indices[first + part :: stride] for part in range(num_parts))
        return [self._batch(task, shard, training_epoch) for shard in shards if shard]

    def _batch(self, task: str, indices: List[int], training_epoch: Optional[int]) -> Dict[str, Any]:
        if self._vocab is None:
            raise ConfigurationError("there are no batches before `index_with` was called with a vocabulary")
        segments = None if training_epoch is None else self._segments(task, indices, training_epoch)
        tensors = self._instances[task].batch(indices) if segments is None else batch_of(segments, self._vocab)
        # Metadata hold no tensors, but very many objects to look at.
        batch = {name: field if name == "metadata" else pinned(field, self._device) for name, field in tensors.items()}
        return {**batch, "task_name": task}

    def _delivered(self, made: Iterator[List[Dict[str, Any]]]) -> Iterator[List[Dict[str, Any]]]:
        """The parts of batches, on the device; for another than the CPU they are made on a thread, a batch ahead."""
        device = self._device
        if device is not None and device.type != "cpu":
            made = ahead(made)
        for parts in made:
            yield [
                {name: field if name == "metadata" else moved(field, device) for name, field in batch.items()}
                for batch in parts
            ]

    def _segments(self, task: str, indices: List[int], epoch: int) -> Optional[List[Instance]]:
        """The documents of a batch, cut where they are too long for training; nothing where all are short enough."""
        if task not in self._max_training_tokens:
            return None
        reader, max_tokens = self._readers[task], self._max_training_tokens[task]
        assert isinstance(reader, DocumentReader)
        documents = self._instances[task].metadata(indices)
        lengths = [list(map(len, document["sentences"])) for document in documents]
        if max(map(sum, lengths)) <= max_tokens:
            return None
        return [
            reader.segment(document, *sample_segment(lengths_of_one, max_tokens, self._seed, task, epoch, index))
            for document, lengths_of_one, index in zip(documents, lengths, indices)
        ]


def _types_that_cut_documents() -> List[str]:
    readers = {name: DatasetReader.by_name(name) for name in DatasetReader.list_available()}
    return sorted(name for name, reader in readers.items() if getattr(reader, "cuts_documents", False))


@contextmanager
def garbage_collection_paused() -> Iterator[None]:
    """While many objects are made that stay, Python would go through all of them again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _measured(instances: Iterable[Instance], lengths: "array[int]") -> Iterator[Instance]:
    """The instances; the length of each one's text is added to `lengths`."""
    for instance in instances:
        lengths.append(len(instance.fields["text"]))
        yield instance

"""Batches of several tasks, each task with its own stream."""

import gc
from collections import defaultdict
from contextlib import contextmanager
from typing import Any, DefaultDict, Dict, Iterator, List, Mapping, Optional, Union

import torch
from allennlp.common import Tqdm
from allennlp.common.checks import ConfigurationError
from allennlp.data import DataLoader, Instance, Vocabulary
from allennlp.data.dataset_readers import DatasetReader, MultiTaskDatasetReader
from allennlp.nn import util

from hmtl.corpora.corpus import documents_shared
from hmtl.data.data_loaders.batching import as_they_stand, in_order, sampled_run, shuffled
from hmtl.data.data_loaders.instance_cache import CountedInstance, Counts, InstanceCache, Summary
from hmtl.data.data_loaders.instance_columns import ColumnBuilder, IndexedInstances, batch_of
from hmtl.data.dataset_readers import CorefReader

DEFAULT_PADDING_NOISE = 0.1


@DataLoader.register("per_task")
class PerTaskDataLoader(DataLoader):
    """Holds the instances of every task and makes batches of one task at a time.

    The order of a pass over a task is a function of `(seed, task, pass number)` alone, so that a resumed run can go to
    any batch at once. Iterating over the loader gives every batch of every task once, unshuffled, task after task.
    A batch is a dictionary of tensors with the entry `task_name`.

    Documents that several tasks read from one path are parsed once. `index_with` puts the instances into arrays; from
    then on `iter_instances` reads the files again.

    A distributed worker holds all instances, too, and takes its share of each batch (see `share_out`).

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
    seed : `int`, optional (default = `13370`)
        Seeds the shuffling.
    max_training_tokens : `Dict[str, int]`, optional (default = `None`)
        For tasks with a reader of type `hmtl_coref`: in training, of a document with more tokens than this, each pass
        takes a random run of sentences with at most so many (Joshi et al. 2019), a function of
        `(seed, task, pass number, document)`. Clusters are cut to the run; see `CorefReader.segment`. The number and
        the order of batches stay as they are, and so does validation.
    cache : `bool`, optional (default = `False`)
        Whether instances are kept on disk, indexed, for later runs with the same readers and files: these start
        without reading (see `InstanceCache`). The batches are the same. Until such instances are indexed,
        `iter_instances` gives one instance that counts for a vocabulary what all of them count.

    # Raises

    ConfigurationError
        Where a path or a padding noise has no reader, a batch size is missing or below 1, a task has no instances, or
        `max_training_tokens` names a task whose reader cuts no documents.
    """

    def __init__(
        self,
        reader: MultiTaskDatasetReader,
        data_path: Union[str, Mapping[str, str]],
        batch_size: Union[int, Dict[str, int]] = 32,
        padding_noise: Union[None, float, Dict[str, Optional[float]]] = DEFAULT_PADDING_NOISE,
        seed: int = 13370,
        max_training_tokens: Optional[Dict[str, int]] = None,
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
        self._batch_sizes = {task: sizes[task] for task in self.tasks}
        noises = padding_noise if isinstance(padding_noise, dict) else dict.fromkeys(self.tasks, padding_noise)
        if not set(noises) <= set(reader.readers):
            raise ConfigurationError(
                f"padding_noise names {sorted(set(noises) - set(reader.readers))}; "
                f"there are readers for {sorted(reader.readers)}"
            )
        self._padding_noises = {task: noises.get(task, DEFAULT_PADDING_NOISE) for task in self.tasks}
        self.share_out()
        self._seed = seed
        self._max_training_tokens = max_training_tokens or {}
        self._device: Optional[torch.device] = None
        self._paths = {task: paths[task] for task in self.tasks}
        self._readers: Dict[str, DatasetReader] = {task: reader.readers[task].inner for task in self.tasks}
        for task, number in self._max_training_tokens.items():
            if number < 1 or not isinstance(self._readers.get(task), CorefReader):
                raise ConfigurationError(
                    f"max_training_tokens of '{task}' is {number}; it must be at least 1, and the task must have "
                    "a dataset reader of type 'hmtl_coref'"
                )
        # Until they are indexed; then `_indexed` holds what they were.
        self._instances: Dict[str, List[Instance]] = {}
        self._indexed: Dict[str, IndexedInstances] = {}
        self._vocab: Optional[Vocabulary] = None
        self._lengths: Dict[str, List[int]] = {}
        for inner in self._readers.values():
            # The instances of a batch are dealt out, not those of the corpus: all workers must see the same batches.
            inner._set_distributed_info(None)
        self._cache = InstanceCache(self._readers, self._paths) if cache else None
        # What an earlier run found in the same files.
        self._known: Optional[Summary] = self._cache.summary() if self._cache else None
        if self._known is None:
            self._read_all()
        else:
            self._lengths = self._known.lengths

    def share_out(self, num_workers: int = 1, rank: int = 0, num_parts: int = 1) -> None:
        """Makes batches `num_workers * num_parts` times as large, of which this worker gets `num_parts` parts.

        Instances are dealt out in turn, so that parts are alike in length. `batches_of` gives one part a batch.

        # Parameters

        num_workers, rank : `int`, optional (default = `1`, `0`)
            The distributed workers, and the number of this one.
        num_parts : `int`, optional (default = `1`)
            The parts that a worker computes one after the other.
        """
        self._num_workers, self._rank, self._num_parts = num_workers, rank, num_parts

    @property
    def num_batches(self) -> Dict[str, int]:
        """The batches in one pass, task by task."""
        return {task: -(-len(lengths) // self._whole_batch_size(task)) for task, lengths in self._lengths.items()}

    def __len__(self) -> int:
        return sum(self.num_batches.values())

    def pass_over(self, task: str, number: int, start: int = 0) -> Iterator[List[Dict[str, Any]]]:
        """The batches of a task's pass `number` (from 0) in their shuffled order, from batch `start` on.

        Each comes as a list of this worker's parts of it, one unless `share_out` said otherwise; a last, small batch
        may have no part left for this worker.
        """
        order = shuffled(
            self._lengths[task], self._whole_batch_size(task), self._padding_noises[task], self._seed, task, number
        )
        return (self._parts(task, indices, self._num_parts, number) for indices in order[start:])

    def stream(self, task: str, num_consumed: int = 0) -> Iterator[List[Dict[str, Any]]]:
        """The task's endless stream: pass after pass, after the first `num_consumed` batches."""
        number, start = divmod(num_consumed, self.num_batches[task])
        while True:
            yield from self.pass_over(task, number, start)
            number, start = number + 1, 0

    def batches_of(self, task: str) -> Iterator[Dict[str, Any]]:
        """Every instance of the task once, in batches, sorted by length unless the task has no padding noise; a worker
        gets its share of them."""
        lengths, batch_size = self._lengths[task], self._num_workers * self._batch_sizes[task]
        is_sorted = self._padding_noises[task] is not None
        for indices in in_order(lengths, batch_size) if is_sorted else as_they_stand(len(lengths), batch_size):
            yield from self._parts(task, indices, num_parts=1)

    def metadata_of(self, task: str) -> List[Dict[str, Any]]:
        """The metadata of every instance of the task, of all workers', once they are indexed; empty without any."""
        return self._indexed[task].metadata(range(len(self._lengths[task])))

    def __iter__(self) -> Iterator[Dict[str, Any]]:
        for task in self.tasks:
            yield from self.batches_of(task)

    def iter_instances(self) -> Iterator[Instance]:
        if self._known is not None and self._vocab is None:
            yield CountedInstance(self._known.counts)
            return
        for task in self.tasks:
            yield from self._instances.get(task) or self._read(task)

    def index_with(self, vocab: Vocabulary) -> None:
        self._vocab = vocab
        if self._indexed:
            return
        kept = self._cache.indexed(vocab) if self._cache else None
        if kept is None:
            self._index(vocab)
        else:
            self._indexed = kept
            self._instances.clear()

    def set_target_device(self, device: torch.device) -> None:
        self._device = device

    def _read_all(self) -> None:
        with documents_shared(), garbage_collection_paused():
            for task in self.tasks:
                instances = list(Tqdm.tqdm(self._read(task), desc=f"reading {task}"))
                if not instances:
                    raise ConfigurationError(
                        f"task '{task}' has no data: its reader found no instance in {self._paths[task]}"
                    )
                self._instances[task] = instances
                self._lengths[task] = [len(instance.fields["text"]) for instance in instances]

    def _index(self, vocab: Vocabulary) -> None:
        if not self._instances:
            # Known from an earlier run, which had another vocabulary.
            self._read_all()
        counts = self._counts() if self._cache else {}
        builder = ColumnBuilder(vocab)
        with garbage_collection_paused():
            for task in Tqdm.tqdm(list(self._instances), desc="indexing"):
                self._indexed[task] = IndexedInstances(self._instances.pop(task), builder)
            builder.finish()
        if self._cache:
            self._cache.keep(Summary(self._lengths, counts), self._indexed, vocab)

    def _counts(self) -> Counts:
        """What the instances count for a vocabulary."""
        counts: DefaultDict[str, DefaultDict[str, int]] = defaultdict(lambda: defaultdict(int))
        for instances in self._instances.values():
            for instance in instances:
                instance.count_vocab_items(counts)  # type: ignore[arg-type]
        return {namespace: dict(items) for namespace, items in counts.items()}

    def _read(self, task: str) -> Iterator[Instance]:
        return self._readers[task].read(self._paths[task])

    def _whole_batch_size(self, task: str) -> int:
        """The instances in a batch of all workers and parts."""
        return self._num_workers * self._num_parts * self._batch_sizes[task]

    def _parts(
        self, task: str, indices: List[int], num_parts: int, training_pass: Optional[int] = None
    ) -> List[Dict[str, Any]]:
        first, stride = self._rank * num_parts, self._num_workers * num_parts
        shares = (indices[first + part :: stride] for part in range(num_parts))
        return [self._batch(task, share, training_pass) for share in shares if share]

    def _batch(self, task: str, indices: List[int], training_pass: Optional[int]) -> Dict[str, Any]:
        if self._vocab is None:
            raise ConfigurationError("there are no batches before `index_with` was called with a vocabulary")
        segments = None if training_pass is None else self._segments(task, indices, training_pass)
        tensors = self._indexed[task].batch(indices) if segments is None else batch_of(segments, self._vocab)
        if self._device is not None:
            tensors = util.move_to_device(tensors, self._device)
        tensors["task_name"] = task
        return tensors

    def _segments(self, task: str, indices: List[int], training_pass: int) -> Optional[List[Instance]]:
        """The documents of a batch, cut where they are too long for training; nothing where all are short enough."""
        if task not in self._max_training_tokens:
            return None
        reader, max_tokens = self._readers[task], self._max_training_tokens[task]
        assert isinstance(reader, CorefReader)
        documents = self._indexed[task].metadata(indices)
        lengths = [list(map(len, document["sentences"])) for document in documents]
        if max(map(sum, lengths)) <= max_tokens:
            return None
        return [
            reader.segment(document, *sampled_run(lengths_of_one, max_tokens, self._seed, task, training_pass, index))
            for document, lengths_of_one, index in zip(documents, lengths, indices)
        ]


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

"""Batches of several tasks, each task with its own stream."""

import random
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Mapping, Optional, Union

import torch
from allennlp.common import Tqdm
from allennlp.common.checks import ConfigurationError
from allennlp.data import Batch, DataLoader, Instance, Vocabulary
from allennlp.data.dataset_readers import MultiTaskDatasetReader
from allennlp.data.samplers import BucketBatchSampler
from allennlp.nn import util


@DataLoader.register("per_task")
class PerTaskDataLoader(DataLoader):
    """Holds the instances of every task and makes batches of one task at a time.

    The order of a pass over a task is a function of `(seed, task, pass number)` alone, so that a resumed run can go to
    any batch at once. Iterating over the loader gives every batch of every task once, unshuffled, task after task.
    A batch is a dictionary of tensors with the entry `task_name`.

    A distributed worker holds all instances, too, and takes its share of each batch (see `share_out`).

    # Parameters

    reader : `MultiTaskDatasetReader`
        The dataset reader of each task.
    data_path : `Union[str, Mapping[str, str]]`
        The path that each task's reader gets; some tasks may be left out. One path alone goes to every reader.
    batch_size : `Union[int, Dict[str, int]]`, optional (default = `32`)
        Instances in a batch: sentences for taggers and relations, documents for coreference.
    padding_noise : `float`, optional (default = `0.1`)
        Batches hold sentences of similar length; lengths are multiplied by a random factor of up to so much around 1.
    seed : `int`, optional (default = `13370`)
        Seeds the shuffling.

    # Raises

    ConfigurationError
        Where a path has no reader, a batch size is missing or below 1, or a task has no instances.
    """

    def __init__(
        self,
        reader: MultiTaskDatasetReader,
        data_path: Union[str, Mapping[str, str]],
        batch_size: Union[int, Dict[str, int]] = 32,
        padding_noise: float = 0.1,
        seed: int = 13370,
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
        self._padding_noise = padding_noise
        self.share_out()
        self._seed = seed
        self._device: Optional[torch.device] = None
        self._instances: Dict[str, List[Instance]] = {}
        for task in self.tasks:
            inner = reader.readers[task].inner
            # The instances of a batch are dealt out, not those of the corpus: all workers must see the same batches.
            inner._set_distributed_info(None)
            self._instances[task] = list(Tqdm.tqdm(inner.read(paths[task]), desc=f"reading {task}"))
            if not self._instances[task]:
                raise ConfigurationError(f"task '{task}' has no data: its reader found no instance in {paths[task]}")

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

        def samplers(growth: int, **options: Any) -> Dict[str, BucketBatchSampler]:
            return {
                task: BucketBatchSampler(growth * size, sorting_keys=["text"], **options)
                for task, size in self._batch_sizes.items()
            }

        self._samplers = samplers(num_workers * num_parts, padding_noise=self._padding_noise)
        self._in_order = samplers(num_workers, shuffle=False)

    @property
    def num_batches(self) -> Dict[str, int]:
        """The batches in one pass, task by task."""
        return {task: self._samplers[task].get_num_batches(self._instances[task]) for task in self.tasks}

    def __len__(self) -> int:
        return sum(self.num_batches.values())

    def pass_over(self, task: str, number: int, start: int = 0) -> Iterator[List[Dict[str, Any]]]:
        """The batches of a task's pass `number` (from 0) in their shuffled order, from batch `start` on.

        Each comes as a list of this worker's parts of it, one unless `share_out` said otherwise; a last, small batch
        may have no part left for this worker.
        """
        with seeded_python_random(self._seed, task, number):
            order = list(self._samplers[task].get_batch_indices(self._instances[task]))
        return (self._parts(task, indices, self._num_parts) for indices in order[start:])

    def stream(self, task: str, num_consumed: int = 0) -> Iterator[List[Dict[str, Any]]]:
        """The task's endless stream: pass after pass, after the first `num_consumed` batches."""
        number, start = divmod(num_consumed, self.num_batches[task])
        while True:
            yield from self.pass_over(task, number, start)
            number, start = number + 1, 0

    def batches_of(self, task: str) -> Iterator[Dict[str, Any]]:
        """Every instance of the task once, sorted by length, in batches; a worker gets its share of them."""
        # The sampler draws random numbers though it does not use them.
        with seeded_python_random(self._seed, task):
            order = list(self._in_order[task].get_batch_indices(self._instances[task]))
        for indices in order:
            yield from self._parts(task, indices, num_parts=1)

    def __iter__(self) -> Iterator[Dict[str, Any]]:
        for task in self.tasks:
            yield from self.batches_of(task)

    def iter_instances(self) -> Iterator[Instance]:
        for task in self.tasks:
            yield from self._instances[task]

    def index_with(self, vocab: Vocabulary) -> None:
        for instance in Tqdm.tqdm(self.iter_instances(), desc="indexing", total=self._num_instances):
            instance.index_fields(vocab)

    def set_target_device(self, device: torch.device) -> None:
        self._device = device

    @property
    def _num_instances(self) -> int:
        return sum(map(len, self._instances.values()))

    def _parts(self, task: str, indices: List[int], num_parts: int) -> List[Dict[str, Any]]:
        first, stride = self._rank * num_parts, self._num_workers * num_parts
        shares = (indices[first + part :: stride] for part in range(num_parts))
        return [self._batch(task, share) for share in shares if share]

    def _batch(self, task: str, indices: List[int]) -> Dict[str, Any]:
        tensors: Dict[str, Any] = dict(Batch([self._instances[task][i] for i in indices]).as_tensor_dict())
        if self._device is not None:
            tensors = util.move_to_device(tensors, self._device)
        tensors["task_name"] = task
        return tensors


@contextmanager
def seeded_python_random(*key: Any) -> Iterator[None]:
    """Python's random numbers as a function of `key` alone; their former state comes back afterwards."""
    state = random.getstate()
    # A string is hashed by SHA-512 here, not by `hash`, which differs from process to process.
    random.seed(repr(key))
    try:
        yield
    finally:
        random.setstate(state)

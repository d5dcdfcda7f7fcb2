"""Texts of different requests, read together by one thread."""

import threading
import time
from collections import deque
from concurrent.futures import Future
from typing import Callable, Deque, Generic, List, NamedTuple, Sequence, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class QueueFull(Exception):
    """More items wait than may."""


class Closed(Exception):
    """The batcher takes no more items."""


class _Waiting(NamedTuple):
    item: object
    size: int
    future: "Future[object]"


class Batcher(Generic[Item, Answer]):
    """Does work in batches, in one thread, while other threads go on handing in items.

    Items are taken in the order in which they came. A batch starts at once when the thread is free, but after a batch
    of several it waits a moment for as many again: clients that were answered together tend to return together. A
    client alone never waits.

    # Parameters

    work : `Callable[[List[Item]], Sequence[Answer]]`
        Gives one answer an item. Where it raises, or gives more or fewer, its items are tried one by one, so that each
        answers for itself.
    max_queue : `int`
        How many items may wait.
    max_batch : `int`
        How many are worked on together.
    max_batch_size : `int`
        The largest number of items in a batch times the largest of their sizes: padding counts. A larger item goes
        alone.
    wait_seconds : `float`
        How long a batch waits for others at most.
    """

    def __init__(
        self,
        work: Callable[[List[Item]], Sequence[Answer]],
        max_queue: int,
        max_batch: int,
        max_batch_size: int,
        wait_seconds: float,
    ) -> None:
        self._work = work
        self._max_queue = max_queue
        self._max_batch = max_batch
        self._max_batch_size = max_batch_size
        self._wait_seconds = wait_seconds
        self._queue: Deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._num_expected = 1
        self._thread = threading.Thread(target=self._run, name="hmtl-batcher", daemon=True)
        self._thread.start()

    @property
    def num_waiting(self) -> int:
        """How many items nobody works on yet."""
        return len(self._queue)

    @property
    def alive(self) -> bool:
        """Whether items will be worked on."""
        return self._thread.is_alive() and not self._closed

    def submit(self, items: Sequence[Item], sizes: Sequence[int]) -> "List[Future[Answer]]":
        """The answers to come. A future that is cancelled before its turn costs nothing.

        # Raises

        QueueFull
            Where not all of the items find room; then none of them is taken.
        Closed
        """
        waiting = [_Waiting(item, size, Future()) for item, size in zip(items, sizes)]
        with self._changed:
            if self._closed:
                raise Closed
            if len(self._queue) + len(waiting) > self._max_queue:
                raise QueueFull
            self._queue.extend(waiting)
            self._changed.notify()
        return [entry.future for entry in waiting]  # type: ignore[misc]

    def close(self) -> None:
        """Finishes what was taken, and takes no more."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._closed)
                if not self._queue:
                    return
                self._await_more()
                batch = self._next_batch()
            if batch:
                self._num_expected = len(batch)
                self._answer(batch)

    def _await_more(self) -> None:
        deadline = time.monotonic() + self._wait_seconds
        while len(self._queue) < self._num_expected and not self._closed:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return
            self._changed.wait(remaining)

    def _next_batch(self) -> List[_Waiting]:
        batch: List[_Waiting] = []
        largest = 0
        while self._queue and len(batch) < self._max_batch:
            largest = max(largest, self._queue[0].size)
            if batch and largest * (len(batch) + 1) > self._max_batch_size:
                break
            entry = self._queue.popleft()
            if entry.future.set_running_or_notify_cancel():
                batch.append(entry)
        return batch

    def _answer(self, batch: List[_Waiting]) -> None:
        try:
            answers = self._work([entry.item for entry in batch])  # type: ignore[misc]
            if len(answers) != len(batch):
                # Nobody can tell whose they are, and who waits for one of the missing would wait for ever.
                raise RuntimeError(f"expected an answer for each of {len(batch)} items, got {len(answers)}")
        except Exception as error:
            if len(batch) == 1:
                batch[0].future.set_exception(error)
                return
            for entry in batch:
                self._answer([entry])
            return
        for entry, answer in zip(batch, answers, strict=True):
            entry.future.set_result(answer)

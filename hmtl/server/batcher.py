"""Texts of different requests, taken from one client after the other, read together by one thread."""

import threading
import time
from collections import Counter, deque
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Callable, Deque, Dict, Generic, List, NamedTuple, Optional, Sequence, TypeVar, Union

Entry = TypeVar("Entry")


class FairQueue(Generic[Entry]):
    """Entries of requests of clients. Each client has its turn, and within a client each of its requests: who asks for
    one thing waits for one thing of each other, however much the others ask for."""

    def __init__(self) -> None:
        # By client; who is first is next.
        self._requests: Dict[str, Deque[Deque[Entry]]] = {}
        self._sizes: Counter = Counter()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def num_of(self, client: str) -> int:
        """How many entries of a client wait."""
        return self._sizes[client]

    def add(self, client: str, entries: Sequence[Entry]) -> None:
        """Puts in a request of at least one entry."""
        self._requests.setdefault(client, deque()).append(deque(entries))
        self._count(client, len(entries))

    def first(self) -> Entry:
        """The entry whose turn it is."""
        return next(iter(self._requests.values()))[0][0]

    def take(self) -> Entry:
        """Takes it out; its request goes behind those of its client, and the client behind the others."""
        client = next(iter(self._requests))
        requests = self._requests.pop(client)
        request = requests.popleft()
        entry = request.popleft()
        if request:
            requests.append(request)
        if requests:
            self._requests[client] = requests
        self._count(client, -1)
        return entry

    def remove(self, unwanted: Callable[[Entry], bool]) -> None:
        """Takes out all entries that nobody wants; the others keep their turns."""
        for client, requests in list(self._requests.items()):
            kept = [deque(entry for entry in request if not unwanted(entry)) for request in requests]
            self._requests[client] = deque(request for request in kept if request)
            self._count(client, sum(map(len, kept)) - self._sizes[client])
            if not self._requests[client]:
                del self._requests[client]

    def _count(self, client: str, change: int) -> None:
        self._size += change
        self._sizes[client] += change
        # Clients that were here once would fill the memory.
        if not self._sizes[client]:
            del self._sizes[client]


Item = TypeVar("Item")
Answer = TypeVar("Answer")


class QueueFull(Exception):
    """More items wait than may; `of_client` where they are the client's own."""

    def __init__(self, of_client: bool) -> None:
        super().__init__()
        self.of_client = of_client


class Closed(Exception):
    """The batcher takes no more items."""


class _Waiting(NamedTuple):
    item: object
    size: int
    future: "Future[object]"


class Batcher(Generic[Item, Answer]):
    """Does work in batches, in one thread, while other threads go on handing in items.

    Clients have their turns, and so have the requests of each; see `FairQueue`. A batch starts at once when the thread
    is free, but after a batch of several it waits a moment for as many again: clients that were answered together tend
    to return together. A client alone never waits.

    # Parameters

    work : `Callable[[List[Item]], Sequence[Union[Answer, Exception]]]`
        Gives one answer an item, or why there is none. Where it raises, or gives more or fewer, its items are tried one
        by one, so that each answers for itself.
    max_queue : `int`
        How many items may wait.
    max_client_queue : `int`
        How many of one client.
    max_batch : `int`
        How many are worked on together.
    max_batch_size : `int`
        The largest sum of sizes in a batch. A larger item goes alone.
    wait_seconds : `float`
        How long a batch waits for others at most.
    """

    def __init__(
        self,
        work: Callable[[List[Item]], Sequence[Union[Answer, Exception]]],
        max_queue: int,
        max_client_queue: int,
        max_batch: int,
        max_batch_size: int,
        wait_seconds: float,
    ) -> None:
        self._work = work
        self._max_queue = max_queue
        self._max_client_queue = max_client_queue
        self._max_batch = max_batch
        self._max_batch_size = max_batch_size
        self._wait_seconds = wait_seconds
        self._queue: FairQueue[_Waiting] = FairQueue()
        self._batch: List[_Waiting] = []
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

    def submit(self, items: Sequence[Item], sizes: Sequence[int], client: str = "") -> "List[Future[Answer]]":
        """The answers to come to a client's request. A future that is cancelled before its turn costs nothing.

        # Raises

        QueueFull
            Where not all of the items find room; then none of them is taken.
        Closed
        """
        waiting = [_Waiting(item, size, Future()) for item, size in zip(items, sizes)]
        with self._changed:
            if self._closed:
                raise Closed
            if not self._has_room(client, len(waiting)):
                # What nobody awaits any more takes no room.
                self._queue.remove(lambda entry: entry.future.cancelled())
            if not self._has_room(client, len(waiting)):
                raise QueueFull(of_client=len(self._queue) + len(waiting) <= self._max_queue)
            if waiting:
                self._queue.add(client, waiting)
            self._changed.notify()
        return [entry.future for entry in waiting]  # type: ignore[misc]

    def close(self, seconds: Optional[float] = None) -> bool:
        """Finishes what was taken, and takes no more; after so many seconds it abandons the rest.

        Whether the thread has ended: a batch that it works on cannot be stopped.
        """
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(seconds)
        if self._thread.is_alive():
            self.abandon()
        return not self._thread.is_alive()

    def abandon(self) -> None:
        """Takes no more, and answers what was taken, what it works on included, by `Closed`."""
        with self._changed:
            self._closed = True
            waiting = [*self._batch, *(self._queue.take() for _ in range(len(self._queue)))]
            self._changed.notify()
        for entry in waiting:
            _settle(entry.future, Closed())

    def _has_room(self, client: str, number: int) -> bool:
        return (
            len(self._queue) + number <= self._max_queue
            and self._queue.num_of(client) + number <= self._max_client_queue
        )

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._closed)
                if not self._queue:
                    return
                self._await_more()
                batch = self._batch = self._next_batch()
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
        size = 0
        while self._queue and len(batch) < self._max_batch:
            if self._queue.first().future.cancelled():
                self._queue.take()
                continue
            if batch and size + self._queue.first().size > self._max_batch_size:
                break
            entry = self._queue.take()
            if entry.future.set_running_or_notify_cancel():
                batch.append(entry)
                size += entry.size
        return batch

    def _answer(self, batch: List[_Waiting]) -> None:
        try:
            answers = self._work([entry.item for entry in batch])  # type: ignore[misc]
            if len(answers) != len(batch):
                # Nobody can tell whose they are, and who waits for one of the missing would wait for ever.
                raise RuntimeError(f"expected an answer for each of {len(batch)} items, got {len(answers)}")
        except Exception as error:
            if len(batch) == 1:
                _settle(batch[0].future, error)
                return
            for entry in batch:
                self._answer([entry])
            return
        for entry, answer in zip(batch, answers, strict=True):
            _settle(entry.future, answer)


def _settle(future: "Future[object]", answer: object) -> None:
    # It may have been abandoned meanwhile.
    with suppress(InvalidStateError):
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)

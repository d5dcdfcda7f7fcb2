"""What waits, taken from one client after the other."""

from collections import Counter, deque
from typing import Callable, Deque, Dict, Generic, Sequence, TypeVar

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

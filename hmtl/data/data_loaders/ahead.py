"""Batches made on a thread, while the host keeps a device busy."""

from concurrent.futures import ThreadPoolExecutor
from typing import Iterator, TypeVar, Union

Item = TypeVar("Item")


class _End:
    """There are no more items."""


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The items, in their order. Each is made on a thread while the one before it is used, none earlier, so that no
    more than one is kept. What their making raises is raised where they are asked for."""
    end = _End()

    def make() -> Union[Item, _End]:
        return next(items, end)

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches") as pool:
        coming = pool.submit(make)
        while not isinstance(item := coming.result(), _End):
            coming = pool.submit(make)
            yield item

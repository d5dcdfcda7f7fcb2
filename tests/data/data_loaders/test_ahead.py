"""Items made on a thread are those that would be made without."""

import threading
from typing import Iterator, List

import pytest

from hmtl.data.data_loaders.ahead import ahead


def test_items_come_in_their_order_each_while_the_one_before_is_used() -> None:
    made: List[int] = []
    may_go_on = [threading.Event() for _ in range(4)]
    names = set()

    def items() -> Iterator[int]:
        for number in range(4):
            assert may_go_on[number].wait(10)
            names.add(threading.current_thread().name)
            made.append(number)
            yield number

    iterator = ahead(items())
    may_go_on[0].set()
    may_go_on[1].set()
    assert next(iterator) == 0
    # The second is made though nobody asks for it, and the third is not.
    may_go_on[2].set()
    assert next(iterator) == 1
    may_go_on[3].set()
    assert list(iterator) == [2, 3] and made == [0, 1, 2, 3]
    assert len(names) == 1 and threading.current_thread().name not in names


def test_no_more_than_one_is_made_ahead() -> None:
    made: List[int] = []

    def items() -> Iterator[int]:
        for number in range(10):
            made.append(number)
            yield number

    iterator = ahead(items())
    for number in range(5):
        assert next(iterator) == number
        assert len(made) <= number + 2
    iterator.close()  # type: ignore[attr-defined]
    assert len(made) <= 6
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("batches")]


def test_what_goes_wrong_is_raised_where_the_item_is_asked_for() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("no second")

    iterator = ahead(items())
    assert next(iterator) == 1
    with pytest.raises(ValueError, match="no second"):
        next(iterator)
    assert list(ahead(iter([]))) == []

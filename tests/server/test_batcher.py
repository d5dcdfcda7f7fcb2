"""Items of different threads, worked on together."""

import threading
from concurrent.futures import CancelledError
from typing import Any, List

import pytest

from hmtl.server.batcher import Batcher, Closed, QueueFull


class Work:
    """Answers an item by its square, once it may; notes the batches."""

    def __init__(self) -> None:
        self.batches: List[List[int]] = []
        self.may_go_on = threading.Event()
        self.started = threading.Event()

    def __call__(self, items: List[int]) -> List[int]:
        self.batches.append(items)
        self.started.set()
        assert self.may_go_on.wait(30)
        if 13 in items:
            raise ValueError("13")
        return [item**2 for item in items]


@pytest.fixture
def work() -> Work:
    return Work()


def batcher_of(work: Work, **options: Any) -> "Batcher[int, int]":
    defaults = {"max_queue": 100, "max_client_queue": 100, "max_batch": 4, "max_batch_size": 100, "wait_seconds": 0.0}
    return Batcher(work, **{**defaults, **options})


def busy(work: Work, **options: Any) -> "Batcher[int, int]":
    """A batcher that works on the item 0 until it may go on."""
    batcher = batcher_of(work, **options)
    batcher.submit([0], [1])
    assert work.started.wait(30)
    return batcher


def test_what_waits_is_worked_on_together_and_in_order(work):
    batcher = busy(work)
    futures = [batcher.submit([item], [1])[0] for item in (5, 3, 8)] + batcher.submit([2, 9], [1, 1])
    assert batcher.num_waiting == 5
    work.may_go_on.set()
    assert [future.result(30) for future in futures] == [25, 9, 64, 4, 81]
    assert work.batches == [[0], [5, 3, 8, 2], [9]]


def test_a_batch_is_bounded_by_the_sum_of_sizes(work):
    batcher = busy(work, max_batch_size=10)
    # 2 + 5 + 3 is 10. 11 alone is more than 10, and goes alone.
    futures = batcher.submit([1, 2, 3, 4, 5], [2, 5, 3, 11, 1])
    work.may_go_on.set()
    assert [future.result(30) for future in futures] == [1, 4, 9, 16, 25]
    assert work.batches == [[0], [1, 2, 3], [4], [5]]


def test_a_full_queue_takes_all_or_nothing(work):
    batcher = busy(work, max_queue=3)
    futures = batcher.submit([1, 2], [1, 1])
    with pytest.raises(QueueFull):
        batcher.submit([3, 4], [1, 1])
    assert batcher.num_waiting == 2
    futures += batcher.submit([5], [1])
    work.may_go_on.set()
    assert [future.result(30) for future in futures] == [1, 4, 25]


def test_what_was_cancelled_is_not_worked_on(work):
    batcher = busy(work)
    first, second = batcher.submit([1, 2], [1, 1])
    assert first.cancel()
    work.may_go_on.set()
    assert second.result(30) == 4
    assert work.batches == [[0], [2]]
    with pytest.raises(CancelledError):
        first.result()


def test_an_item_that_fails_fails_alone(work):
    batcher = busy(work)
    futures = batcher.submit([1, 13, 3], [1, 1, 1])
    work.may_go_on.set()
    assert futures[0].result(30) == 1
    assert futures[2].result(30) == 9
    with pytest.raises(ValueError, match="13"):
        futures[1].result(30)
    assert batcher.alive
    assert batcher.submit([6], [1])[0].result(30) == 36


@pytest.mark.parametrize("num_answers", [1, 4])
def test_answers_of_another_number_are_not_dealt_out(work, num_answers):
    """Of three items: a short answer would leave some waiting for ever, a long one would be dealt out anyhow."""

    def answer(items: List[int]) -> List[int]:
        right = work(items)
        return (right * 2)[:num_answers] if len(items) == 3 else right

    batcher = batcher_of(answer)  # type: ignore[arg-type]
    batcher.submit([0], [1])
    assert work.started.wait(30)
    futures = batcher.submit([5, 3, 8], [1, 1, 1])
    work.may_go_on.set()
    assert [future.result(30) for future in futures] == [25, 9, 64]
    assert work.batches == [[0], [5, 3, 8], [5], [3], [8]]


def test_an_item_without_an_answer_fails(work):
    work.may_go_on.set()
    batcher: "Batcher[int, int]" = batcher_of(lambda items: [])  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="expected an answer for each of 1 items, got 0"):
        batcher.submit([5], [1])[0].result(30)
    assert batcher.alive


def test_after_a_batch_of_several_the_next_waits_for_as_many(work):
    batcher = busy(work, wait_seconds=30.0)
    together = batcher.submit([1, 2], [1, 1])
    work.may_go_on.set()
    assert [future.result(30) for future in together] == [1, 4]
    # One is not as many as last time. It waits for another, and not for 30 seconds when that has come.
    alone = batcher.submit([3], [1])
    assert batcher.num_waiting == 1
    other = batcher.submit([4], [1])
    assert [alone[0].result(10), other[0].result(10)] == [9, 16]
    assert work.batches[-1] == [3, 4]


def test_one_alone_does_not_wait(work):
    work.may_go_on.set()
    batcher = batcher_of(work, wait_seconds=1000.0)
    for item in (1, 2, 3):
        assert batcher.submit([item], [1])[0].result(30) == item**2


def test_closing_finishes_what_was_taken(work):
    batcher = busy(work, wait_seconds=1000.0)
    futures = batcher.submit([1, 2, 3, 4, 5], [1] * 5)
    closing = threading.Thread(target=batcher.close)
    closing.start()
    work.may_go_on.set()
    closing.join(30)
    assert not closing.is_alive()
    assert [future.result(0) for future in futures] == [1, 4, 9, 16, 25]
    assert not batcher.alive
    with pytest.raises(Closed):
        batcher.submit([6], [1])


def test_clients_and_their_requests_have_their_turns(work):
    batcher = busy(work, max_batch=3)
    futures = batcher.submit(list(range(50, 60)), [1] * 10, "greedy")
    futures += batcher.submit([20, 21], [1, 1], "greedy")
    futures += batcher.submit([30, 31], [1, 1], "modest")
    futures += batcher.submit([40], [1], "third")
    work.may_go_on.set()
    assert [future.result(30) for future in futures] == [item**2 for item in (*range(50, 60), 20, 21, 30, 31, 40)]
    assert work.batches[1:4] == [[50, 30, 40], [20, 31, 51], [21, 52, 53]]


def test_a_client_leaves_room_for_others(work):
    batcher = busy(work, max_queue=4, max_client_queue=2)
    batcher.submit([1, 2], [1, 1], "greedy")
    with pytest.raises(QueueFull) as full:
        batcher.submit([3], [1], "greedy")
    assert full.value.of_client
    batcher.submit([4, 5], [1, 1], "modest")
    with pytest.raises(QueueFull) as full:
        batcher.submit([6], [1], "third")
    assert not full.value.of_client
    work.may_go_on.set()


def test_what_nobody_awaits_takes_no_room(work):
    batcher = busy(work, max_queue=3)
    dropped = batcher.submit([1, 2, 3], [1] * 3, "gone")
    assert [future.cancel() for future in dropped] == [True] * 3
    futures = batcher.submit([4, 5, 6], [1] * 3)
    work.may_go_on.set()
    assert [future.result(30) for future in futures] == [16, 25, 36]
    assert work.batches == [[0], [4, 5, 6]]


def test_an_answer_may_be_an_exception(work):
    work.may_go_on.set()
    batcher = batcher_of(lambda items: [ValueError("odd") if item % 2 else item for item in items])  # type: ignore
    even, odd = batcher.submit([2, 3], [1, 1])
    assert even.result(30) == 2
    with pytest.raises(ValueError, match="odd"):
        odd.result(30)


def test_what_is_abandoned_is_told_so(work):
    batcher = busy(work)
    running = batcher.submit([1], [1])
    work.may_go_on.set()
    assert running[0].result(30) == 1
    work.may_go_on.clear()
    work.started.clear()
    running, waiting = batcher.submit([2], [1]), batcher.submit([3], [20])
    assert work.started.wait(30)
    assert not batcher.close(0.1)
    for future in (*running, *waiting):
        with pytest.raises(Closed):
            future.result(0)
    # What it works on comes to its end all the same, and nothing else is begun.
    work.may_go_on.set()
    assert batcher.close(30)
    assert [3] not in work.batches

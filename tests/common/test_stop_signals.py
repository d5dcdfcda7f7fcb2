import os
import signal
import threading
from typing import Any, Iterator, List

import pytest

from hmtl.common.stop_signals import StopSignals, TrainingStopped

SIGNALS = [signal.SIGTERM, signal.SIGINT]


@pytest.fixture
def caught() -> Iterator[List[int]]:
    """What reaches the handlers that were there before."""
    seen: List[int] = []
    before = {signum: signal.signal(signum, lambda signum, frame: seen.append(signum)) for signum in SIGNALS}
    yield seen
    for signum, handler in before.items():
        signal.signal(signum, handler)


@pytest.mark.parametrize("signum", SIGNALS)
def test_the_first_is_noted_and_the_second_acts(signum: int, caught: List[int]) -> None:
    signals = StopSignals()
    with pytest.raises(TrainingStopped), signals.noted():
        os.kill(os.getpid(), signum)
        assert signals.received == signum
        assert caught == []
        os.kill(os.getpid(), signum)
        assert caught == [signum]
        raise TrainingStopped(signum, "run")
    assert caught == [signum]


def test_handlers_are_restored(caught: List[int]) -> None:
    with StopSignals().noted():
        pass
    for signum in SIGNALS:
        os.kill(os.getpid(), signum)
    assert caught == SIGNALS


def test_a_signal_that_nobody_answered_acts_afterwards(caught: List[int]) -> None:
    with StopSignals().noted():
        os.kill(os.getpid(), signal.SIGTERM)
        assert caught == []
    assert caught == [signal.SIGTERM]


def test_an_ignored_signal_stays_ignored(caught: List[int]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signals = StopSignals()
    with signals.noted():
        os.kill(os.getpid(), signal.SIGINT)
        assert signals.received is None


def test_other_threads_change_nothing(caught: List[int]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    within: List[Any] = []

    def train() -> None:
        with StopSignals().noted():
            within.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert within == [before]


def test_a_forked_worker_dies_as_ever(caught: List[int]) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with StopSignals().noted():
        worker = os.fork()
        if worker == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(20)
            os.kill(os.getpid(), signal.SIGTERM)
            os._exit(0)
        _, status = os.waitpid(worker, 0)
    assert os.WTERMSIG(status) == signal.SIGTERM


@pytest.mark.parametrize("signum, code, word", [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "interrupt")])
def test_the_line_says_how_to_go_on(signum: int, code: int, word: str) -> None:
    stopped = TrainingStopped(signum, "runs/a")
    assert stopped.exit_code == code
    assert str(stopped).startswith(word)
    assert "--recover" in str(stopped) and "runs/a" in str(stopped)

"""SIGTERM and SIGINT while a model trains: clusters preempt, users press Ctrl-C, and neither should cost work."""

import os
import signal
import threading
from contextlib import contextmanager
from types import FrameType
from typing import Any, Dict, Iterator, Optional

_VERBS = {signal.SIGTERM: "terminated", signal.SIGINT: "interrupted"}


class Stopped(Exception):
    """Work ended early because of a signal, with everything saved; `exit_code` is the shell's for `signum`.

    `what_next` says what there is and how to go on.
    """

    def __init__(self, signum: int, what_next: str) -> None:
        self.signum = signum
        self.exit_code = 128 + signum
        super().__init__(f"{_VERBS[signal.Signals(signum)]}; {what_next}")


class TrainingStopped(Stopped):
    """Training was stopped."""

    def __init__(self, signum: int, serialization_dir: str) -> None:
        super().__init__(
            signum, f"a checkpoint is saved, and the same command with --recover goes on with {serialization_dir}"
        )


class StopSignals:
    """Notes the first SIGTERM or SIGINT in `received`; a second one acts as it would have without this class.

    A signal that is ignored, as by `nohup`, stays so. Only the main thread gets signals; elsewhere nothing changes.
    """

    def __init__(self) -> None:
        self.received: Optional[int] = None
        self._before: Dict[int, Any] = {}

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Within the block signals are noted; afterwards one that the block has not answered acts after all."""
        self.received, self._process = None, os.getpid()
        if threading.current_thread() is threading.main_thread():
            for signum in _VERBS:
                if signal.getsignal(signum) not in (signal.SIG_IGN, None):
                    self._before[signum] = signal.signal(signum, self._note)
        try:
            yield
        finally:
            self._restore()
        if self.received is not None:
            signal.raise_signal(self.received)

    def _note(self, signum: int, frame: Optional[FrameType]) -> None:
        self._restore()
        if os.getpid() == self._process:
            self.received = signum
        else:  # a data loader's worker, forked from the trainer: nothing to save
            signal.raise_signal(signum)

    def _restore(self) -> None:
        while self._before:
            signal.signal(*self._before.popitem())

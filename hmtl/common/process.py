"""What AllenNLP changes in the process that it trains in."""

import logging
import signal
import sys
import threading
from contextlib import contextmanager
from typing import Iterator


@contextmanager
def process_as_found() -> Iterator[None]:
    """Takes back what AllenNLP sets for the whole process, for callers that go on: log handlers and a SIGTERM handler.

    A fault of the program leaves them: at exit AllenNLP's hook writes its traceback to the log of the run.
    """
    root = logging.getLogger()
    # The log of a run gets the progress bars too.
    handlers = {logger: list(logger.handlers) for logger in (root, logging.getLogger("tqdm"))}
    level = root.level
    excepthook, on_sigterm = sys.excepthook, signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if not isinstance(sys.exc_info()[1], Exception):
            for logger, before in handlers.items():
                for handler in set(logger.handlers) - set(before):
                    handler.close()
                logger.handlers[:] = before
            root.setLevel(level)
            sys.excepthook = excepthook
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, on_sigterm)

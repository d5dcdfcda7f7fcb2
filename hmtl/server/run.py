"""The application, listening."""

import logging
import math
import socket
from contextlib import suppress

import uvicorn
from allennlp.common.util import SigTermReceived
from fastapi import FastAPI

from hmtl.errors import UserError
from hmtl.server.limits import Limits
from hmtl.server.logs import LOG_CONFIG
from hmtl.server.protocol import guarded

_LOGGER = logging.getLogger("hmtl.server")


def run(app: FastAPI, host: str, port: int, limits: Limits) -> None:
    """Serves the application until SIGTERM or Ctrl-C, and then finishes what it took.

    # Raises

    UserError
        Where nobody can listen at this address.
    """
    listening = _listen(host, port)
    config = uvicorn.Config(
        app,
        http=guarded(limits),
        ws="none",
        loop="asyncio",
        log_config=LOG_CONFIG,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="on",
        # Everything that was taken is answered by then, or told that it will not be.
        timeout_graceful_shutdown=math.ceil(limits.read_seconds + limits.answer_seconds),
    )
    address, number = listening.getsockname()[:2]
    url = f"http://[{address}]:{number}" if ":" in address else f"http://{address}:{number}"
    _LOGGER.info("serving", extra={"fields": {"url": url}})
    # Uvicorn sends itself the signal once more when it is done.
    with suppress(KeyboardInterrupt, SigTermReceived):
        uvicorn.Server(config).run(sockets=[listening])
    _LOGGER.info("stopped")


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port < 65536:
        raise UserError(f"--port {port}: expected 0 to 65535; 0 is any that is free")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        raise UserError(f"{host}:{port}: {error.strerror}; name another --host or --port") from error

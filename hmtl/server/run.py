"""The application, listening."""

import asyncio
import logging
import math
import os
import socket
import sys
from contextlib import suppress
from typing import List, Optional

import uvicorn
from allennlp.common.util import SigTermReceived
from fastapi import FastAPI
from prometheus_client import start_wsgi_server

from hmtl.errors import UserError
from hmtl.server.limits import Limits
from hmtl.server.logs import LOG_CONFIG
from hmtl.server.protocol import guarded
from hmtl.server.service import PredictionService

_LOGGER = logging.getLogger("hmtl.server")
# In which clients read that they will get no answer.
_LAST_SECONDS = 1


def run(
    app: FastAPI,
    host: str,
    port: int,
    limits: Limits,
    metrics_port: Optional[int] = None,
    behind_proxy: bool = False,
) -> None:
    """Serves an application of `create_app` until SIGTERM or Ctrl-C, and then finishes what it took.

    After `stop_seconds` the rest is answered by 503. What the model computes then cannot be stopped: the process ends
    all the same, at once and not by way of `sys.exit`.

    # Parameters

    app : `FastAPI`
    host : `str`
    port : `int`
    limits : `Limits`
    metrics_port : `int`, optional (default = `None`)
        Where the application's counters are shown to Prometheus, at the same host.
    behind_proxy : `bool`, optional (default = `False`)
        Whether all connections come from one address, which is no client's.

    # Raises

    UserError
        Where nobody can listen at this address.
    """
    service: PredictionService = app.state.service
    listening = _listen(host, port, "--port")
    max_of_address = limits.max_connections if behind_proxy else limits.of_client(limits.max_connections)
    config = uvicorn.Config(
        app,
        http=guarded(limits, max_of_address),
        ws="none",
        loop="asyncio",
        log_config=LOG_CONFIG,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="on",
        timeout_graceful_shutdown=math.ceil(limits.stop_seconds + _LAST_SECONDS),
    )
    if metrics_port is not None:
        _show_metrics(service, host, metrics_port)
    address, number = listening.getsockname()[:2]
    url = f"http://[{address}]:{number}" if ":" in address else f"http://{address}:{number}"
    _LOGGER.info("serving", extra={"fields": {"url": url}})
    # Uvicorn sends itself the signal once more when it is done.
    with suppress(KeyboardInterrupt, SigTermReceived):
        _Server(config, service, limits.stop_seconds).run(sockets=[listening])
    _LOGGER.info("stopped")
    if not service.batcher.close(0):
        sys.stdout.flush()
        logging.shutdown()
        os._exit(0)


class _Server(uvicorn.Server):
    """Uvicorn, which tells those who wait at the end of the time for stopping."""

    def __init__(self, config: uvicorn.Config, service: PredictionService, stop_seconds: float) -> None:
        super().__init__(config)
        self._service = service
        self._stop_seconds = stop_seconds

    async def shutdown(self, sockets: Optional[List[socket.socket]] = None) -> None:
        abandon = asyncio.get_running_loop().call_later(self._stop_seconds, self._service.batcher.abandon)
        await super().shutdown(sockets)
        abandon.cancel()


def _show_metrics(service: PredictionService, host: str, port: int) -> None:
    # It takes no socket, and says less where it cannot listen.
    with _listen(host, port, "--metrics-port") as free:
        address, number = free.getsockname()[:2]
    start_wsgi_server(number, address, service.metrics.registry)
    _LOGGER.info("metrics", extra={"fields": {"metrics_port": number}})


def _listen(host: str, port: int, option: str) -> socket.socket:
    if not 0 <= port < 65536:
        raise UserError(f"{option} {port}: expected 0 to 65535; 0 is any that is free")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        raise UserError(f"{host}:{port}: {error.strerror}; name another --host or {option}") from error

"""The application, listening, to clients that may be slow, silent or too many."""

import asyncio
import json
import logging
import math
import os
import signal
import socket
import sys
from contextlib import suppress
from typing import Any, Callable, List, Mapping, Optional

import h11
import uvicorn
from allennlp.common.util import SigTermReceived
from fastapi import FastAPI
from prometheus_client import start_wsgi_server
from uvicorn.protocols.http.h11_impl import H11Protocol

from hmtl.errors import UserError
from hmtl.predictors import HMTLPredictor
from hmtl.server.limits import Limits
from hmtl.server.models import Models
from hmtl.server.watch import LOG_CONFIG
from hmtl.server.workers import Worker


class GuardedProtocol(H11Protocol):
    """Uvicorn's HTTP with limits that it lacks: on the number of connections, in all and of one address, on the time
    for a request's headers, and on the time for which a client may leave an answer unread. The time for a body is the
    application's.

    A subclass for one set of `Limits` is made by `guarded`.
    """

    limits = Limits()
    max_of_address = limits.of_client(limits.max_connections)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._header_timer: Optional[asyncio.TimerHandle] = None
        self._answer_timer: Optional[asyncio.TimerHandle] = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        address = _address(self)
        num_of_address = sum(_address(other) == address for other in self.connections)
        if len(self.connections) > self.limits.max_connections or num_of_address > self.max_of_address:
            transport.abort()
            return
        self._header_timer = self._abort_later()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            _cancel(self._header_timer)
            self._header_timer = None
        elif self._header_timer is None:
            self._header_timer = self._abort_later()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._answer_timer = self._abort_later()

    def resume_writing(self) -> None:
        super().resume_writing()
        _cancel(self._answer_timer)

    def connection_lost(self, exc: Optional[Exception]) -> None:
        _cancel(self._header_timer)
        _cancel(self._answer_timer)
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP is answered in JSON as well."""
        body = json.dumps({"detail": msg}).encode()
        length = str(len(body)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", length), (b"connection", b"close")]
        for event in (h11.Response(status_code=400, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _abort_later(self) -> asyncio.TimerHandle:
        # Not close(), which would wait until the client has read everything.
        return self.loop.call_later(self.limits.read_seconds, self.transport.abort)


def guarded(of_limits: Limits, max_of_address: int) -> type:
    """The protocol with these limits, in the form that uvicorn takes."""
    return type("GuardedProtocol", (GuardedProtocol,), {"limits": of_limits, "max_of_address": max_of_address})


def _address(connection: Any) -> Any:
    client = connection.client
    return client and client[0]


def _cancel(timer: Optional[asyncio.TimerHandle]) -> None:
    if timer is not None:
        timer.cancel()


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
    reload: Optional[Callable[[], Mapping[str, HMTLPredictor]]] = None,
    worker: Optional[Worker] = None,
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
    reload : `Callable[[], Mapping[str, HMTLPredictor]]`, optional (default = `None`)
        Loads the models anew, for SIGHUP. A server that was started at a terminal ends with it instead.
    worker : `Worker`, optional (default = `None`)
        Which of several processes this is. It listens at the socket of all, and has the metrics port of its number.

    # Raises

    UserError
        Where nobody can listen at this address.
    """
    models: Models = app.state.models
    listening = worker.listening if worker else listen(host, port)
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
        _show_metrics(models, host, metrics_port + worker.number if worker and metrics_port else metrics_port)
    url = address_of(listening)
    which = {"worker": worker.number} if worker else {}
    _LOGGER.info("serving", extra={"fields": {"url": url, "models": models.names, **which}})
    # Uvicorn sends itself the signal once more when it is done.
    with suppress(KeyboardInterrupt, SigTermReceived):
        _Server(config, models, limits.stop_seconds, reload, worker).run(sockets=[listening])
    _LOGGER.info("stopped", extra={"fields": which})
    if not models.close(0):
        sys.stdout.flush()
        logging.shutdown()
        os._exit(0)


class _Server(uvicorn.Server):
    """Uvicorn, which tells those who wait at the end of the time for stopping, and loads its models anew on SIGHUP."""

    def __init__(
        self,
        config: uvicorn.Config,
        models: Models,
        stop_seconds: float,
        reload: Optional[Callable[[], Mapping[str, HMTLPredictor]]],
        worker: Optional[Worker],
    ) -> None:
        super().__init__(config)
        self._models = models
        self._stop_seconds = stop_seconds
        self._load = reload
        self._worker = worker

    async def startup(self, sockets: Optional[List[socket.socket]] = None) -> None:
        await super().startup(sockets)
        if self.should_exit:
            return
        if self._worker is not None:
            self._worker.tell_up()
        elif sys.stderr.isatty():
            print(f"Open {address_of(sockets[0])} in a browser; Ctrl-C stops the server.", file=sys.stderr)  # type: ignore[index]
        if self._load is not None and not sys.stderr.isatty() and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            loop, tasks = asyncio.get_running_loop(), set()

            def reload() -> None:
                task = loop.create_task(self._reload())
                # The loop itself would forget it.
                tasks.add(task)
                task.add_done_callback(tasks.discard)

            loop.add_signal_handler(signal.SIGHUP, reload)

    async def _reload(self) -> None:
        assert self._load is not None
        try:
            await self._models.replace(self._load)
        except Exception as error:
            fields = {"error": type(error).__name__, **({"detail": str(error)} if isinstance(error, UserError) else {})}
            _LOGGER.error("not reloaded; the models stay as they were", extra={"fields": fields})
        else:
            weights = {model.name: model.info["weights_sha256"] for model in self._models}
            _LOGGER.info("reloaded", extra={"fields": {"weights_sha256": weights}})

    async def shutdown(self, sockets: Optional[List[socket.socket]] = None) -> None:
        abandon = asyncio.get_running_loop().call_later(self._stop_seconds, self._models.abandon)
        await super().shutdown(sockets)
        abandon.cancel()


def _show_metrics(models: Models, host: str, port: int) -> None:
    # It takes no socket, and says less where it cannot listen.
    with listen(host, port, "--metrics-port") as free:
        address, number = free.getsockname()[:2]
    start_wsgi_server(number, address, models.metrics.registry)
    _LOGGER.info("metrics", extra={"fields": {"metrics_port": number}})


def address_of(listening: socket.socket) -> str:
    """The URL of a socket."""
    address, number = listening.getsockname()[:2]
    return f"http://[{address}]:{number}" if ":" in address else f"http://{address}:{number}"


def listen(host: str, port: int, option: str = "--port") -> socket.socket:
    """A socket that listens; port 0 is any that is free.

    # Raises

    UserError
        Where nobody can listen there; it names the option.
    """
    if not 0 <= port < 65536:
        raise UserError(f"{option} {port}: expected 0 to 65535; 0 is any that is free")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        raise UserError(f"{host}:{port}: {error.strerror}; name another --host or {option}") from error

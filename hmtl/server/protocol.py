"""HTTP with clients that may be slow, silent or too many."""

import asyncio
import json
from typing import Any, Optional

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from hmtl.server.limits import Limits


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

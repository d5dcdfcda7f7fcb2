"""Every request, counted and logged; what is refused, beyond the limit, or unexpected, answered.

The log is one JSON object a line, on stderr.
"""

import json
import logging
import time
import traceback
from collections import Counter
from datetime import datetime, timezone
from typing import Any, Dict, MutableMapping, Optional

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hmtl.server.access import PROBES, Access
from hmtl.server.limits import Limits
from hmtl.server.service import Metrics


class JsonLines(logging.Formatter):
    """`{"time", "level", "event", ...}`, the rest from `extra={"fields": {...}}`.

    Of an exception the log has the type and the places that it went through: its message may quote a text.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: Dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage().strip(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            line["traceback"] = places(record.exc_info[2])
        return json.dumps(line, ensure_ascii=False)


def places(trace: Any) -> Any:
    """The files and lines of a traceback, the outermost first."""
    return [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(trace)]


LOG_CONFIG: Dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "hmtl.server.watch.JsonLines"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "loggers": {
        name: {"handlers": ["stderr"], "level": "INFO", "propagate": False}
        for name in ("hmtl.server", "uvicorn", "asyncio")
    },
}


_LOGGER = logging.getLogger("hmtl.server")


class Watch:
    """ASGI middleware around a server's application.

    A request by HEAD gets the head of the answer to GET. `scope["state"]["client"]` is the address of who asks. A log
    line has what `scope["state"]` collected under `log`, and never a text, a query or a name of a path that is
    none of the application's.
    """

    def __init__(self, app: ASGIApp, limits: Limits, metrics: Metrics, access: Access) -> None:
        self._app = app
        self._limits = limits
        self._metrics = metrics
        self._access = access
        self._headers = access.headers("default-src 'none'")
        self._num_open = 0
        self._num_of_client: Counter = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        status: Optional[int] = None
        log: Dict[str, Any] = {}
        client = self._access.client(scope)
        scope.setdefault("state", {}).update(log=log, client=client)
        is_head = scope["method"] == "HEAD"
        if is_head:
            scope = {**scope, "method": "GET"}

        async def watched_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            elif is_head:
                message = {**message, "body": b""}
            await send(message)

        self._num_open += 1
        self._num_of_client[client] += 1
        self._metrics.open_requests.inc()
        try:
            refusal = self._access.refusal(scope) or self._beyond_limits(scope, client)
            await (refusal or self._app)(scope, receive, watched_send)
        except Exception as error:
            # The message of an error may quote a text, its place does not.
            log["error"] = type(error).__name__
            log["traceback"] = places(error.__traceback__)
            if status is None:
                fault = {"detail": "a fault of the server; its log says more"}
                await JSONResponse(fault, 500)(scope, receive, watched_send)
        finally:
            self._num_open -= 1
            self._num_of_client[client] -= 1
            if not self._num_of_client[client]:
                del self._num_of_client[client]
            self._metrics.open_requests.dec()
            self._record(scope, status, time.perf_counter() - start, log)

    def _beyond_limits(self, scope: Scope, client: str) -> Optional[JSONResponse]:
        limit = self._limits.max_requests
        if scope["path"] in PROBES:
            return None
        # The body may not have been read.
        headers = {"Retry-After": "1", "Connection": "close"}
        if self._num_open > limit:
            return JSONResponse({"detail": f"more than {limit:,} requests are open; try again"}, 503, headers)
        if self._num_of_client[client] > self._limits.of_client(limit):
            detail = f"more than {self._limits.of_client(limit):,} requests of this address are open; try again"
            return JSONResponse({"detail": detail}, 429, headers)
        return None

    def _record(self, scope: MutableMapping[str, Any], status: Optional[int], seconds: float, log: Any) -> None:
        route = scope.get("route")
        path = getattr(route, "path", "other")
        method = scope["method"] if route is not None else "other"
        self._metrics.requests.labels(method, path, str(status)).inc()
        self._metrics.request_seconds.labels(path).observe(seconds)
        level = logging.ERROR if "error" in log else logging.INFO
        fields = {"method": method, "path": path, "status": status, "milliseconds": round(1000 * seconds, 1), **log}
        _LOGGER.log(level, "request", extra={"fields": fields})

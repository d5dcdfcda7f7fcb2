"""Every request, counted and logged; those beyond the limit, and what nobody expected, answered."""

import logging
import time
from typing import Any, Dict, MutableMapping, Optional

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hmtl.server.limits import Limits
from hmtl.server.logs import places
from hmtl.server.metrics import Metrics

_LOGGER = logging.getLogger("hmtl.server")


class Watch:
    """ASGI middleware around a server's application.

    A log line has what `scope["state"]` collected under `log`, and never a text, a query or a name of a path that is
    none of the application's.
    """

    def __init__(self, app: ASGIApp, limits: Limits, metrics: Metrics) -> None:
        self._app = app
        self._limits = limits
        self._metrics = metrics
        self._num_open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        status: Optional[int] = None
        log: Dict[str, Any] = {}
        scope.setdefault("state", {})["log"] = log

        async def watched_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._num_open += 1
        self._metrics.open_requests.inc()
        try:
            if self._num_open > self._limits.max_requests:
                busy = {"detail": f"more than {self._limits.max_requests:,} requests are open; try again"}
                # The body may not have been read.
                headers = {"Retry-After": "1", "Connection": "close"}
                await JSONResponse(busy, 503, headers)(scope, receive, watched_send)
            else:
                await self._app(scope, receive, watched_send)
        except Exception as error:
            # The message of an error may quote a text, its place does not.
            log["error"] = type(error).__name__
            log["traceback"] = places(error.__traceback__)
            if status is None:
                fault = {"detail": "a fault of the server; its log says more"}
                await JSONResponse(fault, 500)(scope, receive, watched_send)
        finally:
            self._num_open -= 1
            self._metrics.open_requests.dec()
            self._record(scope, status, time.perf_counter() - start, log)

    def _record(self, scope: MutableMapping[str, Any], status: Optional[int], seconds: float, log: Any) -> None:
        route = scope.get("route")
        path = getattr(route, "path", "other")
        method = scope["method"] if route is not None else "other"
        self._metrics.requests.labels(method, path, str(status)).inc()
        self._metrics.request_seconds.labels(path).observe(seconds)
        level = logging.ERROR if "error" in log else logging.INFO
        fields = {"method": method, "path": path, "status": status, "milliseconds": round(1000 * seconds, 1), **log}
        _LOGGER.log(level, "request", extra={"fields": fields})

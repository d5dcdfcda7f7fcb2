"""The log of a server: one JSON object a line, on stderr."""

import json
import logging
import traceback
from datetime import datetime, timezone
from typing import Any, Dict


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
    "formatters": {"json": {"()": "hmtl.server.logs.JsonLines"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "loggers": {
        name: {"handlers": ["stderr"], "level": "INFO", "propagate": False}
        for name in ("hmtl.server", "uvicorn", "asyncio")
    },
}

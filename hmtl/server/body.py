"""The body of a request, as far as a server reads it."""

import asyncio

from fastapi import HTTPException
from starlette.requests import ClientDisconnect, Request

from hmtl.server.limits import Limits

# Of a body that is too large so many times the limit are read and dropped: a client that is still sending would
# not see the answer.
_DRAIN = 32


async def read_body(request: Request, limits: Limits) -> bytes:
    """The whole body.

    # Raises

    HTTPException
        413 where it is too large, 408 where it does not come in time. Both end the connection.
    ClientDisconnect
    """
    try:
        return await asyncio.wait_for(_read(request, limits.max_body_bytes), limits.read_seconds)
    except asyncio.TimeoutError:
        detail = f"the request was not complete after {limits.read_seconds:g} seconds"
        raise HTTPException(408, detail, {"Connection": "close"}) from None


async def _read(request: Request, limit: int) -> bytes:
    too_large = HTTPException(
        413, f"the body is too large; at most {limit:,} bytes are allowed", {"Connection": "close"}
    )
    if _content_length(request) > limit * _DRAIN:
        raise too_large
    body, num_bytes, more = bytearray(), 0, True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        more = message.get("more_body", False)
        part = message.get("body", b"")
        num_bytes += len(part)
        if num_bytes > limit * _DRAIN:
            break
        if num_bytes <= limit:
            body += part
    if num_bytes > limit:
        raise too_large
    return bytes(body)


def _content_length(request: Request) -> int:
    value = request.headers.get("content-length", "")
    return int(value) if value.isdecimal() else 0

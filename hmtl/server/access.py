"""Who may ask a server, and what browsers are told."""

import hmac
import re
from base64 import b64decode
from dataclasses import dataclass, field
from typing import Dict, Mapping, Optional, Tuple

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import Scope

from hmtl.errors import UserError

# They tell whether a server lives, to those who only know its address, and nothing else.
PROBES = ("/health", "/ready")
# Longer names of clients are no addresses.
_MAX_ADDRESS = 64
_HOST = re.compile(r"\[[0-9a-fA-F:.]+\]|[^:/\s]+")


@dataclass(frozen=True)
class Access:
    """The rules of a server.

    # Parameters

    allowed_hosts : `Tuple[str, ...]`, optional
        The names, without a port, under which the server is asked; none allows all. A page from elsewhere cannot
        reach a server on the reader's machine under a name of its own then (DNS rebinding).
    api_key : `str`, optional
        Asked of every request but those for `/health` and `/ready`: as `Authorization: Bearer KEY`, or as the password
        of HTTP's basic authentication, for which browsers ask.
    trusted_proxies : `int`, optional (default = `0`)
        How many proxies stand before the server. The address of a client is what the first of these wrote into
        `X-Forwarded-For`; without proxies the header is not read, for anybody can write it.
    frame_ancestors : `str`, optional (default = `"'none'"`)
        Whose pages may show this one in a frame, as the Content-Security-Policy has it.

    # Raises

    UserError
        Where one of them cannot be meant.
    """

    allowed_hosts: Tuple[str, ...] = ()
    api_key: Optional[str] = field(default=None, repr=False)
    trusted_proxies: int = 0
    frame_ancestors: str = "'none'"

    def __post_init__(self) -> None:
        if self.api_key is not None and not re.fullmatch(r"[\x21-\x7e]{8,}", self.api_key):
            raise UserError("the API key must be 8 or more ASCII characters, without blanks")
        if self.trusted_proxies < 0:
            raise UserError(f"trusted_proxies is {self.trusted_proxies}; expected 0 or more")
        if not re.fullmatch(r"[\x21-\x7e]+( [\x21-\x7e]+)*", self.frame_ancestors) or re.search(
            "[;,]", self.frame_ancestors
        ):
            raise UserError(f"frame_ancestors is {self.frame_ancestors!r}; expected such as 'self' https://example.org")
        for host in self.allowed_hosts:
            if not _HOST.fullmatch(host):
                raise UserError(f"allowed host {host!r}: expected a name or an address, without a port")

    def client(self, scope: Scope) -> str:
        """The address of who sent a request."""
        forwarded = ",".join(Headers(scope=scope).getlist("x-forwarded-for")).split(",")
        if 0 < self.trusted_proxies <= len(forwarded) and forwarded[-self.trusted_proxies].strip():
            return forwarded[-self.trusted_proxies].strip()[:_MAX_ADDRESS]
        return str((scope.get("client") or ("unknown",))[0])

    def refusal(self, scope: Scope) -> Optional[JSONResponse]:
        """The answer to a request that is refused whatever it says."""
        if scope["path"] in PROBES:
            return None
        headers = Headers(scope=scope)
        if self.allowed_hosts and not self._is_allowed(headers.get("host", "")):
            detail = "this server is not asked under this name; --allowed-host allows another"
            return _refused(421, detail)
        # Browsers say so, where a page of another site sends the request; the answer it could not read anyhow.
        if scope["method"] == "POST" and headers.get("sec-fetch-site") == "cross-site":
            return _refused(403, "pages of other sites may not ask this server")
        if self.api_key is not None and not _has_key(headers.get("authorization", ""), self.api_key):
            detail = "expected the API key, as in 'Authorization: Bearer KEY'"
            return _refused(401, detail, {"WWW-Authenticate": 'Basic realm="hmtl"'})
        return None

    def headers(self, policy: str) -> Dict[str, str]:
        """What every answer says to browsers; `policy` is what a page may load."""
        return {
            "Content-Security-Policy": f"{policy}; frame-ancestors {self.frame_ancestors}",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        }

    def _is_allowed(self, host: str) -> bool:
        name = _HOST.match(host)
        return name is not None and name[0].lower() in {allowed.lower() for allowed in self.allowed_hosts}


def _has_key(authorization: str, key: str) -> bool:
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            given = b64decode(given.strip()).decode().partition(":")[2]
        except ValueError:
            return False
    elif scheme.lower() != "bearer":
        return False
    # In a time that does not tell how much of it is right.
    return hmac.compare_digest(given.strip().encode(), key.encode())


def _refused(status: int, detail: str, headers: Optional[Mapping[str, str]] = None) -> JSONResponse:
    # The body may not have been read.
    return JSONResponse({"detail": detail}, status, {**(headers or {}), "Connection": "close"})

"""A hub of models behind HTTP on this machine, with the few routes that huggingface_hub asks for."""

import base64
import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Dict, Iterator, List, Tuple
from urllib.parse import unquote, urlsplit

SHA = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """Its `models` have the files of each model, by their paths; `token` is what uploads have to bring."""

    daemon_threads = True

    def __init__(self, token: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.models: Dict[str, Dict[str, bytes]] = {}
        self.token = token
        self.cards: List[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._file(with_body=False)

    def do_GET(self) -> None:
        parts = unquote(urlsplit(self.path).path).strip("/").split("/")
        if parts[0] != "api":
            self._file(with_body=True)
            return
        name = "/".join(parts[2:4])
        files = self.server.models.get(name)
        if files is None:
            self._answer(404, {"error": "Repository not found"}, ("X-Error-Code", "RepoNotFound"))
        elif parts[4:5] == ["tree"]:
            self._answer(200, [{"type": "file", "path": k, "size": len(v), "oid": _oid(v)} for k, v in files.items()])
        else:
            self._answer(200, {"id": name, "sha": SHA, "siblings": [{"rfilename": path} for path in files]})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = unquote(urlsplit(self.path).path).strip("/").split("/")
        if self.headers.get("Authorization") != f"Bearer {self.server.token}":
            self._answer(401, {"error": "Invalid username or password."})
        elif parts[:3] == ["api", "repos", "create"]:
            wanted = json.loads(body)
            name = f"{wanted.get('organization') or 'me'}/{wanted['name']}"
            self.server.models.setdefault(name, {})
            self._answer(200, {"url": f"{self.server.url}/{name}", "name": name})
        elif parts[:2] == ["api", "validate-yaml"]:
            self.server.cards.append(json.loads(body)["content"])
            self._answer(200, {"errors": [], "warnings": []})
        elif parts[4:5] == ["preupload"]:
            files = json.loads(body)["files"]
            self._answer(
                200,
                {"files": [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in files]},
            )
        elif parts[4:5] == ["commit"]:
            name = "/".join(parts[2:4])
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    content = base64.b64decode(line["value"]["content"])
                    self.server.models[name][line["value"]["path"]] = content
            self._answer(
                200, {"commitUrl": f"{self.server.url}/{name}/commit/{SHA}", "commitOid": SHA, "success": True}
            )
        else:
            self._answer(404, {"error": self.path})

    def _file(self, with_body: bool) -> None:
        user, model, _, _, *path = unquote(urlsplit(self.path).path).strip("/").split("/")
        content = self.server.models.get(f"{user}/{model}", {}).get("/".join(path))
        if content is None:
            self._answer(404, {"error": "Entry not found"}, ("X-Error-Code", "EntryNotFound"))
            return
        self.send_response(200)
        for key, value in (
            ("ETag", f'"{_oid(content)}"'),
            ("X-Repo-Commit", SHA),
            ("Content-Length", str(len(content))),
        ):
            self.send_header(key, value)
        self.end_headers()
        if with_body:
            self.wfile.write(content)

    def _answer(self, status: int, value: Any, *headers: Tuple[str, str]) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        for key, each in (("Content-Type", "application/json"), ("Content-Length", str(len(body))), *headers):
            self.send_header(key, each)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _oid(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@contextmanager
def small_hub(token: str = "hf_token") -> Iterator[Hub]:
    """A hub as long as it is open."""
    hub = Hub(token)
    thread = threading.Thread(target=hub.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()

"""A tiny model behind HTTP, in this process and in one of its own."""

import json
import os
import signal
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest

for package in ("fastapi", "uvicorn", "prometheus_client", "httpx"):
    pytest.importorskip(package, reason=f"hmtl[serve] is not installed: no {package}")

with warnings.catch_warnings():
    # It asks for the successor of httpx.
    warnings.simplefilter("ignore")
    import fastapi.testclient  # noqa: F401

ROOT = Path(__file__).resolve().parents[2]


class Server:
    """`hmtl serve` in a process of its own; `log` has the lines that it wrote so far."""

    def __init__(self, run: Path, *options: str) -> None:
        command = [sys.executable, "-m", "hmtl", "serve", str(run), "--port", "0", *options]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
        self.log: List[str] = []
        self._up = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()
        if not self._up.wait(120) or self.process.poll() is not None:
            self.process.kill()
            raise AssertionError(f"the server did not start: {self.log}")

    @property
    def address(self) -> Any:
        return self.url.rpartition("/")[2].split(":")[0], int(self.url.rpartition(":")[2])

    @property
    def url(self) -> str:
        return next(line["url"] for line in self.lines() if line["event"] == "serving")

    def lines(self) -> List[Dict[str, Any]]:
        return [json.loads(line) for line in self.log]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line)
            if "startup complete" in line:
                self._up.set()
        self._up.set()


@pytest.fixture
def start(tiny_run: Path) -> Iterator[Any]:
    """Starts a server with options, and ends it after the test."""
    servers: List[Server] = []

    def started(*options: str, run: Path = tiny_run) -> Server:
        servers.append(Server(run, *options))
        return servers[-1]

    yield started
    for server in servers:
        server.process.kill()
        server.process.wait()


@pytest.fixture(scope="session")
def predictor(tiny_run: Path) -> Any:
    from hmtl.predictors import HMTLPredictor

    return HMTLPredictor.load(tiny_run)

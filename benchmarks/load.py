#!/usr/bin/env python
"""Measures `hmtl serve` under load: many clients at once beside one, every answer checked against offline prediction.

    python benchmarks/load.py runs/quickstart [--clients 16] [--seconds 60] [--cores 2]

The clients are Locust's (pip install locust), in a process of their own; each sends its next text when it has the last
answer. The texts are the sentences of the bundled sample, in pairs. The memory is that of the server's process.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, Iterator, List

ROOT = Path(__file__).resolve().parents[1]
# Read by the clients, in this very file: Locust loads it as its "locustfile".
EXPECTED = "HMTL_LOAD_EXPECTED"
# Scores depend in their last digits on what else is in a batch.
TOLERANCE = 1e-3


def texts() -> List[str]:
    """Texts of two sentences each."""
    with open(ROOT / "data" / "sample" / "train.jsonl", encoding="utf-8") as lines:
        documents = [json.loads(line)["sentences"] for line in lines]
    pairs = [document[number : number + 2] for document in documents for number in range(0, len(document) - 1, 2)]
    return [" ".join(" ".join(sentence) for sentence in pair) for pair in pairs]


def same(found: Any, expected: Any) -> bool:
    """Whether two answers are alike, scores within the tolerance."""
    if isinstance(expected, dict):
        return (
            isinstance(found, dict)
            and found.keys() == expected.keys()
            and all(same(found[key], expected[key]) for key in expected)
        )
    if isinstance(expected, list):
        return isinstance(found, list) and len(found) == len(expected) and all(map(same, found, expected))
    if isinstance(expected, float):
        return isinstance(found, float) and abs(found - expected) <= TOLERANCE
    return bool(found == expected)


if EXPECTED in os.environ:
    from locust import constant, task
    from locust.contrib.fasthttp import FastHttpUser

    _EXPECTED: Dict[str, Any] = json.loads(Path(os.environ[EXPECTED]).read_text(encoding="utf-8"))
    _TEXTS = list(_EXPECTED)
    _NEXT = iter(range(10**9))

    class Client(FastHttpUser):
        wait_time = constant(0)

        @task
        def predict(self) -> None:
            text = _TEXTS[next(_NEXT) % len(_TEXTS)]
            with self.client.post("/predict", json={"text": text}, catch_response=True) as response:
                if response.status_code != 200:
                    response.failure(f"status {response.status_code}")
                elif not same(response.json()["outputs"], [_EXPECTED[text]]):
                    response.failure("a wrong answer")


@contextlib.contextmanager
def serving(run: Path, options: List[str], cores: List[int], log: Path) -> Iterator[Dict[str, Any]]:
    """The server's address and process."""
    command = [sys.executable, "-m", "hmtl", "serve", str(run), "--port", "0", *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    with open(log, "w", encoding="utf-8") as file:
        process = subprocess.Popen(command, env=environment, stderr=file)
    os.sched_setaffinity(process.pid, cores)
    try:
        address = ""
        while "startup complete" not in (lines := log.read_text(encoding="utf-8")):
            if process.poll() is not None:
                raise SystemExit(lines)
        address = next(event["url"] for event in map(json.loads, lines.splitlines()) if "url" in event)
        yield {"url": address, "pid": process.pid}
    finally:
        process.terminate()
        process.wait(60)


def resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 2**20


def load(url: str, clients: int, seconds: int, directory: Path) -> Dict[str, float]:
    """Runs the clients; throughput in texts a second, latencies in milliseconds."""
    prefix = directory / f"load_{clients}"
    command = [
        *(sys.executable, "-m", "locust", "--headless", "--only-summary", "--skip-log-setup", "-f", __file__),
        *("--host", url, "-u", str(clients), "-r", str(clients), "-t", f"{seconds}s", "--csv", str(prefix)),
    ]
    environment = {**os.environ, EXPECTED: str(directory / "expected.json")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    with open(f"{prefix}_stats.csv", encoding="utf-8") as file:
        names, *rows = [line.rstrip("\n").split(",") for line in file]
    total = dict(zip(names, next(row for row in rows if row[1] == "Aggregated")))
    if int(total["Failure Count"]):
        print(Path(f"{prefix}_failures.csv").read_text(encoding="utf-8"), done.stderr, file=sys.stderr)
    return {
        "texts/s": float(total["Requests/s"]),
        "p50 ms": float(total["50%"]),
        "p95 ms": float(total["95%"]),
        "answers": float(total["Request Count"]),
        "errors": float(total["Failure Count"]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the model to serve")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=1, help="of many clients and one, in turn; medians are printed")
    parser.add_argument("--cores", type=int, default=2, help="on which the server may run")
    parser.add_argument("--no-scores", action="store_true", help="answers without probabilities")
    arguments = parser.parse_args()

    import torch

    from hmtl.predictors import HMTLPredictor

    torch.set_num_threads(1)
    predictor = HMTLPredictor.load(arguments.run, with_scores=not arguments.no_scores)
    expected = {text: predictor.predict_json({"text": text}) for text in texts()}
    options = ["--no-scores"] if arguments.no_scores else []
    cores = sorted(os.sched_getaffinity(0))[: arguments.cores]
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "expected.json").write_text(json.dumps(expected), encoding="utf-8")
        with serving(arguments.run, options, cores, directory / "server.log") as server:
            load(server["url"], arguments.clients, 5, directory)  # warm
            before = resident_mb(server["pid"])
            found: Dict[int, List[Dict[str, float]]] = {1: [], arguments.clients: []}
            for _ in range(arguments.rounds):
                for clients, results in found.items():
                    results.append(load(server["url"], clients, arguments.seconds, directory))
            after = resident_mb(server["pid"])
    medians = {
        clients: {key: statistics.median(result[key] for result in results) for key in results[0]}
        for clients, results in found.items()
    }
    for clients, median in medians.items():
        print(f"{clients:>3} clients  " + "  ".join(f"{key} {value:,.1f}" for key, value in median.items()))
    print(f"throughput {medians[arguments.clients]['texts/s'] / medians[1]['texts/s']:.2f} times that of one client")
    print(f"memory of the server {before:,.0f} MB at the start, {after:,.0f} MB at the end")
    if any(result["errors"] for results in found.values() for result in results):
        raise SystemExit("some answers were wrong, or missing")


if __name__ == "__main__":
    main()

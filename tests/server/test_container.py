"""The files that containers are made from: what they name is there, and their steps make a server that holds."""

import importlib.util
import json
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Dict, List

import httpx
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
_SPECIFICATION = importlib.util.spec_from_file_location("container_steps", ROOT / "scripts" / "container_steps.py")
assert _SPECIFICATION is not None and _SPECIFICATION.loader is not None
container_steps = importlib.util.module_from_spec(_SPECIFICATION)
sys.modules["container_steps"] = container_steps
_SPECIFICATION.loader.exec_module(container_steps)

DOCKERFILE = list(container_steps.instructions((ROOT / "Dockerfile").read_text(encoding="utf-8")))
CLIENTS, REQUESTS = 16, 12
# Scores depend in their last digits on what else is in a batch.
TOLERANCE = 1e-3


def test_what_is_left_out_of_the_context():
    ignored = container_steps.Ignored(
        "*\n!hmtl\n!data/sample\n# a comment\n**/__pycache__\nhmtl/**/*.pyc\nhmtl/secret?"
    )
    for path in ("README.md", "data/README.md", "hmtl/a/__pycache__/b", "hmtl/a/b.pyc", "hmtl/c.pyc", "hmtl/secret1"):
        assert path in ignored, path
    for path in ("hmtl/a.py", "hmtl/a/b.py", "data/sample/train.jsonl", "hmtl/secret12"):
        assert path not in ignored, path


def test_the_context_has_what_a_build_needs_and_no_more():
    ignored = container_steps.Ignored((ROOT / ".dockerignore").read_text(encoding="utf-8"))
    copied = [
        word for name, rest in DOCKERFILE if name == "COPY" and "--from" not in rest for word in rest.split()[:-1]
    ]
    assert {"hmtl", "setup.py", "configs", "carried"} <= set(copied)
    for source in copied:
        if "$" not in source:
            assert (ROOT / source).exists(), source
            assert source not in ignored or (ROOT / source).is_dir(), source
    for path in ("hmtl/cli.py", "data/sample/train.jsonl", "carried/carry.py", "runs/quickstart/model.tar.gz"):
        assert path not in ignored, path
    for path in (".git/config", "carried/allennlp/__init__.py", "tests/conftest.py", "runs/a/training_state_e1_b0.th"):
        assert path in ignored, path


def test_the_image_is_not_root_s_and_looks_after_itself():
    found = dict(DOCKERFILE)
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", found["USER"])
    check = json.loads(found["HEALTHCHECK"].partition("CMD")[2])
    assert check[0] == "python" and ":8000/ready" in check[-1]
    assert [*json.loads(found["ENTRYPOINT"]), *json.loads(found["CMD"])] == [
        "hmtl",
        "serve",
        "/model",
        "--host",
        "0.0.0.0",
    ]
    arguments = dict(rest.partition("=")[::2] for name, rest in DOCKERFILE if name == "ARG")
    assert arguments["TORCH_INDEX"] == "https://download.pytorch.org/whl/cpu"
    # Nothing is baked in unless it is asked for.
    assert arguments["MODEL"] == ""
    assert container_steps._stages_needed(DOCKERFILE, None) == ["serve", "base", "build"]
    assert "with-model" in container_steps._stages_needed(DOCKERFILE, "with-model")


def test_compose_goes_by_the_image():
    services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    check = json.loads(dict(DOCKERFILE)["HEALTHCHECK"].partition("CMD")[2])
    for service in services.values():
        assert service["healthcheck"]["test"] == ["CMD", *check]
        # As hmtl serve takes at most, and a little.
        assert int(service["stop_grace_period"].removesuffix("s")) > 25
        assert service["command"][0] == "/model"
    assert services["gpu"]["build"]["args"]["TORCH_INDEX"] != "https://download.pytorch.org/whl/cpu"
    assert services["gpu"]["profiles"] == ["gpu"] and "profiles" not in services["cpu"]


def alike(found: Any, expected: Any) -> bool:
    """Whether two answers are equal, scores within the tolerance."""
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(alike(found[key], expected[key]) for key in expected)
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(alike, found, expected))
    return abs(found - expected) <= TOLERANCE if isinstance(expected, float) else bool(found == expected)


def load(url: str, expected: Dict[str, Any]) -> Dict[str, float]:
    """Sixteen clients at once, each with its next text as soon as it has an answer, and all answers checked."""
    texts = list(expected)

    def ask(number: int) -> List[float]:
        chosen, seconds = random.Random(number), []
        with httpx.Client(base_url=url, timeout=60) as client:
            for _ in range(REQUESTS):
                asked = chosen.sample(texts, chosen.choice([1, 1, 2, 8]))
                start = time.monotonic()
                answer = client.post("/predict", json={"texts": asked})
                seconds.append(time.monotonic() - start)
                assert answer.status_code == 200, answer.text
                assert alike(answer.json()["outputs"], [expected[text] for text in asked])
        return seconds

    start = time.monotonic()
    with ThreadPoolExecutor(CLIENTS) as pool:
        seconds = sorted(second for client in pool.map(ask, range(CLIENTS)) for second in client)
    whole = time.monotonic() - start
    return {"answers": len(seconds), "per second": len(seconds) / whole, "median": seconds[len(seconds) // 2]}


def sample_texts(number: int) -> List[str]:
    lines = (ROOT / "data" / "sample" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    documents = [json.loads(line)["sentences"] for line in lines[:number]]
    return [" ".join(" ".join(sentence) for sentence in document[:3]) for document in documents]


@pytest.mark.slow
def test_the_steps_of_the_dockerfile_make_a_server_that_answers_sixteen_clients(tiny_run, predictor, tmp_path_factory):
    folder = tmp_path_factory.mktemp("container")
    for parent in (folder, *folder.parents):
        if parent.stat().st_uid == folder.stat().st_uid and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o055)
    # The CPU build's index is not everywhere at hand; any torch will do here.
    index = "https://pypi.org/simple"
    container = container_steps.Container(folder, arguments={"TORCH_INDEX": index})
    try:
        container.build()
    except SystemExit as failed:
        pip = [sys.executable, "-m", "pip", "download", "--no-deps", "-q", "-d", str(folder / "tried"), "wasabi"]
        if subprocess.run(pip, capture_output=True).returncode:
            pytest.skip("needs a package index")
        raise AssertionError(str(failed)) from None
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = container.start(tiny_run, port)
    log: List[str] = []
    threading.Thread(target=lambda: log.extend(server.stderr), daemon=True).start()
    try:
        deadline = time.monotonic() + 300
        while not container.is_healthy(port):
            assert server.poll() is None and time.monotonic() < deadline, log
            time.sleep(1)
        # It is what was installed that serves, and not this checkout.
        (package,) = (folder / "opt" / "hmtl").rglob("site-packages/hmtl/cli.py")
        assert package.is_file()
        expected = {text: predictor.predict(text) for text in sample_texts(20)}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            plain = client.post("/predict", json={"text": next(iter(expected))}).json()["outputs"][0]
        with_scores = "score" in json.dumps(plain)
        if with_scores:
            scored = type(predictor).load(tiny_run, with_scores=True)
            expected = {text: scored.predict(text) for text in expected}
        print(load(f"http://127.0.0.1:{port}", expected))
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0
        assert json.loads(log[-1])["event"] == "stopped"
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)

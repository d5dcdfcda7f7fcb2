"""The benchmark of training on a GPU: what it says where there is none, and all of it on a CPU; nothing is timed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(ROOT / "benchmarks" / "gpu.py"), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_it_says_so_in_one_line() -> None:
    done = run()
    assert done.returncode == 2 and not done.stdout
    assert done.stderr == "benchmarks/gpu.py: there is no GPU here; --device cpu --quick tries the script\n"


@pytest.mark.slow
def test_all_of_it_runs_on_a_cpu(tmp_path: Path, transformer: str) -> None:
    output = tmp_path / "results.json"
    tiny = str(ROOT / "tests" / "fixtures" / "tiny.jsonnet")
    done = run("--device", "cpu", "--quick", "--config", tiny, "--transformer", transformer, "--output", str(output))
    assert done.returncode == 0, done.stderr
    rows = {row["what"]: row for row in json.loads(output.read_text())["rows"]}
    measured = [
        f"{what}, {precision}"
        for precision in ("fp32", "bf16")
        for what in (
            *("coref", "emd", "ner", "relation"),
            *(f"ner on an encoder, {use}" for use in ("frozen", "frozen, kept", "fine-tuned")),
        )
    ]
    assert list(rows) == [*measured, "resumed, not deterministic", "resumed, deterministic", "two processes"]
    for what in measured:
        assert rows[what]["updates"] > 0 and 0 < rows[what]["busy"] < 2 and rows[what]["megabytes"] > 0
        assert f"| {what} |" in done.stdout
    # A frozen encoder keeps nothing for a backward pass.
    frozen, trained = (rows[f"ner on an encoder, {use}, fp32"]["megabytes"] for use in ("frozen", "fine-tuned"))
    assert frozen < trained
    assert (
        rows["resumed, deterministic"]["note"]
        == rows["resumed, not deterministic"]["note"]
        == "the same to the last bit"
    )
    assert rows["two processes"]["updates"] > 0

"""What `import hmtl` sets in the environment."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

LSTM_OF_MANY_SHAPES = """
import resource
from pathlib import Path

{first}
import torch

def resident_pages():
    # Not ru_maxrss: it begins with that of the process that started this one.
    return int(Path("/proc/self/statm").read_text().split()[1])

torch.set_num_threads(1)
lstm = torch.nn.LSTM(100, 64, bidirectional=True, batch_first=True)
before = resident_pages()
with torch.no_grad():
    for rows in range(1, 21):
        for length in range(1, 21):
            lstm(torch.zeros(rows, length, 100))
print((resident_pages() - before) * resource.getpagesize() // 2**20)
"""


def megabytes(first: str, **variables: str) -> int:
    """By how much an LSTM grows the memory of a process that begins with `first`."""
    code = textwrap.dedent(LSTM_OF_MANY_SHAPES).format(first=first)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ONEDNN")}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**environment, **variables}, capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
def test_an_lstm_keeps_few_shapes() -> None:
    assert 2 * megabytes("import hmtl") < megabytes("")


def test_a_value_of_the_users_stays() -> None:
    code = "import os, hmtl; print(os.environ['ONEDNN_PRIMITIVE_CACHE_CAPACITY'], os.environ['HMTL_PRESET'])"
    environment = {**os.environ, "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "1000", "HMTL_PRESET": "fast"}

    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["1000", "fast"]

"""What `import hmtl` leaves as it is, and what a command of hmtl's sets while it runs."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from allennlp.common import Params

from hmtl import cli
from hmtl.common.environment import VARIABLES, onednn_cache_limited

ROOT = Path(__file__).parents[2]
ONEDNN_CACHE = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"

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


LIMITED = (
    "from hmtl.common.environment import onednn_cache_limited; limited = onednn_cache_limited(); limited.__enter__()"
)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
def test_an_lstm_keeps_few_shapes() -> None:
    assert 2 * megabytes(LIMITED) < megabytes("")


def test_a_value_of_the_users_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ONEDNN_CACHE, "1000")
    with onednn_cache_limited():
        assert os.environ[ONEDNN_CACHE] == "1000"
    assert os.environ[ONEDNN_CACHE] == "1000"


def test_a_command_sets_the_variable_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.delenv(ONEDNN_CACHE, raising=False)
    monkeypatch.setattr(cli, "_start_logging", lambda: seen.append(os.environ[ONEDNN_CACHE]))
    with pytest.raises(SystemExit):
        cli.main(["no-such-command"])
    assert seen == ["64"] and ONEDNN_CACHE not in os.environ


STATE_OF_A_PROCESS = """
import json, logging, multiprocessing, os, signal, sys, tarfile, warnings

def state():
    import torch
    return {
        "environment": dict(os.environ),
        "warnings": [str(each) for each in warnings.filters],
        "showwarning": str(warnings.showwarning),
        "extraction": [str(tarfile.TarFile.__dict__.get(name)) for name in ("extraction_filter", "extractall")],
        "plateau": str(torch.optim.lr_scheduler.ReduceLROnPlateau.__init__),
        "safe globals": str(torch.serialization.get_safe_globals()),
        "load": str(torch.load),
        "threads": [torch.get_num_threads(), torch.get_num_interop_threads()],
        "random": [torch.initial_seed(), str(torch.get_default_dtype()), torch.are_deterministic_algorithms_enabled()],
        "start method": multiprocessing.get_start_method(allow_none=True),
        "sharing": torch.multiprocessing.get_sharing_strategy(),
        "root": [logging.root.level, str(logging.root.handlers), logging.root.disabled],
        "signals": [str(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)],
        "hooks": [str(hook) for hook in (sys.excepthook, sys.unraisablehook)],
        "path": sys.path,
        "directory": os.getcwd(),
        "recursion": sys.getrecursionlimit(),
    }

# What hmtl is built on does as it likes.
import allennlp.commands, allennlp.data, allennlp.models, allennlp.predictors, allennlp.training
import spacy, torch, transformers, lmdb, sklearn, scipy.stats, safetensors.torch
before = state()
import hmtl
{also}
after = state()
print(json.dumps({name: [before[name], after[name]] for name in before if before[name] != after[name]}))
"""


@pytest.mark.parametrize("also", ["", "import hmtl.cli, hmtl.spacy_component"])
def test_importing_hmtl_changes_nothing_in_the_process(also: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HMTL_", "ONEDNN_"))}
    code = STATE_OF_A_PROCESS.replace("{also}", also)

    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)

    assert json.loads(done.stdout.splitlines()[-1]) == {}


def test_an_import_alone_adds_no_variable_and_no_filter_of_hmtls() -> None:
    code = """
import os, warnings
before = set(os.environ)
import hmtl
print([name for name in set(os.environ) - before if name.startswith(("HMTL_", "ONEDNN_"))])
print([str(each) for each in warnings.filters if "amp" in str(each) or "image" in str(each)])
"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HMTL_", "ONEDNN_"))}

    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["[]", "[]"]
    assert "Warning" not in done.stderr


def test_unset_variables_are_empty_in_configurations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HMTL_PRESET", "fast")
    path = tmp_path / "variables.jsonnet"
    path.write_text("{" + ", ".join(f"{name}: std.extVar('{name}')" for name in VARIABLES) + "}")

    assert Params.from_file(str(path)).as_dict() == {**dict.fromkeys(VARIABLES, ""), "HMTL_PRESET": "fast"}
    assert "HMTL_DATA" not in os.environ


def test_allennlps_own_command_reads_shipped_configurations(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HMTL_")}
    command = [sys.executable, "-m", "allennlp", "train", "configs/quickstart.jsonnet", "--dry-run", "-s"]

    done = subprocess.run([*command, str(tmp_path / "run")], env=environment, cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "run" / "vocabulary").is_dir()

"""What a cost was measured on: a ratio between two programs holds for a processor and its caches, and for no other."""

import os
import platform
import time
from pathlib import Path
from typing import Any, Dict, List

import torch

CPUS = Path("/sys/devices/system/cpu")


def machine() -> Dict[str, Any]:
    """The processor, its cores, the caches that its first core uses, versions, and the threads that compute. No name of
    a host."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "caches": _caches(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "kernels": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
    }


def in_words(found: Dict[str, Any]) -> str:
    """In a line, as it stands beside results."""
    caches = ", ".join(found["caches"]) or "caches unknown"
    counts = f"{found['processor']}, cores: {found['cores']}, {caches}; threads: {found['threads']}"
    return f"{counts}; torch {found['torch']} ({found['kernels']})"


class Share:
    """How much of the time on the wall this process computed: much below 1 where other work held the processor."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def now(self) -> float:
        return (time.process_time() - self._cpu) / (time.perf_counter() - self._wall)


def in_company(share: float) -> str:
    """The share in words."""
    company = "alone" if share > 0.95 else "beside other work"
    return f"measured {company}: this process computed {share:.0%} of the time"


def _processor() -> str:
    """The model's name, with family and model number, which tell apart those that a hypervisor calls by one name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    facts = {key.strip(): value.strip() for key, value in pairs}
    name = facts.get("model name") or platform.machine()
    if "cpu family" not in facts:
        return name
    return f"{name} (family {facts['cpu family']}, model {facts.get('model', '?')})"


def _caches() -> List[str]:
    """Such as `L1d 48K`, `L1i 32K`, `L2 1024K`, `L3 32768K`; empty where the system does not tell."""
    found = []
    for folder in sorted((CPUS / "cpu0" / "cache").glob("index*")):
        try:
            level, kind, size = ((folder / name).read_text().strip() for name in ("level", "type", "size"))
        except OSError:
            continue
        letter = {"Data": "d", "Instruction": "i"}.get(kind, "")
        found.append(f"L{level}{letter} {size}")
    return found

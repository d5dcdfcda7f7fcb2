"""Stands in for `hmtl train` where a test is about the search: epochs whose score is the configuration's, and faults.

`x` is the score of the last epoch; `fault` is what happens in the middle; `seconds` is the time between epochs.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, Dict


def main() -> None:
    arguments = sys.argv[3:]  # without the process to live with, and `train`
    directory = Path(arguments[arguments.index("-s") + 1])
    options: Dict[str, Any] = json.loads(Path(arguments[0]).read_text())["trainer"]
    overrides = json.loads(arguments[arguments.index("-o") + 1])
    options.update({key.removeprefix("trainer."): value for key, value in overrides.items()})
    fault = options.get("fault")
    if fault == "mistake":
        _mistake()
    directory.mkdir(exist_ok=True)
    first = len(list(directory.glob("metrics_epoch_*.json"))) if "--recover" in arguments else 0
    (directory / "calls").open("a").write(" ".join(arguments[arguments.index("-o") + 2 :]) + "\n")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    for epoch in range(first, options["num_epochs"]):
        if epoch == 1 and fault == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if epoch == 1 and fault == "memory":
            raise MemoryError("no memory left")
        if epoch == 1 and fault == "diverged":
            _mistake()
        score = float("nan") if fault == "nan" else options["x"] * (epoch + 1) / options["num_epochs"]
        partial = directory / "partial"
        partial.write_text(json.dumps({"validation_score": score, "epoch": epoch}))
        partial.rename(directory / f"metrics_epoch_{epoch}.json")
        (directory / f"checkpoint_e{epoch + 1}_b0.json").write_text("{}")
        time.sleep(options.get("seconds", 0))


def _mistake() -> None:
    print("some progress\nhmtl: error: no such sampler", file=sys.stderr)
    sys.exit(2)


main()

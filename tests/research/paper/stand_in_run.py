"""Stands in for `research.paper.run` where a test is about what runs are begun: takes no time, or as long as told.

An override `fault` makes the setup of that name fail; `slow` makes that one wait for SIGTERM, the first time.
"""

import json
import signal
import sys
import time
from pathlib import Path

job = json.loads(sys.argv[2])
directory = Path(job["directory"])
directory.mkdir(parents=True, exist_ok=True)
calls = directory / "calls"
calls.open("a").write("called\n")
if job["overrides"].get("fault") == job["setup"]:
    print("some progress\nhmtl: error: no such sampler", file=sys.stderr)
    sys.exit(2)
if job["overrides"].get("slow") == job["setup"] and len(calls.read_text().splitlines()) == 1:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    (directory / "waiting").touch()
    time.sleep(60)
record = {key: job[key] for key in ("setup", "seed", "preset", "overrides")}
(directory / "experiment.json").write_text(json.dumps({**record, "finished": True, "parts": []}))

"""`python -m hmtl.jobs.child_process PID ...`: `hmtl ...` for as long as its parent, the process PID, lives.

The trials of a search that is killed must not train on beside those of the search that goes on. On Linux they get a
SIGTERM, which saves a checkpoint; elsewhere they run to their end.
"""

import ctypes
import os
import runpy
import signal
import sys

PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int) -> None:
    """Asks for a SIGTERM when the parent dies; exits where it is dead already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        raise SystemExit(128 + signal.SIGTERM)


if __name__ == "__main__":
    end_with_parent(int(sys.argv[1]))
    # The command line is imported by its name, since it stands above this package.
    sys.argv[1:] = sys.argv[2:]
    runpy.run_module("hmtl", run_name="__main__", alter_sys=True)

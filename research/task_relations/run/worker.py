"""`python -m research.task_relations.run.worker PID JOB`: some runs of a study, one after the other, for as long
as the process PID lives.

JOB is JSON: `directory`, that of the study, and `runs`. To start costs seconds, which several runs share. One that
fails leaves a note, and the others go on.
"""

import json
import sys
import traceback
from pathlib import Path
from typing import List

from hmtl.jobs.child_process import end_with_parent


def perform(directory: Path, runs: List[str]) -> None:
    """Trains the runs that are not finished."""
    from hmtl.common.explain import explain
    from hmtl.common.files import atomic_write
    from hmtl.common.stop_signals import TrainingStopped
    from research.task_relations.run.one_run import train_one
    from research.task_relations.run.plan import Plan

    plan = Plan.read(directory)
    for run in runs:
        if plan.is_finished(run):
            continue
        try:
            train_one(plan, run)
        except TrainingStopped:
            raise
        except Exception as error:
            traceback.print_exc()
            reason = explain(error) or " ".join(f"{type(error).__name__}: {error}".split())
            with atomic_write(plan.failure(run)) as file:
                file.write(reason[:500] + "\n")


if __name__ == "__main__":
    end_with_parent(int(sys.argv[1]))
    from hmtl.common.explain import user_errors

    job = json.loads(sys.argv[2])
    with user_errors():
        perform(Path(job["directory"]), job["runs"])

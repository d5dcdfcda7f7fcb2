"""One predictor for the tests of annotation."""

import pytest
from talkative_run import write_talkative_run

from hmtl.predictors import HMTLPredictor


@pytest.fixture(scope="session")
def talkative(tiny_run, tmp_path_factory) -> HMTLPredictor:
    """Finds much in any text, of each task."""
    run = write_talkative_run(tiny_run, tmp_path_factory.mktemp("talkative") / "run")
    return HMTLPredictor.load(run, with_scores=True)

"""A model that finds much in any text: the tests of what becomes of predictions want something of each task."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from hmtl.models import HMTL
from hmtl.predictors import HMTLPredictor


def write_talkative_run(tiny_run: Path, directory: Path) -> Path:
    """The directory of a run, that of the tiny one with random weights in place of its own."""
    directory.mkdir()
    shutil.copy(tiny_run / "meta.json", directory)
    shutil.copytree(tiny_run / "vocabulary", directory / "vocabulary")
    config = json.loads((tiny_run / "config.json").read_text())
    # Without it half of all pairs of tokens are related, in all ways.
    config["model"]["levels"]["relation"]["head"]["threshold"] = 0.999
    (directory / "config.json").write_text(json.dumps(config))
    model = HMTL.from_archive(tiny_run)
    torch.manual_seed(1)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.6)
    torch.save(model.state_dict(), directory / "best.th")
    return directory


@pytest.fixture(scope="session")
def talkative(tiny_run, tmp_path_factory) -> HMTLPredictor:
    """A predictor that finds much in any text, of each task."""
    return HMTLPredictor.load(
        write_talkative_run(tiny_run, tmp_path_factory.mktemp("talkative") / "run"), with_scores=True
    )

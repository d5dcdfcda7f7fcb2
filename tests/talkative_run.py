"""A model that finds much in any text: the tests of what becomes of predictions want something of each task."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from hmtl.models import HMTL
from hmtl.predictors import HMTLPredictor


def write_talkative_run(tiny_run: Path, directory: Path) -> Path:
    """The directory of a run, that of a tiny one with random weights in place of its own."""
    directory.mkdir()
    shutil.copy(tiny_run / "meta.json", directory)
    shutil.copytree(tiny_run / "vocabulary", directory / "vocabulary")
    config = json.loads((tiny_run / "config.json").read_text())
    heads = {task: level["head"] for task, level in config["model"]["levels"].items()}
    # Without it half of all pairs of tokens are related, in all ways.
    heads["relation"]["threshold"] = 0.999
    for head in heads.values():
        if head["type"] == "hmtl_spans":
            # Without it half of all spans have a label.
            head["threshold"] = 0.99
    (directory / "config.json").write_text(json.dumps(config))
    model = HMTL.from_archive(tiny_run)
    torch.manual_seed(1)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.6)
    torch.save(model.state_dict(), directory / "best.th")
    return directory


@pytest.fixture(scope="session")
def talkative_run(tiny_run, tmp_path_factory) -> Path:
    """A run that finds much in any text, of each task."""
    return write_talkative_run(tiny_run, tmp_path_factory.mktemp("talkative") / "run")


@pytest.fixture(scope="session")
def talkative(talkative_run) -> HMTLPredictor:
    """Its predictor."""
    return HMTLPredictor.load(talkative_run, with_scores=True)


@pytest.fixture(scope="session")
def talkative_spans_run(tiny_spans_run, tmp_path_factory) -> Path:
    """The same of heads of spans: names that nest, mentions that cross, relations between them."""
    return write_talkative_run(tiny_spans_run, tmp_path_factory.mktemp("talkative_spans") / "run")


@pytest.fixture(scope="session")
def talkative_spans(talkative_spans_run) -> HMTLPredictor:
    """Its predictor."""
    return HMTLPredictor.load(talkative_spans_run, with_scores=True)

"""The configurations and the code in the pages work as they stand there."""

import json
import shutil
from pathlib import Path
from typing import Any, Dict, List

import pytest
from allennlp.common import Params
from documentation import PAGES, ROOT, Block, blocks

from hmtl.cli import main
from hmtl.shipped import copy_shipped

CONFIGURATIONS = [block for page in PAGES for block in blocks(page, "jsonnet")]
# These train on what is at hand.
TRAINED = [block for block in CONFIGURATIONS if "quickstart.jsonnet" in block.text or "data/letters" in block.text]
PAGES_THAT_RUN = [page for page in PAGES if blocks(page, "python") or page in {block.page for block in TRAINED}]


def names(items: List[Block]) -> List[str]:
    return [f"{block.page.stem}-{number}" for number, block in enumerate(items)]


def small_overrides(tasks: List[str]) -> str:
    overrides: Dict[str, Any] = {"trainer.num_epochs": 1}
    for task in tasks:
        overrides[f"dataset_reader.readers.{task}.max_instances"] = 6
        # So few sentences do not show every label.
        overrides[f"dataset_reader.readers.{task}.allow_unknown_labels"] = True
    return json.dumps(overrides)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory) -> Path:
    """A folder as `hmtl configs DIR` makes it, with a small run by the names that the pages give to runs."""
    folder = tmp_path_factory.mktemp("workplace")
    copy_shipped(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        overrides = small_overrides(["ner", "emd", "relation", "coref"])
        main(["train", "configs/quickstart.jsonnet", "-s", "runs/quickstart", "-o", overrides])
    shutil.copytree(folder / "runs" / "quickstart", folder / "runs" / "gum")
    return folder


@pytest.fixture
def configs(tmp_path) -> Path:
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    return tmp_path / "configs"


@pytest.mark.parametrize("block", CONFIGURATIONS, ids=names(CONFIGURATIONS))
def test_a_configuration_in_a_page_can_be_read(block, configs):
    path = configs / "from_the_page.jsonnet"
    path.write_text(block.text, encoding="utf-8")
    config = Params.from_file(str(path)).as_dict(quiet=True)
    tasks = set(config["model"]["levels"])
    assert set(config["dataset_reader"]["readers"]) == tasks
    assert all(set(level["reads"]) <= tasks for level in config["model"]["levels"].values())


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES_THAT_RUN, ids=[page.stem for page in PAGES_THAT_RUN])
def test_the_code_of_a_page_runs_and_its_configurations_train(page, workplace, monkeypatch, tmp_path):
    monkeypatch.chdir(workplace)
    namespace: Dict[str, Any] = {"__name__": page.stem}
    for block in blocks(page, "python"):
        exec(compile(block.text, f"{page.name}", "exec"), namespace)
    for number, block in enumerate(blocks(page, "jsonnet")):
        if block in TRAINED:
            path = workplace / "configs" / f"{page.stem}_{number}.jsonnet"
            path.write_text(block.text, encoding="utf-8")
            tasks = sorted(Params.from_file(str(path)).as_dict(quiet=True)["model"]["levels"])
            run = tmp_path / str(number)
            main(["train", str(path), "-s", str(run), "-o", small_overrides(tasks)])
            metrics = json.loads((run / "metrics.json").read_text())
            assert all(f"best_validation_{task}_f1" in metrics for task in tasks)

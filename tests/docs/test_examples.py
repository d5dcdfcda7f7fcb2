"""The configurations and the code in the pages work as they stand there."""

import io
import json
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest
from allennlp.common import Params
from documentation import PAGES, ROOT, Block, blocks, commands

from hmtl.cli import main
from hmtl.common.overrides import read_overrides
from hmtl.common.shipped import copy_shipped

CONFIGURATIONS = [block for page in PAGES for block in blocks(page, "jsonnet")]
# These train on what is at hand.
AT_HAND_DATA = ("quickstart.jsonnet", "data/letters", "data/topics")
TRAINED = [block for block in CONFIGURATIONS if any(name in block.text for name in AT_HAND_DATA)]
# By its first line a configuration has a file, which the code of its page may train by.
FILE = re.compile(r"// (configs/\w+\.jsonnet)\n")
# Commands that train the quickstart in a way of their own.
OVERRIDING = [
    words
    for page in PAGES
    for words in (shlex.split(command, comments=True) for command in commands(page))
    if words[:3] == ["hmtl", "train", "configs/quickstart.jsonnet"] and "-o" in words and "$(" not in " ".join(words)
]
# Commands that look at what the workplace has; those that ask for other places are parsed alone (test_commands.py), as
# are servers, which do not end, and searches and probes, which take long.
LOOKING = ("allennlp", "annotate", "configs", "embed", "errors", "evaluate", "inspect", "predict", "runs", "validate")
AT_HAND = re.compile(
    r"runs|runs/(?:quickstart|gum|text_labels|questions)(?:/.+)?|data/sample|configs/quickstart\.jsonnet|best_\w+\.safetensors"
    r"|(?:article|one|two|texts)\.txt|texts\.jsonl"
)
WRITTEN = ("--html", "--output", "--output-file", ">")


def are_at_hand(words: List[str]) -> bool:
    """Whether a command reads nothing but what the workplace has, and has no `RUN` to fill in."""
    places = [word for before, word in zip(words, words[1:]) if before not in (*WRITTEN, "-o", "--corpus", "--sort")]
    # Models are named so.
    return all(
        AT_HAND.fullmatch(word)
        for word in places
        if "/" in word or word.isupper() or word.startswith("en_") or Path(word).suffix
    )


LOOKING_COMMANDS = sorted(
    {
        shlex.join(words): words
        for page in PAGES
        for command in commands(page)
        for words in [shlex.split(command, comments=True)]
        if words[0] == "hmtl" and words[1] in LOOKING and are_at_hand(words)
    }.items()
)
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
        main(["convert", "data/sample/dev.jsonl", "my_annotation", "--to", "brat"])
        # The format that needs no extra.
        main(["export", "runs/quickstart", "exported", "--format", "torch"])
    shutil.copytree(folder / "runs" / "quickstart", folder / "runs" / "gum")
    for name in ("text_labels", "questions"):
        main(["train", str(ROOT / "tests" / "fixtures" / f"{name}.jsonnet"), "-s", str(folder / "runs" / name)])
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
    assert all(set(level.get("reads", [])) <= tasks for level in config["model"]["levels"].values())


@pytest.mark.slow
@pytest.mark.parametrize("words", OVERRIDING, ids=lambda words: " ".join(words[words.index("-o") + 1 :]))
def test_a_command_of_a_page_trains_with_its_overrides(words, workplace, monkeypatch, tmp_path):
    monkeypatch.chdir(workplace)
    small = small_overrides(["ner", "emd", "relation", "coref"])
    options = ["-o", small] if "--recover" not in words else []
    if options:
        words = [str(tmp_path / "run") if word.startswith("runs/") else word for word in words]
    else:  # goes on with the small run that is there
        options = ["-o", small, "-o", "trainer.num_epochs=2"]
    main([*words[1:], *options])
    run = Path(words[words.index("-s") + 1])
    given = [option for number, word in enumerate(words) if word == "-o" for option in ("-o", words[number + 1])]
    overrides = [read_overrides(text) for text in [*given, *options] if text != "-o"]
    expected = Params.from_file(words[2], json.dumps(overrides)).as_dict(quiet=True)
    assert json.loads((run / "config.json").read_text()) == expected
    assert (run / "model.tar.gz").is_file()


def test_most_commands_of_pages_are_run() -> None:
    assert {words[1] for _, words in LOOKING_COMMANDS} >= {*LOOKING} - {"allennlp"}
    assert len(LOOKING_COMMANDS) > 20


@pytest.mark.slow
@pytest.mark.parametrize("command, words", LOOKING_COMMANDS, ids=[command for command, _ in LOOKING_COMMANDS])
def test_a_command_of_a_page_runs(command, words, workplace, monkeypatch, tmp_path, capsys):
    folder = shutil.copytree(workplace, tmp_path / "work")
    monkeypatch.chdir(folder)
    for name in ("article", "one", "two", "texts"):
        Path(f"{name}.txt").write_text("Ada Lovelace lived in London.\nShe wrote.\n")
    Path("texts.jsonl").write_text('{"text": "Ada Lovelace lived in London."}\n')
    if "<" in words:
        content = Path(words[words.index("<") + 1]).read_bytes()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), encoding="utf-8"))
    end = min((words.index(sign) for sign in "<>" if sign in words), default=len(words))
    try:
        main(words[1:end])
    except SystemExit as stopped:
        assert not stopped.code, capsys.readouterr().err
    written = [word for before, word in zip(words, words[1:end]) if before in WRITTEN]
    assert all(Path(path).exists() for path in written)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES_THAT_RUN, ids=[page.stem for page in PAGES_THAT_RUN])
def test_the_code_of_a_page_runs_and_its_configurations_train(page, workplace, monkeypatch, tmp_path):
    monkeypatch.chdir(workplace)
    for block in blocks(page, "jsonnet"):
        file = FILE.match(block.text)
        if file:
            Path(file[1]).write_text(block.text, encoding="utf-8")
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
            assert all(any(name.startswith(f"best_validation_{task}_") for name in metrics) for task in tasks)

"""docs/architecture.md names what there is, and its figure is that of the contract between the packages."""

import ast
import importlib.util
import inspect
import re
import sys
from functools import lru_cache
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Set, Tuple

import allennlp
import pytest
from documentation import ROOT

from hmtl.cli import main
from hmtl.training.update import Updater

sys.path.append(str(ROOT / "docs" / "_extensions"))
import floors  # noqa: E402  (is no package)

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
ALLENNLP = Path(allennlp.__file__).parent
# The code spans of a passage that are names in the code, with the arguments of decorators left out.
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_PLACE = re.compile(r"(?:hmtl|allennlp|docs|tests|carried|scripts)/[\w/.]+|pyproject\.toml")
_DECORATOR = re.compile(r'@(\w+)\.register\("my_\w+"\)')
_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_RUN_FILE = re.compile(r"[\w{}.]+\.(?:json|th|safetensors|log|csv)")
# What configurations, command lines and make call so, or the page itself.
_OTHER_WORDS = re.compile(r"-.*|(?:hmtl|make|allennlp) .*|\[tool\.importlinter\]")


class Passage(NamedTuple):
    """A paragraph, a row of a table or an item of a list, and the section in which it stands."""

    section: str
    text: str

    @property
    def spans(self) -> List[str]:
        return _SPAN.findall(self.text)

    @property
    def files(self) -> List[Path]:
        """The Python files that the passage names, those of folders among them."""
        places = [place_of(span) for span in self.spans if _PLACE.fullmatch(span)]
        return [file for place in places for file in ([place] if place.is_file() else sorted(place.rglob("*.py")))]


def passages() -> Iterator[Passage]:
    for part in re.split(r"^##? ", _FENCE.sub("", PAGE), flags=re.MULTILINE)[1:]:
        section, _, text = part.partition("\n")
        for passage in re.split(r"\n\n|\n(?=- |\d+\. |\| )", text):
            yield Passage(section, " ".join(passage.split()))


def place_of(name: str) -> Path:
    """Where a file or folder lies that the page names."""
    return ALLENNLP.parent / name if name.startswith("allennlp/") else ROOT / name


@lru_cache(maxsize=None)
def names_in(path: Path) -> Dict[str, Set[str]]:
    """The classes, functions and constants of a file, each with what it has: methods, attributes, parameters, keys."""
    if path.suffix != ".py":
        return {}
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: Dict[str, Set[str]] = {}
    for node in tree.body:
        for name in _names_of(node):
            found[name] = {inner for child in ast.walk(node) if child is not node for inner in _names_of(child)}
    return found


def _names_of(node: ast.AST) -> List[str]:
    if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        return [node.name]
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return [name for target in targets for name in _names_of(target)]
    if isinstance(node, ast.arg):
        return [node.arg]
    if isinstance(node, ast.Attribute):
        return [node.attr]
    # The keys of dictionaries, and what is registered by a name.
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
        return [node.value]
    return [node.id] if isinstance(node, ast.Name) else []


def is_defined(name: str, files: List[Path]) -> bool:
    """Whether a name, or `Class.member`, is defined in one of the files, or is an entry that these look up by name."""
    first, _, member = name.partition(".")
    for file in files:
        known = names_in(file)
        if first in known and (not member or member in known[first]):
            return True
        if not member and any(first in inner for inner in known.values()):
            return True
    return False


def unknown_in(passage: Passage) -> List[str]:
    """The names that a passage gives and none of its files has."""
    unknown = []
    for span in passage.spans:
        decorator = _DECORATOR.fullmatch(span)
        if _OTHER_WORDS.fullmatch(span):
            continue
        if _PLACE.fullmatch(span):
            known = place_of(span).exists()
        elif _RUN_FILE.fullmatch(span):
            known = span.partition("...")[0] in (ROOT / "hmtl/runs/run_directory.py").read_text(encoding="utf-8")
        elif span.startswith(("hmtl.", "research.")):
            known = importlib.util.find_spec(span) is not None
        elif decorator:
            known = any(
                f"import {decorator[1]}\n" in code or f"class {decorator[1]}(" in code for code in _code(passage)
            )
        else:
            known = bool(_NAME.fullmatch(span)) and is_defined(span, passage.files)
        if not known:
            unknown.append(span)
    return unknown


def _code(passage: Passage) -> Iterator[str]:
    yield from (file.read_text(encoding="utf-8") for file in passage.files)


NAMING = [passage for passage in passages() if passage.spans]
ROOMS = [passage for passage in NAMING if passage.text.startswith("| ") and passage.section == "The floors"]


@pytest.mark.parametrize("passage", [one for one in NAMING if one not in ROOMS], ids=lambda passage: passage.text[:40])
def test_what_the_page_names_is_there(passage):
    assert unknown_in(passage) == [], f"not in {', '.join(map(str, passage.files)) or 'any file, as it names none'}"


@pytest.mark.parametrize(
    "text",
    [
        "`hmtl/training/loops.py`",
        "`TrainingLoop.runs` in `hmtl/training/loop.py`",
        "`TrainingLoops` in `hmtl/training/loop.py`",
        "`TrainingLoop.run` in `hmtl/training/update.py`",
        "`TrainingLoop.run`",
        "`checkpoints_e{epochs}_b{batches}.json`",
        "`hmtl.training.loops`",
        '`@Heads.register("my_head")` in `hmtl/tasks/task_head.py`',
    ],
)
def test_a_wrong_name_is_noticed(text):
    assert len(unknown_in(Passage("", text))) == 1


def test_the_figure_is_that_of_the_contract():
    assert floors.FIGURE.search(PAGE)[0] == floors.figure(floors.floors()), (
        "draw it again: python docs/_extensions/floors.py"
    )


def test_a_figure_has_its_floors_in_order_and_walls_between_their_rooms():
    assert floors.figure(["cli", "jobs : runs | text", "common"]) == (
        "┌────────────────────┐\n"
        "│        cli         │\n"
        "├──────┬──────┬──────┤\n"
        "│ jobs ┊ runs │ text │\n"
        "├──────┴──────┴──────┤\n"
        "│       common       │\n"
        "└────────────────────┘\n"
    )


def test_every_module_of_the_library_has_a_floor():
    parts = [part for part in (ROOT / "hmtl").iterdir() if part.suffix == ".py" or (part / "__init__.py").is_file()]
    named = {room for floor in floors.floors() for room in floors.rooms(floor)}
    assert named - {"research"} == {part.stem for part in parts} - {"__init__"}


def test_the_table_of_the_rooms_has_each_room_once():
    named = [name for row in ROOMS for name in _SPAN.findall(row.text.split("|")[1])]
    assert named == [room for floor in floors.floors() for room in floors.rooms(floor)]


def test_the_way_to_an_update_is_the_one_that_a_call_takes(tmp_path, fixtures, monkeypatch):
    """The functions on the stack of the first update stand in the five steps, in the order in which they are called."""

    class Reached(BaseException):
        pass

    called: List[Tuple[str, str]] = []

    def stop(*arguments):
        for frame in reversed(inspect.stack()[1:]):
            for package in (ROOT / "hmtl", ALLENNLP):
                if Path(frame.filename).is_relative_to(package):
                    called.append((str(Path(frame.filename).relative_to(package.parent)), frame.function))
        raise Reached

    monkeypatch.setattr(Updater, "__call__", stop)
    with pytest.raises(Reached):
        main(["train", str(fixtures / "tiny.jsonnet"), "-s", str(tmp_path / "run")])
    called.append(("hmtl/training/update.py", "__call__"))

    section = PAGE.partition("## The life of a batch\n")[2].partition("With `distributed`")[0]
    steps = re.findall(r"^\d\. .*?(?=^\d\. |\Z)", section, re.MULTILINE | re.DOTALL)
    assert len(steps) == 5
    spans = [span for step in steps for span in _SPAN.findall(step)]
    position = 0
    for file, function in called:
        here = [n for n, span in enumerate(spans) if span.rpartition(".")[2] == function and n >= position]
        assert here, f"{function} in {file} is called next, and does not stand behind {spans[:position]}"
        position = here[0]
        assert file in spans[max(0, position - 3) : position + 4], f"{function} is in {file}"

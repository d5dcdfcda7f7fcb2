"""Every command that the documentation and the README show is one that exists, with these arguments."""

import argparse
import json
import re
import runpy
import shlex
import sys
from itertools import takewhile
from typing import Any, Dict, Iterator, List

import pytest
from allennlp.common import Params
from documentation import PAGES, ROOT, commands, mentions

from hmtl.cli import main
from hmtl.commands import COMMANDS
from hmtl.common.overrides import merged, read_overrides
from hmtl.training.check import check_configuration

# Their configurations are at hand; $(cat ...) is what a search found.
OVERRIDING = [
    words
    for page in PAGES
    for words in (shlex.split(command, comments=True) for command in commands(page))
    if words[:2] == ["hmtl", "train"] and "-o" in words and not any("$" in word for word in words)
]
MAKE_TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


class Parsed(BaseException):
    """Raised in place of what the command would do; no handler of errors stops it."""


@pytest.fixture
def only_parse(monkeypatch):
    """Has a command line end, by `Parsed`, once its arguments are read."""
    parse_args = argparse.ArgumentParser.parse_args

    def parse(self: argparse.ArgumentParser, *arguments: Any, **options: Any) -> None:
        parse_args(self, *arguments, **options)
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse)


def check(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Behind these words the shell goes on; a variable of its may hold an option, or nothing, $(...) overrides.
    words = list(takewhile(lambda word: word not in ("<", ">", "|", "&&"), shlex.split(command, comments=True)))
    words = ["{}" if word.startswith("$(") else word for word in words if not re.fullmatch(r"\$\w+", word)]
    if words[0] == "make":
        targets = [word for word in words[1:] if "=" not in word]
        assert targets and set(targets) <= MAKE_TARGETS
        return
    with pytest.raises((Parsed, SystemExit)) as end:
        if words[0] == "hmtl":
            main(words[1:])
        elif words[1] == "-m":
            monkeypatch.setattr(sys, "argv", words[2:])
            runpy.run_module(words[2], run_name="__main__")
        else:
            monkeypatch.setattr(sys, "argv", words[1:])
            monkeypatch.syspath_prepend(str((ROOT / words[1]).parent))
            runpy.run_path(str(ROOT / words[1]), run_name="__main__")
    # Of the options only --help and --version end by themselves.
    assert end.type is Parsed or ({"--help", "--version"} & set(words) and end.value.code == 0)


def test_the_check_refuses_what_does_not_exist(only_parse, monkeypatch, capsys):
    wrong = [
        "hmtl trian x -s y",
        "hmtl train x -s y --forse",
        "python scripts/evaluate.py runs/x --forse",
        "make tests",
    ]
    wrong.append("python -m research.paper reprint runs/x")
    for command in wrong:
        with pytest.raises(AssertionError):
            check(command, monkeypatch)


@pytest.mark.parametrize("page", PAGES, ids=[path.relative_to(ROOT).as_posix() for path in PAGES])
def test_the_commands_of_a_page_can_be_given(page, only_parse, monkeypatch, capsys):
    for command in commands(page):
        try:
            check(command, monkeypatch)
        except AssertionError:
            pytest.fail(
                f"{page.relative_to(ROOT)} shows a command that is refused: {command}\n{capsys.readouterr().err}"
            )


@pytest.mark.parametrize("words", OVERRIDING, ids=lambda words: " ".join(words[words.index("-o") + 1 :]))
def test_the_overrides_of_a_page_fit_their_configuration(words, monkeypatch):
    monkeypatch.chdir(ROOT)
    for variable in ("HMTL_DATA", "HMTL_TRANSFORMER", "HMTL_ARCHIVE"):
        monkeypatch.setenv(variable, "somewhere")
    given = [read_overrides(words[number + 1]) for number, word in enumerate(words) if word == "-o"]
    plain, changed = Params.from_file(words[2]), Params.from_file(words[2], json.dumps(given))
    assert changed.as_dict(quiet=True) == merged(plain.as_dict(quiet=True), given) != plain.as_dict(quiet=True)
    # What is not named stays.
    named = {key for overrides in given for key in flat(overrides)}
    for key, value in plain.as_flat_dict().items():
        if not any(f"{key}.".startswith(f"{other}.") for other in named):
            assert changed.as_flat_dict()[key] == value, key
    check_configuration(changed)


def flat(overrides: Dict[str, Any], prefix: str = "") -> Iterator[str]:
    """The dotted keys that overrides name; an object with a type counts as a whole."""
    for key, value in overrides.items():
        name = prefix + key.removeprefix("~")
        if isinstance(value, dict) and "type" not in value:
            yield from flat(value, f"{name}.")
        else:
            yield name


@pytest.mark.parametrize("page", PAGES, ids=[path.relative_to(ROOT).as_posix() for path in PAGES])
def test_the_commands_that_a_page_mentions_exist(page):
    for mention in mentions(page):
        first, second, *others = mention.split()
        known: List[str] = list(COMMANDS) if first == "hmtl" else sorted(MAKE_TARGETS)
        if first == "python":
            module = others[0].replace(".", "/") if second == "-m" else second.removesuffix(".py")
            exists = (ROOT / f"{module}.py").is_file() or (ROOT / module / "__main__.py").is_file()
        else:
            exists = second in known
        assert exists, f"{page.relative_to(ROOT)} mentions {mention}"

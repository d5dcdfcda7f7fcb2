"""Every command that the documentation and the README show is one that exists, with these arguments."""

import argparse
import re
import runpy
import shlex
import sys
from itertools import takewhile
from typing import Any, List

import pytest
from allennlp.commands.subcommand import Subcommand
from documentation import PAGES, ROOT, commands, mentions

from hmtl.cli import main

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
    # Behind these words the shell goes on; a variable of its may hold an option, or nothing.
    words = list(takewhile(lambda word: word not in ("<", ">", "|", "&&"), shlex.split(command, comments=True)))
    words = [word for word in words if not re.fullmatch(r"\$\w+", word)]
    if words[0] == "make":
        targets = [word for word in words[1:] if "=" not in word]
        assert targets and set(targets) <= MAKE_TARGETS
        return
    with pytest.raises((Parsed, SystemExit)) as end:
        if words[0] == "hmtl":
            main(words[1:])
        else:
            monkeypatch.setattr(sys, "argv", words[1:])
            monkeypatch.syspath_prepend(str((ROOT / words[1]).parent))
            runpy.run_path(str(ROOT / words[1]), run_name="__main__")
    # Of the options only --help ends by itself.
    assert end.type is Parsed or ("--help" in words and end.value.code == 0)


def test_the_check_refuses_what_does_not_exist(only_parse, monkeypatch, capsys):
    wrong = ["hmtl trian x -s y", "hmtl train x -s y --forse", "python scripts/evaluate.py runs/x", "make tests"]
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


@pytest.mark.parametrize("page", PAGES, ids=[path.relative_to(ROOT).as_posix() for path in PAGES])
def test_the_commands_that_a_page_mentions_exist(page):
    for mention in mentions(page):
        first, second = mention.split()[:2]
        known: List[str] = Subcommand.list_available() if first == "hmtl" else sorted(MAKE_TARGETS)
        exists = (ROOT / second).is_file() if first == "python" else second in known
        assert exists, f"{page.relative_to(ROOT)} mentions {mention}"

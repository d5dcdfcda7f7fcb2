"""The parser of `hmtl` and of its commands: help in groups, errors in one line, options that are alike everywhere."""

import argparse
from typing import Any, Dict, Iterable, List, Mapping, NoReturn, cast

from hmtl.commands import Command
from hmtl.common.characters import visible
from hmtl.common.checks import did_you_mean
from hmtl.common.overrides import OverridesAction

_OVERRIDES_HELP = (
    "changes of the configuration: KEY=VALUE with dotted keys (trainer.num_epochs=3), ~KEY to remove one, or an object "
    "in JSON or jsonnet, which is merged; may be given several times"
)
_WITHOUT_DEFAULT = ("help", "store_true", "store_false", "store_const", "version")
_COMMAND = "COMMAND"


class CommandParser(argparse.ArgumentParser):
    """A parser whose errors are one line each, with advice on what is misspelt.

    Files may stand behind options, the help of an option tells its default, and overrides are those of
    `hmtl.common.overrides`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._is_intermixed = False

    def error(self, message: str) -> NoReturn:
        self.exit(2, visible(f"{self.prog}: error: {message} ('{self.prog} --help' tells more)") + "\n")

    def add_argument(self, *names: Any, **options: Any) -> argparse.Action:
        if "--overrides" in names:
            options.update(action=OverridesAction, type=None, metavar="OVERRIDES", help=_OVERRIDES_HELP)
        default, help = options.get("default"), options.get("help")
        shows_default = (
            default not in (None, "", [], argparse.SUPPRESS) and options.get("action") not in _WITHOUT_DEFAULT
        )
        if shows_default and help is not argparse.SUPPRESS and "default" not in (help or ""):
            options["help"] = f"{help} (default: {default})" if help else f"(default: {default})"
        return super().add_argument(*names, **options)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        # By itself argparse takes a list of files for complete, and empty, at the first option.
        lists_files = any(action.nargs in ("*", "+") for action in self._get_positional_actions())
        if self._is_intermixed:
            return super().parse_known_args(args, namespace)
        if not lists_files:
            return self._refuse_unknown(super().parse_known_args(args, namespace))
        self._is_intermixed = True
        try:
            return self._refuse_unknown(self.parse_known_intermixed_args(args, namespace))
        finally:
            self._is_intermixed = False

    def _refuse_unknown(self, parsed: Any) -> Any:
        """Refuses words that no argument takes here, where the options are known that they may be meant for."""
        unknown: List[str] = parsed[1]
        if unknown:
            option = next((word.partition("=")[0] for word in unknown if word.startswith("--")), "")
            advice = did_you_mean(option, [name for name in self._option_string_actions if name[:2] == "--"], "")
            self.error(f"unrecognized arguments: {' '.join(unknown)}{advice and '; '}{advice}")
        return parsed

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        choices = None if action.choices is None else [str(choice) for choice in action.choices]
        if choices is None or value in choices or value in action.choices:  # type: ignore[operator]
            return
        advice = did_you_mean(str(value), choices, f"expected one of {', '.join(choices)}")
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001  (it has no public name)
            self.error(f"there is no {str(action.metavar or _COMMAND).lower()} '{value}'; {advice}")
        raise argparse.ArgumentError(action, f"invalid choice: '{value}'; {advice}")


class GroupedParser(CommandParser):
    """The parser of `hmtl` itself, or of `hmtl allennlp`: its help has the commands in groups.

    # Parameters

    groups : `Mapping[str, Mapping[str, Command]]`
        The commands by their names, by the titles of their groups.
    """

    def __init__(self, groups: Mapping[str, Mapping[str, Command]], **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **options)
        self._groups: Dict[str, Dict[str, str]] = {
            title: {name: command.help for name, command in group.items()} for title, group in groups.items()
        }

    def add_commands(self, program: str) -> "Commands":
        """Where the commands are added; `program` is another name for that which is called, a script's."""
        added = self.add_subparsers(metavar=_COMMAND, action=Commands, parser_class=CommandParser)
        self._commands = cast(Commands, added)
        self._commands.program = program
        return self._commands

    def add_group(self, title: str, names: Iterable[str]) -> None:
        """Adds a group of commands that have been added, with the help that these were added with."""
        self._groups[title] = {name: self._commands.helps[name] for name in names}

    def format_help(self) -> str:
        width = max(len(name) for group in self._groups.values() for name in group) + 2
        lines = [f"usage: {self.prog} {_COMMAND} ...", "", *[self.description or "", ""] * bool(self.description)]
        for title, group in self._groups.items():
            lines += [f"{title}:", *(f"  {name:{width}}{help}" for name, help in group.items()), ""]
        return "\n".join([*lines, self.epilog or ""]).rstrip() + "\n"


class Commands(argparse._SubParsersAction):  # noqa: SLF001  (it has no public name)
    """The commands of a `GroupedParser`."""

    program = "hmtl"

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.helps: Dict[str, str] = {}

    def add_parser(self, name: str, **options: Any) -> argparse.ArgumentParser:
        self.helps[name] = options.pop("help", "")
        if self.program != "hmtl":
            options["prog"] = self.program
        return super().add_parser(name, **options)

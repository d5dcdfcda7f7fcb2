"""The command `hmtl`: AllenNLP's command line with hmtl registered, a quiet start and errors that a user can mend."""

import argparse
import gc
import importlib
import json
import logging
import os
import sys
from contextlib import contextmanager, suppress
from typing import Any, Iterator, List, NoReturn, Optional, Tuple, Type

from allennlp.commands import ArgumentParserWithDefaults
from allennlp.commands.subcommand import Subcommand
from allennlp.common import plugins
from allennlp.common.util import install_sigterm_handler

from hmtl.commands import COMMANDS, WITHOUT_TORCH, Command
from hmtl.common.characters import VisibleFormatter, visible
from hmtl.common.environment import onednn_cache_limited
from hmtl.common.explain import user_errors
from hmtl.common.overrides import OverridesAction
from hmtl.common.packages import include_package, include_packages_of_run
from hmtl.common.process import process_as_found
from hmtl.errors import UserError
from hmtl.version import VERSION

__all__ = ["main", "user_errors"]

_OVERRIDES_HELP = (
    "changes of the configuration: KEY=VALUE with dotted keys (trainer.num_epochs=3), ~KEY to remove one, or an object "
    "in JSON or jsonnet, which is merged; may be given several times"
)


def main(argv: Optional[List[str]] = None) -> None:
    """Runs a command of AllenNLP's: `hmtl train`, `evaluate`, `predict`, ...; `hmtl --help` lists them.

    A user's mistake ends in one line on stderr and exit code 2; `--debug`, or `HMTL_DEBUG=1`, adds the traceback.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    with (
        onednn_cache_limited(),
        process_as_found(),
        user_errors(debug=debug),
        _command_line(arguments),
    ):
        _check_platform()
        install_sigterm_handler()
        _start_logging()
        parser, parsed = _parse(arguments)
        if not hasattr(parsed, "func"):
            parser.print_help()
            return
        for package in getattr(parsed, "include_package", []):
            include_package(package)
        if getattr(parsed, "archive_file", None):  # of AllenNLP's commands; ours ask when they load it
            include_packages_of_run(parsed.archive_file)
        if getattr(parsed, "predictor", "") is None:
            # Another model's default predictor may not exist here; ours says so in one line.
            parsed.predictor = "hmtl"
        _check_arguments(parsed)
        with _imports_left_alone():
            parsed.func(parsed)


def _check_platform() -> None:
    """Refuses Windows, where files could not be written whole: its directories cannot be opened and brought to disk."""
    if sys.platform == "win32":
        raise UserError("Windows is not supported: hmtl runs on Linux and macOS, and on Windows within WSL")


def _parse(arguments: List[str]) -> Tuple[argparse.ArgumentParser, argparse.Namespace]:
    """Parses a command line with a parser that knows the options of the command that is called, and of others the name.

    A command that nobody knows may be a plugin's; plugins may also register classes that a command asks for.
    """
    parser = _Parser(prog="hmtl")
    parser.add_argument("--version", action="version", version=f"%(prog)s {VERSION}")
    subparsers = parser.add_subparsers(title="Commands", metavar="", action=_Commands)
    called = arguments[0] if arguments else ""
    wants_plugins = False
    for name in sorted(COMMANDS if called in COMMANDS else {*COMMANDS, *_commands_of_plugins()}):
        if name in COMMANDS and name != called:
            subparsers.add_parser(name)
            continue
        command = (_class_of(COMMANDS[name]) if name in COMMANDS else Subcommand.by_name(name))()
        subparser = command.add_subparser(subparsers)
        if command.requires_plugins:
            wants_plugins = True
            subparser.add_argument(
                "--include-package", type=str, action="append", default=[], help="additional packages to include"
            )
    parsed = parser.parse_args(arguments)
    if wants_plugins and hasattr(parsed, "func"):
        _import_plugins(all_of_allennlp=called not in WITHOUT_TORCH)
    return parser, parsed


def _class_of(command: Command) -> Type[Subcommand]:
    """The command's class, the one that its module defines; by name the registry may have AllenNLP's."""
    module = importlib.import_module(command.module)
    classes = (value for value in vars(module).values() if isinstance(value, type) and issubclass(value, Subcommand))
    return next(found for found in classes if found.__module__ == command.module)


def _commands_of_plugins() -> List[str]:
    _import_plugins(all_of_allennlp=False)
    return Subcommand.list_available()


def _import_plugins(all_of_allennlp: bool) -> None:
    """Imports the packages that stand in files of plugins, and before them what of AllenNLP may register classes."""
    if all_of_allennlp:
        plugins.import_plugins()
        return
    for name in plugins.discover_plugins():
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:  # as AllenNLP has it
            logging.getLogger(plugins.__name__).error("Plugin %s could not be loaded: %s", name, error)


def _start_logging() -> None:
    """Warnings, and what a command has to tell; `train` sets up its own, fuller logging."""
    wanted = "DEBUG" if os.environ.get("ALLENNLP_DEBUG") else os.environ.get("ALLENNLP_LOG_LEVEL", "")
    level = getattr(logging, wanted, logging.WARNING)
    handler = logging.StreamHandler()
    handler.setFormatter(VisibleFormatter("%(levelname)s - %(name)s - %(message)s"))
    logging.basicConfig(handlers=[handler], level=level)
    if not wanted:
        logging.getLogger("allennlp.commands").setLevel(logging.INFO)


@contextmanager
def _command_line(arguments: List[str]) -> Iterator[None]:
    """A run keeps the arguments of `sys.argv`; of plugins, AllenNLP would import the whole of allennlp_models first."""
    before = sys.argv, plugins.DEFAULT_PLUGINS
    sys.argv = ["hmtl", *arguments]
    plugins.DEFAULT_PLUGINS = ()  # type: ignore[assignment]
    try:
        yield
    finally:
        sys.argv, plugins.DEFAULT_PLUGINS = before


@contextmanager
def _imports_left_alone() -> Iterator[None]:
    """Each full garbage collection would walk the half million objects that imports made, for 0.2 seconds."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class _Commands(argparse._SubParsersAction):  # noqa: SLF001  (it has no public name)
    """The commands, each with the line that `hmtl --help` has of it."""

    def add_parser(self, name: str, **options: Any) -> argparse.ArgumentParser:
        if name in COMMANDS:
            options["help"] = COMMANDS[name].help
        return super().add_parser(name, **options)


class _Parser(ArgumentParserWithDefaults):
    """AllenNLP's parser; files may stand behind options, and overrides are those of `hmtl.common.overrides`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._is_intermixed = False
        if self.prog == "hmtl":  # and not a command's own parser
            self.description = "Hierarchical multi-task learning for information extraction: the commands of AllenNLP."
            self.epilog = "--debug, with any command, shows the traceback of an error."

    def error(self, message: str) -> NoReturn:
        super().error(visible(message))

    def add_argument(self, *names: Any, **options: Any) -> argparse.Action:
        if "--overrides" in names:
            options.update(action=OverridesAction, type=None, metavar="OVERRIDES", help=_OVERRIDES_HELP)
        return super().add_argument(*names, **options)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        # By itself argparse takes a list of files for complete, and empty, at the first option.
        lists_files = any(action.nargs in ("*", "+") for action in self._get_positional_actions())
        if not lists_files or self._is_intermixed:
            return super().parse_known_args(args, namespace)
        self._is_intermixed = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._is_intermixed = False


def _check_arguments(parsed: argparse.Namespace) -> None:
    """Refuses what would otherwise end in the middle of things."""
    path = getattr(parsed, "param_path", None)
    if path is not None and os.path.isdir(path):  # jsonnet aborts the whole process
        raise UserError(f"{path}: expected a configuration file, found a directory")
    if path is not None:
        _check_is_object(path)
    device = getattr(parsed, "cuda_device", -1)
    if device >= 0:
        from torch import cuda

        if device >= cuda.device_count():
            raise UserError(f"--cuda-device {device}: PyTorch finds {cuda.device_count()} CUDA devices; -1 is the CPU")


def _check_is_object(path: str) -> None:
    """Refuses a configuration that is no object; what is no plain JSON, the evaluation of jsonnet will judge."""
    with suppress(OSError, ValueError, RecursionError), open(path, encoding="utf-8") as file:
        found = json.load(file)
        if not isinstance(found, dict):
            raise UserError(f"{path}: expected an object of settings ({{...}}), found {type(found).__name__}")

"""The command `hmtl`: finds what is called, starts quietly, and turns mistakes into one line each."""

import argparse
import gc
import importlib
import json
import logging
import os
import re
import sys
from contextlib import contextmanager, suppress
from typing import Iterator, List, Optional, Tuple, Type, cast

from allennlp.commands.subcommand import Subcommand
from allennlp.common import plugins
from allennlp.common.util import install_sigterm_handler

from hmtl.commands import ALLENNLP, COMMANDS, GROUPS, WITHOUT_TORCH, Command
from hmtl.commands.command_parser import Commands, GroupedParser
from hmtl.common.arguments import add_include_package
from hmtl.common.characters import VisibleFormatter
from hmtl.common.checks import path_advice
from hmtl.common.environment import onednn_cache_limited
from hmtl.common.explain import explain, user_errors
from hmtl.common.overrides import parse_overrides
from hmtl.common.packages import include_package, include_packages_of_run
from hmtl.common.process import process_as_found
from hmtl.errors import ConfigurationError, UserError
from hmtl.version import VERSION

__all__ = ["main", "user_errors"]

_START = """\
Hierarchical multi-task learning for information extraction.

Begin here, with a folder of annotated documents:
  hmtl train my_documents -s runs/first
  hmtl evaluate runs/first
  hmtl predict runs/first "Ada Lovelace lived in London."

'hmtl configs my_project' copies a sample to begin with, and configurations to train by.\
"""
_MORE = """\
'hmtl COMMAND --help' has the options of a command, and examples. --debug, with any command, shows the traceback of an
error; --version prints the release."""
_OF_ALLENNLP = "AllenNLP's own commands, as AllenNLP documents them. Its 'train' is 'hmtl train'."

# By these, what is called `evaluate` or `predict` is AllenNLP's.
_OPTIONS_OF_ALLENNLP = (
    "--auto-names",
    "--batch-weight-key",
    "--dataset-reader-choice",
    "--embedding-sources-mapping",
    "--extend-vocab",
    "--file-friendly-logging",
    "--multitask-head",
    "--on-error",
    "--output-file",
    "--overrides",
    "--predictions-output-file",
    "--predictor",
    "--predictor-args",
    "--silent",
    "--use-dataset-reader",
    "-o",
)


def main(argv: Optional[List[str]] = None, program: str = "hmtl") -> None:
    """Runs a command: `hmtl train`, `evaluate`, `predict`, ...; `hmtl --help` lists them.

    A user's mistake ends in one line on stderr and exit code 2; `--debug`, or `HMTL_DEBUG=1`, adds the traceback.
    `program` is what was called, in messages: a script that stands for a command has a name of its own.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    with (
        onednn_cache_limited(),
        process_as_found(),
        user_errors(program, debug),
        _command_line(arguments),
    ):
        _check_platform()
        install_sigterm_handler()
        _start_logging()
        parser, parsed = _parse(_as_spelt_now(arguments), program)
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
        with _overrides_named(parsed), _imports_left_alone():
            parsed.func(parsed)


def _check_platform() -> None:
    """Refuses Windows, where files could not be written whole: its directories cannot be opened and brought to disk."""
    if sys.platform == "win32":
        raise UserError("Windows is not supported: hmtl runs on Linux and macOS, and on Windows within WSL")


def _as_spelt_now(arguments: List[str]) -> List[str]:
    """The arguments, with `allennlp` before a command that stands behind it and once did not.

    Of `evaluate` and `predict` it is told by the options that AllenNLP's alone has, and by the file that is evaluated.
    """
    called, *others = arguments or [""]
    names_file = called == "evaluate" and len(others) > 1 and not any(word.startswith("-") for word in others[:2])
    is_allennlps = names_file or any(word.partition("=")[0] in _OPTIONS_OF_ALLENNLP for word in others)
    if called in ALLENNLP and (called not in COMMANDS or is_allennlps):
        return ["allennlp", *arguments]
    return arguments


def _parse(arguments: List[str], program: str) -> Tuple[argparse.ArgumentParser, argparse.Namespace]:
    """Parses a command line with a parser that knows the options of the command that is called, and of others the name.

    A command that nobody knows may be a plugin's; plugins may also register classes that a command asks for.
    """
    if arguments[:1] == ["allennlp"]:
        known, arguments = ALLENNLP, arguments[1:]
        parser = GroupedParser({"Commands": ALLENNLP}, prog="hmtl allennlp", description=_OF_ALLENNLP)
    else:
        known = COMMANDS
        parser = GroupedParser(GROUPS, prog="hmtl", description=_START, epilog=_MORE)
        parser.add_argument("--version", action="version", version=f"%(prog)s {VERSION}")
    commands = parser.add_commands(program)
    called = arguments[0] if arguments else ""
    wants_plugins = False
    for name in known:
        if name != called:
            commands.add_parser(name)
    if called in known:
        wants_plugins = _add_called(commands, _class_of(known[called]))
    elif known is COMMANDS:
        of_plugins = _commands_of_plugins()
        for name in of_plugins:
            wants_plugins |= _add_called(commands, cast(Type[Subcommand], Subcommand.by_name(name)))
        if of_plugins:
            parser.add_group("Plugins", of_plugins)
    parsed = parser.parse_args(arguments)
    if wants_plugins and hasattr(parsed, "func"):
        _import_plugins(all_of_allennlp=called not in WITHOUT_TORCH)
    return parser, parsed


def _class_of(command: Command) -> Type[Subcommand]:
    """The command's class, the one that its module defines; by name the registry may have AllenNLP's."""
    module = importlib.import_module(command.module)
    classes = (value for value in vars(module).values() if isinstance(value, type) and issubclass(value, Subcommand))
    return next(found for found in classes if found.__module__ == command.module)


def _add_called(commands: Commands, command: Type[Subcommand]) -> bool:
    """Adds a command with its options; returns whether it may want what plugins register."""
    parser = command().add_subparser(commands)
    if command.requires_plugins:
        add_include_package(parser)
    return command.requires_plugins


def _commands_of_plugins() -> List[str]:
    _import_plugins(all_of_allennlp=False)
    return sorted(set(Subcommand.list_available()) - {*COMMANDS, *ALLENNLP})


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
def _overrides_named(parsed: argparse.Namespace) -> Iterator[None]:
    """Puts `-o` before what is said of a key of the configuration that was overridden."""
    try:
        yield
    except (ConfigurationError, UserError) as error:
        message = explain(error) or str(error)
        place = re.match(r"[\w*-]+(?:\.[\w*-]+)+(?=:? )", message)
        keys = [key for each in parse_overrides(getattr(parsed, "overrides", "")) for key in each]
        if place is None or not any(f"{place[0]}.".startswith(f"{key}.") for key in keys):
            raise
        raise UserError(f"-o {message}") from error


@contextmanager
def _imports_left_alone() -> Iterator[None]:
    """Each full garbage collection would walk the half million objects that imports made, for 0.2 seconds."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _check_arguments(parsed: argparse.Namespace) -> None:
    """Refuses what would otherwise end in the middle of things."""
    path = getattr(parsed, "param_path", None)
    if path is not None:
        _check_configuration_file(path)
    device = getattr(parsed, "cuda_device", -1)
    if device >= 0:
        from torch import cuda

        if device >= cuda.device_count():
            raise UserError(f"--cuda-device {device}: PyTorch finds {cuda.device_count()} CUDA devices; -1 is the CPU")


def _check_configuration_file(path: str) -> None:
    """Refuses what is no file, and no object; what is no plain JSON, the evaluation of jsonnet will judge."""
    if os.path.isdir(path):  # jsonnet aborts the whole process
        raise UserError(f"{path}: expected a configuration file, found a directory")
    if not os.path.exists(path) and "://" not in path:
        otherwise = "; 'hmtl configs' lists the configurations that come with hmtl, and copies them"
        raise UserError(f"{path}: no such configuration file{path_advice(path) or otherwise}")
    if path.endswith(".jsonl"):
        raise UserError(f"{path}: expected a configuration (*.jsonnet or *.json); this is a file of documents")
    with suppress(OSError, ValueError, RecursionError), open(path, encoding="utf-8") as file:
        found = json.load(file)
        if not isinstance(found, dict):
            raise UserError(f"{path}: expected an object of settings ({{...}}), found {type(found).__name__}")

"""What command lines share: parsers, the same flags for the same things, and the types of arguments.

What is slow to import is imported where it is used: to read a command line takes none of it.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Iterable, Optional

from hmtl.errors import UserError

if TYPE_CHECKING:
    import torch


def at_least(minimum: int) -> Callable[[str], int]:
    """The type of whole numbers from `minimum` on, for `add_argument`."""

    def number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = minimum - 1
        if value < minimum:
            raise argparse.ArgumentTypeError(f"expected a number from {minimum}, got {text}")
        return value

    return number


def script_parser(description: Optional[str], **options: Any) -> argparse.ArgumentParser:
    """The parser of a program of its own, whose docstring, line by line, is its help."""
    return argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, **options
    )


def add_command(commands: argparse._SubParsersAction, name: str, description: str) -> argparse.ArgumentParser:
    """Adds a command, whose description is its help line by line; `hmtl.commands.COMMANDS` has its summary."""
    return commands.add_parser(name, description=description, formatter_class=argparse.RawDescriptionHelpFormatter)


def add_archive(
    parser: argparse.ArgumentParser, dest: str = "archive", metavar: str = "MODEL", default: Optional[str] = None
) -> None:
    """Adds the model of a command, a `Path`, which `find_model` finds; with a default it may be left out."""
    help = "a model.tar.gz, the directory of a run, or a model's name, such as en_hmtl_mini, or user/model of the hub"
    if default is None:
        parser.add_argument(dest, metavar=metavar, type=Path, help=help)
        return
    help = f"{help} (default: {default})"
    parser.add_argument(dest, metavar=metavar, type=Path, nargs="?", default=Path(default), help=help)


def add_weights_file(parser: argparse.ArgumentParser) -> None:
    """Adds `--weights-file`."""
    parser.add_argument(
        "--weights-file", metavar="FILE", help="other weights than the best, such as a run's best_ner.safetensors"
    )


def add_spacy_model(parser: argparse.ArgumentParser) -> None:
    """Adds `--spacy-model`."""
    parser.add_argument(
        "--spacy-model", metavar="NAME", help="the spaCy pipeline that splits texts (default: built-in rules)"
    )


def add_asked(parser: argparse.ArgumentParser) -> None:
    """Adds what is asked of a model, or known of its texts: `--labels`, `--ask`, `--given-entities` and
    `--consistent`."""
    add = parser.add_argument
    add("--labels", metavar="TEXTS", help="those to find, where labels are texts: animal,substance")
    add(
        "--ask",
        action="append",
        metavar="QUESTION",
        help="a question to answer, of a model that answers such; may be repeated",
    )
    add(
        "--given-entities",
        metavar="LAYER",
        help="the key of JSON lines with entities that are known; relations are found among them alone",
    )
    add(
        "--consistent",
        action="store_true",
        help="leave out relations of anything but found spans, and mentions of another type than their cluster",
    )


def add_overrides(parser: argparse.ArgumentParser, of: str) -> None:
    """Adds `--overrides` of the configuration of something."""
    from hmtl.common.overrides import OverridesAction

    parser.add_argument("-o", "--overrides", action=OverridesAction, default="", help=f"overrides of {of}")


def add_split(parser: argparse.ArgumentParser) -> None:
    """Adds `--split`: which data a finished run is looked at with."""
    parser.add_argument("--split", choices=["test", "validation"], default="test", help="(default: %(default)s)")


def add_data(parser: argparse.ArgumentParser) -> None:
    """Adds `--data`, for a run or a package whose data are somewhere else than where they were."""
    help = "the folder that relative paths of data count from (default: .)"
    parser.add_argument("--data", type=Path, metavar="DIR", help=help)


def add_include_package(parser: argparse.ArgumentParser) -> None:
    """Adds `--include-package`, which may be repeated; see `hmtl.common.packages`."""
    help = "a package that registers classes; may be repeated"
    parser.add_argument("--include-package", action="append", default=[], metavar="NAME", help=help)


def add_corpus(parser: argparse.ArgumentParser) -> None:
    """Adds `--corpus`, which is `--from` as well, as of `hmtl convert`."""
    help = "the format: its name, or its JSON (default: found by its looks)"
    parser.add_argument("--corpus", "--from", dest="corpus", metavar="NAME|JSON", help=help)


def add_run(parser: argparse.ArgumentParser) -> None:
    """Adds the directory of a run, by itself or as `-s`; see `run_named`."""
    parser.add_argument("run", nargs="?", metavar="RUN", help="what 'hmtl train -s' or 'hmtl package' wrote")
    parser.add_argument("-s", "--serialization-dir", metavar="RUN", help="the same, as 'hmtl train' has it")


def run_named(arguments: argparse.Namespace) -> str:
    """The run that the arguments of `add_run` name.

    # Raises

    UserError
        Where there is none, or there are two.
    """
    named = [path for path in (arguments.run, arguments.serialization_dir) if path is not None]
    if len(named) != 1:
        found = " and ".join(f"'{path}'" for path in named) or "none"
        raise UserError(f"expected one run, RUN or -s RUN, the directory that 'hmtl train -s' wrote; found {found}")
    return named[0]


def add_device(parser: argparse.ArgumentParser, default: Optional[str] = None) -> None:
    """Adds `--device`, by default the first GPU, where there is one; see `device_named`."""
    device = parser.add_mutually_exclusive_group()
    help = f"cpu, cuda, cuda:1 ... (default: {default or 'cuda where there is one'})"
    device.add_argument("--device", metavar="D", default=default, help=help)
    # As AllenNLP's commands have it.
    device.add_argument("--cuda-device", dest="device", metavar="N", default=default, help=argparse.SUPPRESS)


def device_named(name: Optional[str]) -> "torch.device":
    """The device that `--device` names; `None` is the first GPU, where there is one. A number is a GPU, -1 the CPU.

    # Raises

    UserError
        Where the name is none of a device, or there is no such GPU.
    """
    import torch

    if name is None:
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    wanted = {"cuda": "cuda:0", "-1": "cpu"}.get(name, f"cuda:{name}" if name.isdecimal() else name)
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise UserError(f"--device {name}: expected cpu, cuda or cuda:N") from error
    if device.type not in ("cpu", "cuda"):
        raise UserError(f"--device {name}: expected cpu, cuda or cuda:N")
    if device.type == "cuda" and device.index >= torch.cuda.device_count():
        raise UserError(f"--device {name}: PyTorch finds {torch.cuda.device_count()} CUDA devices; 'cpu' always works")
    return device


def gpu_named(name: Optional[str]) -> int:
    """The number of the GPU that `--device` names, -1 for the CPU; as `device_named`."""
    device = device_named(name)
    return -1 if device.type == "cpu" else device.index


def require_folders_of(paths: Iterable[Optional[Path]]) -> None:
    """Checks first what would otherwise end in the writing of a result.

    # Raises

    UserError
        Where the directory of a file to write is missing.
    """
    for path in paths:
        if path is not None and not path.parent.is_dir():
            raise UserError(f"{path}: there is no directory {path.parent} to write it to")

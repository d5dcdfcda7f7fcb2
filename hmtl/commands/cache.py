"""`hmtl cache`: what is kept on disk for later runs, the vectors of frozen encoders above all."""

import argparse
import shutil
import tempfile
import time
from pathlib import Path
from typing import List

from allennlp.commands.subcommand import Subcommand
from allennlp.common import Params

from hmtl.common.arguments import add_command, add_overrides
from hmtl.common.environment import instances_folder, probing_folder
from hmtl.common.tables import aligned
from hmtl.errors import UserError

DESCRIPTION = """\
Inspect, fill or clear what is kept for later runs: the vectors of frozen encoders, which embedders with 'cache: true'
share, indexed instances, and what 'hmtl probe' computed.

  hmtl cache info
  hmtl cache fill CONFIG            # all sentences of the training and validation data; then several runs may start
  hmtl cache clear --model 3f0c     # what one encoder left, by the first digits of its fingerprint
  hmtl cache clear --instances      # what data loaders with 'cache: true' left
  hmtl cache clear --all

The folders are embeddings/, instances/ and probing/ in $HMTL_CACHE, or in hmtl/ in the user's folder for caches."""


@Subcommand.register("cache")
class Cache(Subcommand):
    requires_plugins = False

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = add_command(parser, self.name, DESCRIPTION)
        actions = subparser.add_subparsers(title="actions", metavar="ACTION", required=True)
        info = actions.add_parser(
            "info", aliases=["list"], help="what is kept of which encoder", description="Print what is kept."
        )
        info.set_defaults(func=_info)
        fill = actions.add_parser(
            "fill",
            help="compute what an experiment needs",
            description="Compute and keep all sentences of an experiment's training and validation data.",
        )
        fill.add_argument("config", type=Path, metavar="CONFIG", help="the configuration of the experiment")
        add_overrides(fill, "the configuration, as 'hmtl train' has")
        fill.set_defaults(func=_fill)
        clear = actions.add_parser("clear", help="remove it", description="Remove what is kept of one encoder, or all.")
        chosen = clear.add_mutually_exclusive_group(required=True)
        chosen.add_argument("--model", metavar="FINGERPRINT", help="of one encoder, as 'info' prints it, or its start")
        chosen.add_argument("--instances", action="store_true", help="indexed instances, not embeddings")
        chosen.add_argument("--all", action="store_true", help="all of it")
        clear.set_defaults(func=_clear)
        for action in (info, clear):
            action.add_argument("--dir", type=Path, metavar="DIR", help="another folder of embeddings")
        return subparser


def _info(arguments: argparse.Namespace) -> None:
    from hmtl.modules.embedding_cache import entries

    directory = _directory(arguments)
    found = entries(directory)
    print(f"{directory}: {_gigabytes(sum(entry.num_bytes for entry in found))}")
    rows = [["fingerprint", "kept as", "sentences", "size", "last used", "model"]]
    for entry in found:
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.last_used))
        kept_as, model = (str(entry.description.get(key, "?")) for key in ("dtype", "model"))
        rows.append([entry.fingerprint, kept_as, f"{entry.num_sentences:,}", _gigabytes(entry.num_bytes), used, model])
    if found:
        print(aligned(rows))
    for folder in _others():
        print(f"{folder}: {_gigabytes(_size_of(folder))}")


def _clear(arguments: argparse.Namespace) -> None:
    from hmtl.modules.embedding_cache import clear

    directory = _directory(arguments)
    if not arguments.instances:
        for entry in clear(directory, arguments.model):
            print(f"{directory / entry.fingerprint}: {_gigabytes(entry.num_bytes)} removed")
    # Another folder of embeddings has nothing beside it.
    removed = _others() if arguments.all and arguments.dir is None else []
    for folder in [instances_folder()] if arguments.instances else removed:
        num_bytes = _size_of(folder)
        shutil.rmtree(folder, ignore_errors=True)
        print(f"{folder}: {_gigabytes(num_bytes)} removed")


def _fill(arguments: argparse.Namespace) -> None:
    from allennlp.commands.train import TrainModel
    from allennlp.common.util import prepare_environment

    from hmtl.modules.embedding_cache import caching_encoders, fill

    if not arguments.config.is_file():
        raise UserError(f"{arguments.config}: expected a configuration file")
    params = Params.from_file(arguments.config, arguments.overrides)
    # What concerns runs alone.
    for key in ("distributed", "include_in_archive", "evaluation"):
        params.pop(key, None)
    for key in ("callbacks", "checkpointer"):
        params["trainer"].pop(key, None)
    prepare_environment(params)
    with tempfile.TemporaryDirectory() as folder:
        train = TrainModel.from_params(params=params, serialization_dir=folder, local_rank=0)
        if not caching_encoders(train.model):
            raise UserError(
                f"{arguments.config}: none of its embedders has a cache on disk; give a frozen one cache=true"
            )
        trainer = train.trainer
        loaders = [trainer.data_loader, trainer.validation_data_loader]  # type: ignore[attr-defined]
        counts = fill(train.model, [loader for loader in loaders if loader is not None])
    for name, (added, left_out) in counts.items():
        print(
            f"{name}: {added:,} sentences added" + f", {left_out:,} left out: the cache takes no more" * bool(left_out)
        )


def _directory(arguments: argparse.Namespace) -> Path:
    from hmtl.modules.embedding_cache import default_directory

    return arguments.dir or default_directory()


def _others() -> List[Path]:
    """The folders of what is kept beside embeddings: instances, and the vectors of probing."""
    return [instances_folder(), probing_folder()]


def _size_of(folder: Path) -> int:
    """The bytes of all files below a folder, which need not exist."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _gigabytes(num_bytes: int) -> str:
    return f"{num_bytes / 1e9:.3f} GB"

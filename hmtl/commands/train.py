"""`hmtl train`: from documents, or by a configuration."""

import argparse
import json
import os
from pathlib import Path
from typing import Any, List, Optional, Tuple

from allennlp.commands.subcommand import Subcommand

from hmtl.common.arguments import add_command, add_overrides, at_least
from hmtl.common.characters import visible, visible_lines
from hmtl.common.overrides import Overrides, parse_overrides
from hmtl.corpora.training_data import name_of
from hmtl.errors import UserError
from hmtl.experiments.recipe import PLAIN, Recipe
from hmtl.experiments.train import Prepared, is_configuration, last_directory, prepare, to_go_on_with
from hmtl.runs.run_directory import RunDirectory

DESCRIPTION = """\
Train a model, from documents or by a configuration.

  hmtl train my_documents --encoder microsoft/deberta-v3-small
  hmtl train my_documents --tasks ner,relation -s runs/first
  hmtl train configs/quickstart.jsonnet -s runs/quickstart

Of documents, a folder with train, dev and test files or any other that 'hmtl convert' reads, all layers are learned:
labelled spans from the lowest level up, relations between them, coreference above. Documents that nobody has split are
split, 80 % for training. RUN/config.jsonnet, which is written first, is the experiment in a few lines, to edit, with
what -o changes; 'hmtl init' writes it without training. After training the model is scored on the test data.

A configuration, a .jsonnet or .json file, says all that itself.

Training shows a row an epoch; everything else is in RUN/out.log. Ctrl-C saves a checkpoint, and the same command with
--recover goes on."""


class Train(Subcommand):
    """Not registered: of this name AllenNLP has a command."""

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = add_command(parser, "train", DESCRIPTION)
        add = subparser.add_argument
        help = "documents, or a configuration (.jsonnet, .json)"
        add("source", metavar="DATA|CONFIG", action=_SourceAction, help=help)
        add(
            "-s",
            "--serialization-dir",
            metavar="RUN",
            help="the directory of the run (default, of documents: runs/NAME-1, or the next number)",
        )
        add("-r", "--recover", action="store_true", help="go on with the run that is there")
        add("-f", "--force", action="store_true", help="replace the run that is there")
        add_overrides(subparser, "the configuration")
        add_recipe(subparser)
        add("-v", "--verbose", action="store_true", help="show what is logged, too")
        add("--dry-run", action="store_true", help="read the data and make the vocabulary, and stop")
        add("--node-rank", type=int, default=0, help="the number of this node, where several train together")
        add("--file-friendly-logging", action="store_true", help="redraw nothing")
        subparser.set_defaults(func=_train, parser=subparser)
        return subparser


class _SourceAction(argparse.Action):
    """Notes a configuration as `param_path`, too, which is what AllenNLP's commands call one, and what is checked."""

    def __call__(self, parser: Any, namespace: argparse.Namespace, values: Any, option: Optional[str] = None) -> None:
        namespace.source = values
        namespace.param_path = values if is_configuration(values) else None


def add_recipe(parser: argparse.ArgumentParser) -> None:
    """Adds what is to be known beside the documents."""
    add = parser.add_argument_group("of documents").add_argument
    add("--from", dest="format", metavar="NAME|JSON", help="their format (default: found by their looks)")
    add("--encoder", metavar="NAME", help="a pretrained encoder to fine-tune, its name or folder (default: none)")
    add("--frozen", action="store_true", help="leave the encoder as it is, and learn levels above it")
    add("--tasks", metavar="A,B", help="the tasks, or layers, to learn (default: all)")
    add("--epochs", type=at_least(1), metavar="N", help="at most (default: 10 with an encoder, else 20)")
    add("--seed", type=int, default=PLAIN.seed, metavar="N", help="of the split, and of training")


def written(arguments: argparse.Namespace, command: str) -> Prepared:
    """The experiment on the documents that the arguments name, written into the directory of its run."""
    if arguments.frozen and arguments.encoder is None:
        raise UserError("--frozen is of an encoder; name it by --encoder")
    tasks: Optional[List[str]] = None
    if arguments.tasks is not None:
        tasks = [name.strip() for name in arguments.tasks.split(",") if name.strip()]
    return prepare(
        arguments.source,
        tasks,
        Recipe(arguments.encoder, arguments.frozen, arguments.epochs, seed=arguments.seed),
        arguments.serialization_dir,
        arguments.force,
        written_by=visible(f"hmtl {command} {arguments.source}"),
        format=arguments.format,
        overrides=parse_overrides(arguments.overrides),
    )


def _train(arguments: argparse.Namespace) -> None:
    if arguments.param_path is not None or arguments.recover:
        config, directory = _configuration_of(arguments)
        overrides = parse_overrides(arguments.overrides)
        if arguments.param_path is None:
            overrides = to_go_on_with(RunDirectory(directory), overrides, arguments.epochs)
        print(visible(f"training {config}; the log is {directory}/out.log"), flush=True)
        _run(arguments, config, directory, overrides)
        if not arguments.dry_run:
            print(visible(f"next: hmtl evaluate {directory}"), flush=True)
        return
    print(visible(f"reading {arguments.source}"), flush=True)
    prepared = written(arguments, "train")
    lines = [*prepared.notes, f"{prepared.config}:", *_indented(prepared.config)]
    print(visible_lines("\n".join(lines)), "\n", sep="", flush=True)
    with prepared.unless_mistaken():
        # The configuration was written with the overrides.
        _run(arguments, os.fspath(prepared.config), os.fspath(prepared.directory), [])
    if not arguments.dry_run:
        _evaluate(prepared)


def _configuration_of(arguments: argparse.Namespace) -> Tuple[str, str]:
    """The configuration that is there to train by, of documents that of the run to go on with; and the directory."""
    if arguments.param_path is None:
        directory = arguments.serialization_dir or os.fspath(last_directory(name_of(arguments.source)))
        return os.fspath(RunDirectory(directory).editable_config), directory
    if arguments.serialization_dir is None:
        arguments.parser.error("the following arguments are required: -s/--serialization-dir")
    given = {"--encoder": arguments.encoder, "--frozen": arguments.frozen, "--tasks": arguments.tasks}
    given |= {"--epochs": arguments.epochs, "--from": arguments.format}
    for option in (option for option, value in given.items() if value):
        raise UserError(
            f"{option} is for documents; {arguments.source} is a configuration, which says it itself (-o changes it)"
        )
    return arguments.param_path, arguments.serialization_dir


def _indented(config: Path) -> List[str]:
    """The experiment, without the lines above it that are the same in every configuration."""
    lines = config.read_text(encoding="utf-8").splitlines()
    return [f"  {line}" for line in lines if line and not line.startswith("//") and "= import " not in line]


def _run(arguments: argparse.Namespace, config: str, directory: str, overrides: List[Overrides]) -> None:
    # Not before: AllenNLP, whose classes a configuration may name, takes seconds.
    from allennlp.common import plugins

    from hmtl.experiments.train import train_by

    plugins.import_plugins()
    train_by(
        config,
        directory,
        json.dumps(overrides) if overrides else "",
        recover=arguments.recover,
        force=arguments.force,
        node_rank=arguments.node_rank,
        include_package=arguments.include_package,
        dry_run=arguments.dry_run,
        file_friendly_logging=arguments.file_friendly_logging,
        verbose=arguments.verbose,
    )


def _evaluate(prepared: Prepared) -> None:
    from hmtl.experiments.trained_run import TrainedRun

    split = "test" if prepared.has_test_data else "validation"
    scores = TrainedRun(prepared.directory).evaluate(split)
    print(visible_lines(f"\n{scores}\n"))
    print(visible(f"next: hmtl errors {prepared.directory}, hmtl predict {prepared.directory} TEXT"), flush=True)

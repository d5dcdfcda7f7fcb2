"""`hmtl validate`: what is wrong in a corpus, or in a configuration."""

import argparse
import json
from contextlib import suppress
from pathlib import Path
from typing import Any, Iterator, Tuple

from allennlp.commands.subcommand import Subcommand

from hmtl.common.arguments import add_command, add_corpus, add_overrides
from hmtl.common.characters import visible
from hmtl.common.checks import path_advice
from hmtl.errors import UserError
from hmtl.experiments.train import is_configuration

DESCRIPTION = """\
Find what is wrong in a corpus: counts per layer and label, errors and warnings with their places. Or in a
configuration, before any data are read: every key that is misspelt, every value of a wrong type, files of data that are
missing.

  hmtl validate data/sample
  hmtl validate data/conll-2012/v4/data/{train,development,test} --corpus ontonotes --tasks ner
  hmtl validate data/conll-2012/v4/data/train --corpus '{"type": "ontonotes", "exclude": ["/pt/"]}'
  hmtl validate configs/quickstart.jsonnet -o trainer.num_epochs=3

Exit code 0: no error (warnings may be there); 1: errors; 2: something cannot be read."""

_DATA_KEYS = ("train_data_path", "validation_data_path", "test_data_path")


@Subcommand.register("validate")
class Validate(Subcommand):
    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = add_command(parser, self.name, DESCRIPTION)
        add = subparser.add_argument
        add(
            "paths",
            nargs="+",
            metavar="PATH",
            help="a split; of a JSONL directory, each file is one; or a configuration, *.jsonnet or *.json",
        )
        add_corpus(subparser)
        add("--tasks", nargs="+", metavar="TASK", help="tasks whose layers every document must have")
        add("--relation-labels", nargs="+", metavar="LABEL", help="the allowed labels of relations")
        add("--limit", type=int, default=10, metavar="N", help="problems shown of each kind")
        add_overrides(subparser, "a configuration")
        subparser.set_defaults(func=_validate)
        return subparser


def _validate(arguments: argparse.Namespace) -> None:
    configurations = [path for path in arguments.paths if is_configuration(path)]
    if not configurations:
        _validate_corpus(arguments)
        return
    if len(configurations) < len(arguments.paths):
        raise UserError(f"{configurations[0]} is a configuration; check corpora by another call")
    num_errors = 0
    for path in configurations:
        for message in _configuration_errors(path, arguments.overrides):
            num_errors += 1
            print(visible(f"{path}: error: {message}"))
    print(f"{num_errors} errors")
    raise SystemExit(1 if num_errors else 0)


def _validate_corpus(arguments: argparse.Namespace) -> None:
    from hmtl.corpora.validation import validate_corpus
    from hmtl.inspection import corpus_format, find_splits, found_format

    paths = arguments.paths
    if arguments.corpus is None:
        corpus = found_format(paths)
        paths = [split.path for split in find_splits(paths, corpus)]
    else:
        corpus = corpus_format(arguments.corpus)
    report = validate_corpus(paths, corpus, arguments.tasks, arguments.relation_labels)
    print(report.table())
    print()
    for line in report.problem_lines(arguments.limit):
        print(line)
    print(f"{len(report.errors)} errors, {len(report.warnings)} warnings")
    raise SystemExit(1 if report.errors else 0)


def _configuration_errors(path: str, overrides: str) -> Iterator[str]:
    from allennlp.common import Params, plugins

    from hmtl.common.explain import explain
    from hmtl.training.check import configuration_faults

    if not Path(path).is_file():
        raise UserError(f"{path}: no such configuration file{path_advice(path)}")
    plugins.import_plugins()  # what a configuration may name
    params = Params.from_file(path, overrides)
    for fault in configuration_faults(params):
        yield explain(fault) or str(fault)
    config = params.as_dict(quiet=True)
    for key in _DATA_KEYS:
        for place, file in _missing_files(key, config.get(key)):
            yield f"{place}: {file}: no such file or directory"


def _missing_files(key: str, value: Any) -> Iterator[Tuple[str, str]]:
    """The paths of a key of data that are not there, and the keys that they stand under."""
    for place, path in value.items() if isinstance(value, dict) else [("", value)]:
        if isinstance(path, str) and path.startswith("{"):  # of several corpora, each with its own
            with suppress(ValueError):
                yield from _missing_files(f"{key}.{place}", json.loads(path))
        elif isinstance(path, str) and "://" not in path and not Path(path.partition("#")[0]).exists():
            yield f"{key}.{place}" if place else key, path

"""`hmtl print-results`: AllenNLP's command, which prints all metrics where none are named."""

import argparse
import json
import os
from typing import Dict

from allennlp.commands import print_results as allennlp_print_results
from allennlp.commands.subcommand import Subcommand

from hmtl.errors import UserError


@Subcommand.register("print-results", exist_ok=True)
class PrintResults(allennlp_print_results.PrintResults):
    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = super().add_subparser(parser)
        subparser.set_defaults(func=_print_results)
        return subparser


def _print_results(arguments: argparse.Namespace) -> None:
    name = arguments.metrics_filename
    # In the order of the files; a dictionary, for its keys come once.
    keys: Dict[str, None] = {}
    found = False
    for root, folders, files in os.walk(arguments.path):
        folders.sort()
        if name in files:
            found = True
            with open(os.path.join(root, name), encoding="utf-8") as file:
                metrics = json.load(file)
            if not isinstance(metrics, dict):
                raise UserError(f"{os.path.join(root, name)}: expected an object of metrics")
            keys.update(dict.fromkeys(metrics))
    if not found:
        raise UserError(f"{arguments.path}: no {name} below it; expected a directory of finished runs")
    arguments.keys = arguments.keys or list(keys)
    allennlp_print_results.print_results_from_args(arguments)

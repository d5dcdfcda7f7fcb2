"""`hmtl probe`: what the levels of a model know that they were not trained for."""

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import Any, List, Optional, Sequence, Tuple

from allennlp.commands.subcommand import Subcommand

from hmtl.errors import UserError

# What stands in place of MODEL to build the tasks.
MAKE_DATA = "make-data"

DESCRIPTION = """\
Probe the levels of a model: how well does a simple classifier read properties off the vectors of a level that it was
not trained for?

  hmtl probe MODEL --data DIR               # SentEval's ten tasks on sentences, each level and pooling
  hmtl probe MODEL --tokens DIR --ptb DIR   # properties of single tokens, with control tasks and description lengths
  hmtl probe make-data --conllu DIR --ptb DIR --output DIR     # the ten tasks from a treebank

MODEL is a model.tar.gz or the directory of a run. The same command again goes on where it was interrupted. The output
directory gets table.md, table.csv, results.json and heat_map.png, with baselines: word vectors alone, encoders whose
weights are as drawn, and the majority class."""


@Subcommand.register("probe")
class Probe(Subcommand):
    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = parser.add_parser(
            self.name,
            description=DESCRIPTION,
            help="Probe what the levels of a model know.",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        add = subparser.add_argument
        add("model", metavar="MODEL", type=Path, help=f"an archive or the directory of a run, or {MAKE_DATA}")
        add("--data", metavar="DIR", type=Path, help="the ten tasks, in SentEval's files")
        add("--tokens", metavar="DIR", type=Path, help="a treebank in CoNLL-U, for probes of single tokens")
        add("--ptb", metavar="DIR", type=Path, help="its constituents in brackets")
        add("--levels", type=_names, help="some of: embedding, words, and the model's tasks; default: all but words")
        add("--pooling", type=_names, default=["max", "average"], help="max, average or both (default: both)")
        add("--tasks", type=_names, default=[], help="such as SentLen,WC; default: all whose files DIR has")
        add(
            "--classifier",
            default="logistic-regression",
            help="logistic-regression (default) or mlp, as SentEval trains them, or scikit-learn",
        )
        add("--hidden-units", type=_count, default=50, help="of the mlp")
        add("--seed", type=int, default=1111, help="of the probes and the random encoders")
        add("--output", metavar="DIR", type=Path, help="default: 'probing' beside the weights of MODEL")
        add(
            "--baselines",
            action=argparse.BooleanOptionalAction,
            default=True,
            help="probe word vectors alone and random encoders, too (default)",
        )
        cache = subparser.add_mutually_exclusive_group()
        cache.add_argument("--cache", metavar="DIR", type=Path, help="where vectors are kept for other runs")
        cache.add_argument("--no-cache", action="store_true", help="keep none")
        add("--weights-file", metavar="FILE", help="other weights, such as a run's best_ner.th")
        add("--cuda-device", type=int, default=-1, help="the GPU (default: the CPU)")
        add("--batch-size", type=_count, default=256, help="the most sentences that are computed together")
        subparser.set_defaults(func=_probe)
        _hand_over(subparser)
        return subparser


def _hand_over(subparser: argparse.ArgumentParser) -> None:
    """Has `make-data`, where it stands first, read by a parser of its own."""
    parse_own = subparser.parse_known_args

    def parse_known_args(args: Optional[Sequence[str]] = None, namespace: Any = None) -> Tuple[Any, List[str]]:
        arguments = sys.argv[1:] if args is None else list(args)
        if arguments[:1] == [MAKE_DATA]:
            return _make_data_parser(f"{subparser.prog} {MAKE_DATA}").parse_known_args(arguments[1:], namespace)
        return parse_own(arguments, namespace)

    subparser.parse_known_args = parse_known_args  # type: ignore[method-assign, assignment]


def _make_data_parser(prog: str) -> argparse.ArgumentParser:
    # Only here: other commands need not wait for it.
    from hmtl.analysis.probing import make_data

    parser = argparse.ArgumentParser(prog=prog, formatter_class=argparse.RawDescriptionHelpFormatter)
    make_data.add_arguments(parser)
    parser.set_defaults(func=make_data.run)
    return parser


def _probe(arguments: argparse.Namespace) -> None:
    if arguments.data is None and arguments.tokens is None:
        raise UserError("nothing to probe: name the folder of the ten tasks by --data, or a treebank by --tokens")
    if arguments.data is not None:
        _probe_sentences(arguments)


def _probe_sentences(arguments: argparse.Namespace) -> None:
    from hmtl.analysis.probing.baselines import random_vectors
    from hmtl.analysis.probing.pooling import known_poolings
    from hmtl.analysis.probing.probes import ProbeSettings
    from hmtl.analysis.probing.report import write_report
    from hmtl.analysis.probing.run import Plan, run_probes
    from hmtl.analysis.probing.senteval import read_tasks
    from hmtl.analysis.probing.vector_store import chosen_directory
    from hmtl.analysis.probing.vectors import LevelVectors
    from hmtl.locks import locked

    settings = ProbeSettings(arguments.classifier, arguments.hidden_units, seed=arguments.seed)
    poolings = known_poolings(arguments.pooling)
    tasks = read_tasks(arguments.data, arguments.tasks)
    vectors = LevelVectors.load(arguments.model, arguments.cuda_device, arguments.weights_file, arguments.batch_size)
    levels = vectors.known_levels(arguments.levels or vectors.levels)
    plan = Plan(tasks, levels, poolings, settings, arguments.baselines)
    make_random = partial(random_vectors, arguments.model, arguments.seed, arguments.cuda_device, arguments.batch_size)
    output = _output(arguments)
    with (
        locked(output / "probe.lock", "another probing"),
        chosen_directory(arguments.cache, keep=not arguments.no_cache) as cache,
    ):
        results = run_probes(plan, vectors, make_random, output, cache)
        for line in write_report(results, plan, str(arguments.model), output):
            print(line)


def _output(arguments: argparse.Namespace) -> Path:
    """The output directory, which is made."""
    model: Path = arguments.model
    output: Path = arguments.output or (model if model.is_dir() else model.parent) / "probing"
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{output}: cannot be made ({error.strerror}); choose another --output") from error
    return output


def _names(text: str) -> List[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise argparse.ArgumentTypeError(f"expected names separated by commas, got '{text}'")
    return names


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 1, got {text}")
    return value

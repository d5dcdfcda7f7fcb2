"""`hmtl probe`: what the levels of a model know that they were not trained for."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Dict, List, Optional, Sequence, Tuple

from allennlp.commands.subcommand import Subcommand

from hmtl.common.arguments import add_command, add_device, add_weights_file, at_least, gpu_named
from hmtl.errors import UserError

if TYPE_CHECKING:
    from hmtl.probing.sentences import Plan
    from hmtl.probing.transfer import TransferPlan
    from hmtl.probing.vectors import LevelVectors

# As in hmtl.probing, whose import takes its time.
TRAINED, RANDOM = "trained", "random"
WORDS, TRANSFORMER = "words", "transformer"

DESCRIPTION = """\
Probe the levels of a model: how well does a simple classifier read properties off the vectors of a level that it was
not trained for?

  hmtl probe MODEL --data DIR               # SentEval's ten tasks on sentences, each level and pooling
  hmtl probe MODEL --transfer DIR           # SentEval's transfer tasks: sentiment, questions, paraphrases, similarity
  hmtl probe MODEL --tokens DIR --ptb DIR   # properties of single tokens, with control tasks and description lengths

MODEL is a model.tar.gz or the directory of a run. The same command again goes on where it was interrupted. The output
directory gets table.md, table.csv, tasks.csv, results.json and heat_map.png, or transfer.md, transfer.csv and
transfer.json, or tokens.md, tokens.csv and tokens.json, with baselines: word vectors alone, encoders whose weights are
as drawn, and the majority class."""


@Subcommand.register("probe")
class Probe(Subcommand):
    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = add_command(parser, self.name, DESCRIPTION)
        add = subparser.add_argument
        add("model", metavar="MODEL", type=Path, help="an archive or the directory of a run")
        made = "the ten tasks, in SentEval's files, such as 'python -m research.probing_data' makes in a checkout"
        add("--data", metavar="DIR", type=Path, help=made)
        of_transfer = "SentEval's transfer tasks, in the folders of its data/downstream, such as MR, SICK and STS"
        add("--transfer", metavar="DIR", type=Path, help=of_transfer)
        add("--tokens", metavar="DIR", type=Path, help="a treebank in CoNLL-U, for probes of single tokens")
        add("--ptb", metavar="DIR", type=Path, help="its constituents in brackets")
        add("--max-sentences", type=at_least(1), metavar="N", help="of the treebank, drawn at random (default: all)")
        of_levels = "some of: embedding, the model's tasks (default: these), and of the embedding words and transformer"
        add("--levels", type=_names, help=of_levels)
        add(
            "--pooling",
            type=_names,
            default=["max", "average"],
            help="some of max, average, first, last and ends, as of 'hmtl embed' (default: max,average)",
        )
        add(
            "--tasks", type=_names, default=[], help="such as SentLen,WC or MR,SICK-E; default: all whose files DIR has"
        )
        few = "leave out tasks of --data with fewer test sentences, and name them (default: 1)"
        add("--min-test", type=at_least(1), metavar="N", default=1, help=few)
        add(
            "--classifier",
            default="logistic-regression",
            help="logistic-regression (default) or mlp, as SentEval trains them, or scikit-learn",
        )
        measures = ["accuracy", "selectivity", "compression"]
        add("--measures", type=_names, default=measures, help=f"some of {', '.join(measures)} (default: all)")
        add("--hidden-units", type=at_least(1), default=50, help="of the mlp")
        add("--folds", type=at_least(2), metavar="N", help="of transfer tasks (default: 10, with --quick 5)")
        add("--quick", action="store_true", help="measure transfer tasks by SentEval's settings for prototypes")
        add(
            "--relatedness-loss",
            choices=["squared-error", "kl"],
            default="squared-error",
            help="of SICK-R and STS-B: as in SentEval's code (default), or the divergence of Tai et al. (2015)",
        )
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
        add_weights_file(subparser)
        add_device(subparser, "cpu")
        add("--batch-size", type=at_least(1), default=256, help="the most sentences that are computed together")
        subparser.set_defaults(func=_probe)
        return subparser


def _probe(arguments: argparse.Namespace) -> None:
    from hmtl.common.locks import locked
    from hmtl.probing.controls import random_vectors
    from hmtl.probing.vector_store import chosen_directory
    from hmtl.probing.vectors import LevelVectors

    if arguments.data is None and arguments.transfer is None and arguments.tokens is None:
        raise UserError(
            "nothing to probe: name the folder of transfer tasks by --transfer, that of the ten tasks by --data, "
            "or a treebank by --tokens"
        )
    # Mistakes come to light before the models are loaded.
    of_data, of_transfer = _task_names(arguments)
    plan = None if of_data is None else _plan(arguments, of_data)
    transfer_plan = None if of_transfer is None else _transfer_plan(arguments, of_transfer)
    if arguments.tokens is not None and not arguments.tokens.is_dir():
        raise UserError(f"{arguments.tokens}: no such directory; expected a treebank in CoNLL-U")
    options = {"cuda_device": gpu_named(arguments.device), "batch_size": arguments.batch_size}
    vectors = LevelVectors.load(arguments.model, weights_file=arguments.weights_file, **options)
    levels = vectors.known_levels(arguments.levels or vectors.levels)
    if plan is not None or transfer_plan is not None:
        vectors.known_pairs(levels, arguments.pooling)
    models = {TRAINED: vectors}
    if arguments.baselines:
        models[RANDOM] = random_vectors(arguments.model, arguments.seed, **options)
    output = _output(arguments)
    with (
        locked(output / "probe.lock", "another probing"),
        chosen_directory(arguments.cache, keep=not arguments.no_cache) as cache,
    ):
        if plan is not None:
            _probe_sentences(plan, models, levels, str(arguments.model), output, cache)
        if transfer_plan is not None:
            _probe_transfer(transfer_plan, models, levels, str(arguments.model), output, cache)
        if arguments.tokens is not None:
            _probe_tokens(arguments, models, levels, output)


def _task_names(arguments: argparse.Namespace) -> Tuple[Optional[List[str]], Optional[List[str]]]:
    """The names of the probing tasks and of the transfer tasks that are asked for, none for all; `None` where the
    folder is not named, or where others are asked for."""
    from hmtl.probing.transfer_tasks import SOURCES

    wanted: List[str] = arguments.tasks
    if arguments.data is None or arguments.transfer is None:
        return None if arguments.data is None else wanted, None if arguments.transfer is None else wanted
    of_transfer = [name for name in wanted if name in SOURCES]
    others = [name for name in wanted if name not in SOURCES]
    return (others if others or not wanted else None), (of_transfer if of_transfer or not wanted else None)


def _transfer_plan(arguments: argparse.Namespace, names: Sequence[str]) -> "TransferPlan":
    from hmtl.probing.probes import ProbeSettings
    from hmtl.probing.transfer import TransferPlan, TransferSettings, default_probe
    from hmtl.probing.transfer_tasks import read_transfer_tasks
    from hmtl.probing.vectors import known_poolings

    options = {"hidden_units": arguments.hidden_units, "seed": arguments.seed}
    probe = (ProbeSettings if arguments.quick else default_probe)(classifier=arguments.classifier, **options)
    folds = arguments.folds or (5 if arguments.quick else 10)
    settings = TransferSettings(probe, folds, arguments.relatedness_loss)
    tasks = read_transfer_tasks(arguments.transfer, names)
    return TransferPlan(tasks, known_poolings(arguments.pooling), settings)


def _plan(arguments: argparse.Namespace, names: Sequence[str]) -> "Plan":
    from hmtl.probing.probes import ProbeSettings
    from hmtl.probing.sentences import Plan
    from hmtl.probing.senteval import read_tasks
    from hmtl.probing.vectors import known_poolings

    settings = ProbeSettings(arguments.classifier, arguments.hidden_units, seed=arguments.seed)
    poolings = known_poolings(arguments.pooling)
    return Plan(read_tasks(arguments.data, names), poolings, settings, arguments.measures, arguments.min_test)


def _probe_sentences(
    plan: "Plan", models: Dict[str, "LevelVectors"], levels: Sequence[str], model: str, output: Path, cache: Path
) -> None:
    from hmtl.probing.outputs import write_report
    from hmtl.probing.sentences import run_probes

    results = [
        result
        for encoder, vectors in models.items()
        for result in run_probes(plan, vectors, encoder, _levels_of(models, encoder, levels), output, cache)
    ]
    for line in write_report(results, plan, model, output):
        print(line)


def _probe_transfer(
    plan: "TransferPlan",
    models: Dict[str, "LevelVectors"],
    levels: Sequence[str],
    model: str,
    output: Path,
    cache: Path,
) -> None:
    from hmtl.probing.outputs import write_transfer_report
    from hmtl.probing.transfer import run_transfer

    results = [
        result
        for encoder, vectors in models.items()
        for result in run_transfer(plan, vectors, encoder, _levels_of(models, encoder, levels), output, cache)
    ]
    for line in write_transfer_report(results, plan, model, output):
        print(line)


def _probe_tokens(
    arguments: argparse.Namespace, models: Dict[str, "LevelVectors"], levels: Sequence[str], output: Path
) -> None:
    from hmtl.probing import tokens
    from hmtl.probing.outputs import write_token_report

    results = [
        result
        for encoder, vectors in models.items()
        for result in tokens.run(
            vectors,
            arguments.tokens,
            arguments.ptb,
            _levels_of(models, encoder, levels),
            arguments.seed,
            arguments.max_sentences,
            encoder,
            output,
            arguments.measures,
        )
    ]
    print(write_token_report(results, output), end="")


def _levels_of(models: Dict[str, "LevelVectors"], encoder: str, levels: Sequence[str]) -> List[str]:
    """The levels to probe of a model: with baselines those of the trained one, its words and its transformer, and of a
    random one all without these two, which say nothing about encoders, alone or beside a level."""
    from hmtl.probing.vectors import JOIN

    if encoder == RANDOM:
        return [level for level in levels if not {WORDS, TRANSFORMER} & set(level.split(JOIN))]
    others = [level for level in levels if level not in (WORDS, TRANSFORMER)]
    trained = models[TRAINED]
    there = {WORDS: trained.has_words, TRANSFORMER: trained.has_transformer} if RANDOM in models else {}
    return [*others, *(part for part in (WORDS, TRANSFORMER) if there.get(part) or part in levels)]


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

"""The commands that `hmtl` has: its own and AllenNLP's, each imported when it is called."""

from typing import Dict, NamedTuple


class Command(NamedTuple):
    """Where a command is registered, as a `Subcommand` of AllenNLP's, and what `hmtl --help` says of it."""

    module: str
    help: str


COMMANDS: Dict[str, Command] = {
    "advise": Command("hmtl.commands.advise", "Advise on auxiliary tasks before training."),
    "annotate": Command("hmtl.commands.annotate", "Annotate raw text with a trained model."),
    "build-vocab": Command("allennlp.commands.build_vocab", "Build a vocabulary from an experiment config file."),
    "cache": Command("hmtl.commands.cache", "Inspect, fill or clear the caches of embeddings and instances."),
    "cached-path": Command("allennlp.commands.cached_path", "Cache remote files to the AllenNLP cache."),
    "configs": Command("hmtl.commands.configs", "List or copy configurations."),
    "convert": Command("hmtl.commands.convert", "Convert annotation of any usual format to training data."),
    "count-instances": Command(
        "allennlp.commands.count_instances", "Count the number of training instances in an experiment config file."
    ),
    "evaluate": Command("allennlp.commands.evaluate", "Evaluate the specified model + dataset(s)."),
    "find-lr": Command("allennlp.commands.find_learning_rate", "Find a learning rate range."),
    "init": Command("hmtl.commands.init", "Write a configuration for documents of your own."),
    "inspect": Command("hmtl.commands.inspect", "Show what a corpus holds."),
    "predict": Command("hmtl.commands.predict", "Use a trained model to make predictions."),
    "prepare": Command("hmtl.commands.prepare", "Convert a corpus, as its publisher ships it, to training data."),
    "print-results": Command(
        "hmtl.commands.print_results", "Print results from allennlp serialization directories to the console."
    ),
    "probe": Command("hmtl.commands.probe", "Probe what the levels of a model know."),
    "runs": Command("hmtl.commands.runs", "Print runs side by side."),
    "search": Command("hmtl.commands.search", "Search over the values of a configuration."),
    "serve": Command("hmtl.commands.serve", "Serve a trained model over HTTP, with a page."),
    "test-install": Command("allennlp.commands.test_install", "Test AllenNLP installation."),
    "train": Command("hmtl.commands.train", "Train a model, from documents or by a configuration."),
}

# These start without torch. Plugins may bring corpora for `inspect`; nothing else of AllenNLP's is asked for, but by
# `train`, which imports it once it has said what it does.
WITHOUT_TORCH = frozenset({"configs", "convert", "init", "inspect", "prepare", "runs", "train"})

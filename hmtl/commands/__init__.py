"""The commands that `hmtl` has, in the groups in which `hmtl --help` shows them; each is imported when it is called.

A command is a module with one subclass of AllenNLP's `Subcommand`.
"""

from typing import Dict, NamedTuple


class Command(NamedTuple):
    """Where the class of a command is, and what the help says of it."""

    module: str
    help: str


GROUPS: Dict[str, Dict[str, Command]] = {
    "Data": {
        "convert": Command("hmtl.commands.convert", "Convert annotation of any usual format to training data."),
        "prepare": Command("hmtl.commands.prepare", "Convert a corpus, as its publisher ships it, to training data."),
        "inspect": Command("hmtl.commands.inspect", "Show what a corpus holds."),
        "validate": Command("hmtl.commands.validate", "Find what is wrong in a corpus or a configuration."),
    },
    "Training": {
        "init": Command("hmtl.commands.init", "Write a configuration for documents of your own."),
        "configs": Command("hmtl.commands.configs", "List or copy the configurations that come with hmtl."),
        "train": Command("hmtl.commands.train", "Train a model, from documents or by a configuration."),
        "search": Command("hmtl.commands.search", "Search over the values of a configuration."),
        "cache": Command("hmtl.commands.cache", "Inspect, fill or clear the caches of embeddings and instances."),
    },
    "Results": {
        "runs": Command("hmtl.commands.runs", "Compare runs, a row for each."),
        "evaluate": Command("hmtl.commands.evaluate", "Score a finished run, beside simple baselines."),
        "errors": Command("hmtl.commands.errors", "Show what a finished run gets wrong."),
    },
    "Using a model": {
        "predict": Command("hmtl.commands.predict", "Show what a trained model finds in a text."),
        "annotate": Command("hmtl.commands.annotate", "Annotate files with a trained model."),
        "embed": Command("hmtl.commands.embed", "Write the vectors that a level has for texts."),
        "package": Command("hmtl.commands.package", "Make a package of a run, that pip installs."),
        "serve": Command("hmtl.commands.serve", "Serve a trained model over HTTP, with a page."),
        "export": Command("hmtl.commands.export", "Export a trained model as a graph, by ONNX or torch.export."),
    },
    "Studying it": {
        "probe": Command("hmtl.commands.probe", "Probe what the levels of a model know."),
        "advise": Command("hmtl.commands.advise", "Advise on auxiliary tasks before training."),
    },
    "More": {
        "allennlp": Command("hmtl.commands", "AllenNLP's other commands, such as find-lr and build-vocab."),
    },
}
COMMANDS: Dict[str, Command] = {name: command for group in GROUPS.values() for name, command in group.items()}

# Behind `hmtl allennlp`.
ALLENNLP: Dict[str, Command] = {
    "build-vocab": Command("allennlp.commands.build_vocab", "Build a vocabulary from an experiment config file."),
    "cached-path": Command("allennlp.commands.cached_path", "Cache remote files to the AllenNLP cache."),
    "count-instances": Command(
        "allennlp.commands.count_instances", "Count the number of training instances in an experiment config file."
    ),
    "evaluate": Command("allennlp.commands.evaluate", "Evaluate the specified model + dataset(s)."),
    "find-lr": Command("allennlp.commands.find_learning_rate", "Find a learning rate range."),
    "predict": Command("hmtl.commands.predict_json", "Use a trained model to make predictions."),
    "print-results": Command(
        "hmtl.commands.print_results", "Print results from allennlp serialization directories to the console."
    ),
    "test-install": Command("allennlp.commands.test_install", "Test AllenNLP installation."),
}

# These start without torch. Plugins may bring corpora for `inspect`; nothing else of AllenNLP's is asked for, but by
# `train` and `validate`, which import it once they need it.
WITHOUT_TORCH = frozenset({"configs", "convert", "init", "inspect", "prepare", "runs", "train", "validate"})

"""`hmtl export`: a trained model as a graph that runs without what it was trained with."""

import argparse
from pathlib import Path

from allennlp.commands.subcommand import Subcommand

from hmtl.common.arguments import add_archive, add_command, add_weights_file

DESCRIPTION = """\
Export a trained model as a graph of tensors, for serving without AllenNLP, transformers and training's other packages:
the shared embedding, the levels, and the scores of heads of sentences up to the choice of what is found.

  hmtl export runs/quickstart exported
  hmtl export runs/quickstart exported_int8 --int8
  hmtl export runs/quickstart exported_torch --format torch

What is left out, and how the graph does beside the model on the bundled sample, is printed, and kept in model.json of
the folder. In Python, hmtl.exported.ExportedModel reads it."""


@Subcommand.register("export")
class Export(Subcommand):
    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = add_command(parser, self.name, DESCRIPTION)
        add = subparser.add_argument
        add_archive(subparser)
        add("folder", metavar="OUT", type=Path, help="a new folder")
        add("--format", choices=("onnx", "torch"), default="onnx", help="of ONNX or of torch.export (default: onnx)")
        add("--int8", action="store_true", help="ONNX with weights of 8-bit integers: smaller, and a little different")
        add_weights_file(subparser)
        subparser.set_defaults(func=_export)
        return subparser


def _export(arguments: argparse.Namespace) -> None:
    from hmtl.export.folder import export
    from hmtl.models.hmtl import HMTL

    model = HMTL.from_archive(arguments.archive, weights_file=arguments.weights_file)
    manifest = export(model, arguments.folder, arguments.format, arguments.int8)
    size = sum(path.stat().st_size for path in arguments.folder.iterdir())
    print(f"{arguments.folder}: {', '.join(manifest['tasks'])}, {size / 1e6:,.1f} MB")
    for task, reason in manifest["left_out"].items():
        print(f"left out: {task}; {reason}")
    compared = manifest["compared"]
    agreement = ", ".join(f"{task} {100 * score:.1f}" for task, score in compared["f1_against_the_model"].items())
    print(
        f"on {compared['sentences']} sentences a score differs from the model's by at most "
        f"{compared['largest_difference']:.2g}; F1 of what is found against what the model finds: {agreement}"
    )

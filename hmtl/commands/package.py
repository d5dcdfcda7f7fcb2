"""`hmtl package`: a trained run becomes a model that pip installs."""

import argparse
import json
import re
from pathlib import Path

from allennlp.commands.subcommand import Subcommand

from hmtl.common.arguments import add_command, add_device, add_run, device_named, run_named
from hmtl.common.reduced_weights import PRECISIONS
from hmtl.errors import UserError

DESCRIPTION = """\
Make a package of a finished run: a wheel of data alone, with a model card, that is loaded by its name.

  hmtl evaluate runs/quickstart --calibrate
  hmtl package runs/quickstart --name en_sample --output packages
  pip install packages/en_sample-0.1.0-py3-none-any.whl
  hmtl predict en_sample "Ada Lovelace lived in London."

The folder NAME beside the wheel is the same, and can be loaded as it is. Both hold the weights with the best sum of
scores, configuration, vocabulary, tokenizer and calibration; nothing is downloaded where they are used. The card
(README.md) is made from the run: levels, data, scores beside baselines by task and label, training. --precision 8 or 16
stores weights in fewer bits, and the card says what F1 that costs. The scores are measured where the run's data are."""


@Subcommand.register("package")
class PackageRun(Subcommand):
    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = add_command(parser, self.name, DESCRIPTION)
        add = subparser.add_argument
        add_run(subparser)
        add("--name", help="what it is called, in small letters, digits and _ (default: en_ and the run's name)")
        add("--version", default="0.1.0", help="(default: %(default)s)")
        add("--output", type=Path, default=Path("packages"), metavar="DIR", help="(default: %(default)s)")
        add("--precision", type=int, choices=PRECISIONS, default=32, help="bits of the stored weights (default: 32)")
        add(
            "--measure",
            action=argparse.BooleanOptionalAction,
            help="score it on test data (default: where they are at hand)",
        )
        add("--wheel", action=argparse.BooleanOptionalAction, default=True, help="(default: --wheel)")
        add("--force", action="store_true", help="replace a package of this name and version")
        add("--push", metavar="USER/MODEL", help="upload it to the Hugging Face hub, too")
        add_device(subparser, "cpu")
        card = subparser.add_argument_group("for the card").add_argument
        card("--description", metavar="TEXT", help="a sentence")
        card("--license", metavar="ID", help="of the weights, as the hub calls it: cc-by-sa-4.0, mit ...")
        card("--language", metavar="CODE", help="(default: en)")
        card("--base-model", metavar="NAME", help="the encoder's name on the hub")
        card("--command", dest="made_by", metavar="TEXT", help="what makes the model (default: the run's command)")
        card("--notes", type=Path, metavar="FILE", help="more sections, in Markdown, each after a line '## Title'")
        subparser.set_defaults(func=_package)
        return subparser


def _package(arguments: argparse.Namespace) -> None:
    from hmtl.common.file_names import PACKAGE_NAME
    from hmtl.packaging.card import Card
    from hmtl.packaging.hub import push
    from hmtl.packaging.package import write_package
    from hmtl.packaging.wheel import write_wheel

    run = run_named(arguments)
    name = arguments.name or "en_" + re.sub(r"[^a-z0-9]+", "_", Path(run).resolve().name.lower())
    options = {
        key: getattr(arguments, key)
        for key in ("description", "license", "language", "base_model")
        if getattr(arguments, key) is not None
    }
    if arguments.made_by is not None:
        options["command"] = arguments.made_by
    if arguments.notes is not None:
        try:
            options["notes"] = arguments.notes.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"--notes {arguments.notes}: cannot be read ({error})") from error
    made = write_package(
        run,
        name,
        arguments.output,
        arguments.version,
        arguments.precision,
        Card(**options),
        arguments.measure,
        device_named(arguments.device),
        arguments.force,
    )
    if made.evaluation is not None:
        print(made.evaluation.table() + "\n")
    for note in made.notes:
        print(f"note: {note}")
    print(f"{made.folder}: {made.num_bytes / 1e6:.1f} MB; its card is {made.folder / 'README.md'}")
    if arguments.wheel:
        record = json.loads((made.folder / PACKAGE_NAME).read_text(encoding="utf-8"))
        wheel = write_wheel(made.folder, record, arguments.output)
        print(f"{wheel}: {wheel.stat().st_size / 1e6:.1f} MB; pip install {wheel}")
    if arguments.push is not None:
        print(push(made.folder, arguments.push))

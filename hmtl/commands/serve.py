"""`hmtl serve`: a trained model behind HTTP, with a page for people."""

import argparse
from dataclasses import fields
from pathlib import Path

from allennlp.commands.subcommand import Subcommand

from hmtl.errors import UserError
from hmtl.server.limits import Limits

DESCRIPTION = """\
Serve a trained model: a page at /, POST /predict for programs, /health, /ready and /metrics for those who run it, and
/docs, which describes them. Texts of different requests are read together. SIGTERM and Ctrl-C stop the server once what
it took is answered. The log, one JSON object a line on stderr, holds no texts.

  hmtl serve runs/quickstart
  curl -s localhost:8000/predict -d '{"text": "Ada Lovelace lived in London."}'"""


_PACKAGES = ("fastapi", "prometheus_client", "uvicorn")


@Subcommand.register("serve")
class Serve(Subcommand):
    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = parser.add_parser(
            self.name,
            description=DESCRIPTION,
            help="Serve a trained model over HTTP, with a page.",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        add = subparser.add_argument
        add("archive", metavar="MODEL", type=Path, help="a model.tar.gz, or the directory of a run")
        add("--host", default="127.0.0.1", help="the address to listen at; 0.0.0.0 for all (default: 127.0.0.1)")
        add("--port", type=int, default=8000, help="the port; 0 for any that is free (default: 8000)")
        add("--title", default="hmtl", help="the heading of the page")
        add("--cuda-device", type=int, default=-1, help="the GPU, -1 for the CPU")
        add(
            "--weights-file",
            metavar="FILE",
            help="other weights than the best, such as a run's best_ner.safetensors",
        )
        add("--spacy-model", metavar="NAME", help="the spaCy pipeline that splits texts (default: built-in rules)")
        add("--no-scores", action="store_true", help="answers without probabilities, in about half the time")
        limits = subparser.add_argument_group("limits")
        for limit in fields(Limits):
            limits.add_argument(
                f"--{limit.name.replace('_', '-')}",
                type=type(limit.default),
                default=limit.default,
                metavar="N",
                help=f"{limit.metadata['help']} (default: {limit.default:,})",
            )
        subparser.set_defaults(func=_serve)
        return subparser


def _serve(arguments: argparse.Namespace) -> None:
    try:
        from hmtl.server.application import create_app
        from hmtl.server.run import run
    except ImportError as error:
        if error.name not in _PACKAGES:
            raise
        raise UserError(f"hmtl serve needs the package {error.name}: pip install 'hmtl[serve]'") from None
    from hmtl.predictors import HMTLPredictor

    limits = Limits(**{limit.name: getattr(arguments, limit.name) for limit in fields(Limits)})
    predictor = HMTLPredictor.load(
        arguments.archive,
        arguments.spacy_model,
        arguments.cuda_device,
        arguments.weights_file,
        with_scores=not arguments.no_scores,
    )
    run(create_app(predictor, limits, arguments.title), arguments.host, arguments.port, limits)

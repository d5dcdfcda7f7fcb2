"""`hmtl serve`: a trained model behind HTTP, with a page for people."""

import argparse
import os
from dataclasses import fields
from typing import List, Optional, Tuple

from allennlp.commands.subcommand import Subcommand

from hmtl.common.arguments import add_archive, add_command, add_device, add_spacy_model, add_weights_file, gpu_named
from hmtl.common.file_names import ARCHIVE_NAME
from hmtl.errors import UserError
from hmtl.server.limits import Limits

DESCRIPTION = """\
Serve a trained model: a page at /, POST /predict for programs, /health, /ready, /info and /metrics for those who run
it, and /docs, which describes them. Texts of different requests are read together. SIGTERM and Ctrl-C stop the server
once what it took is answered. The log, one JSON object a line on stderr, holds no texts.

  hmtl serve runs/quickstart
  curl -s localhost:8000/predict -d '{"text": "Ada Lovelace lived in London."}'"""


# So that the key stands in no list of processes.
API_KEY = "HMTL_API_KEY"
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")

_PACKAGES = ("fastapi", "prometheus_client", "uvicorn")


@Subcommand.register("serve")
class Serve(Subcommand):
    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = add_command(parser, self.name, DESCRIPTION)
        add = subparser.add_argument
        add_archive(subparser)
        add("--host", default="127.0.0.1", help="the address to listen at; 0.0.0.0 for all (default: 127.0.0.1)")
        add("--port", type=_port, default=8000, metavar="N", help="the port; 0 for any that is free (default: 8000)")
        add("--title", default="hmtl", help="the heading of the page")
        add_device(subparser, "cpu")
        add_weights_file(subparser)
        add_spacy_model(subparser)
        add("--no-scores", action="store_true", help="answers without probabilities, in about half the time")
        add("--metrics-port", type=_port, metavar="N", help="shows /metrics at this port, and not at the other")
        access = subparser.add_argument_group("access").add_argument
        access(
            "--allowed-host",
            action="append",
            metavar="NAME",
            help="answers requests under this name alone; may be repeated (default: localhost, 127.0.0.1 and [::1] "
            "where the server listens at one of them, else all)",
        )
        access("--api-key", metavar="KEY", help=f"asked of every request but /health and /ready (default: ${API_KEY})")
        access(
            "--trusted-proxies",
            type=int,
            default=0,
            metavar="N",
            help="proxies before the server, whose X-Forwarded-For names the clients (default: 0)",
        )
        access(
            "--frame-ancestors",
            default="'none'",
            metavar="SOURCES",
            help="whose pages may show the page in a frame (default: 'none')",
        )
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


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) < 2**16):
        raise argparse.ArgumentTypeError(f"expected a port from 0 to 65535, got {text}")
    return int(text)


def _serve(arguments: argparse.Namespace) -> None:
    try:
        from hmtl.server.about import ModelRecord
        from hmtl.server.access import Access
        from hmtl.server.application import create_app
        from hmtl.server.serving import run
    except ImportError as error:
        if error.name not in _PACKAGES:
            raise
        raise UserError(f"hmtl serve needs the package {error.name}: pip install 'hmtl[serve]'") from None
    from hmtl.predictors import HMTLPredictor

    limits = Limits(**{limit.name: getattr(arguments, limit.name) for limit in fields(Limits)})
    access = Access(
        _allowed_hosts(arguments.allowed_host, arguments.host),
        arguments.api_key if arguments.api_key is not None else os.environ.get(API_KEY),
        arguments.trusted_proxies,
        arguments.frame_ancestors,
    )
    predictor = HMTLPredictor.load(
        arguments.archive,
        arguments.spacy_model,
        gpu_named(arguments.device),
        arguments.weights_file,
        with_scores=not arguments.no_scores,
    )
    archive = arguments.archive.resolve()
    name = archive.parent.name if archive.name == ARCHIVE_NAME else archive.name
    record = ModelRecord.read(archive, predictor.kinds, arguments.weights_file)
    app = create_app(predictor, limits, arguments.title, access, name, arguments.metrics_port is None, record)
    behind_proxy = arguments.trusted_proxies > 0
    run(app, arguments.host, arguments.port, limits, arguments.metrics_port, behind_proxy)


def _allowed_hosts(given: Optional[List[str]], host: str) -> Tuple[str, ...]:
    if given is not None:
        return tuple(given)
    return _LOOPBACK if host in ("localhost", "127.0.0.1", "::1") else ()

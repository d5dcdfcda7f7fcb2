"""`hmtl serve`: a trained model behind HTTP, with a page for people."""

import argparse
import os
import re
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Dict, List, Optional, Tuple

from allennlp.commands.subcommand import Subcommand

from hmtl.common.arguments import add_archive, add_command, add_device, add_spacy_model, add_weights_file, gpu_named
from hmtl.common.file_names import ARCHIVE_NAME
from hmtl.common.model_names import DEFAULT_MODEL, find_model
from hmtl.errors import UserError
from hmtl.server.limits import Limits

if TYPE_CHECKING:
    from hmtl.predictors import HMTLPredictor

DESCRIPTION = """\
Serve a trained model: a page at /, POST /predict for programs, /health, /ready, /info and /metrics for those who run
it, and /docs, which describes them. Texts of different requests are read together. SIGTERM and Ctrl-C stop the server
once what it took is answered; SIGHUP loads the models anew. The log, one JSON object a line on stderr, holds no texts.

  hmtl serve runs/quickstart
  hmtl serve                        the model that comes with a checkout of hmtl
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
        add_archive(subparser, default=DEFAULT_MODEL)
        add("--host", default="127.0.0.1", help="the address to listen at; 0.0.0.0 for all (default: 127.0.0.1)")
        add("--port", type=_port, default=8000, metavar="N", help="the port; 0 for any that is free (default: 8000)")
        add("--title", default="hmtl", help="the heading of the page")
        add_device(subparser, "cpu")
        add_weights_file(subparser)
        add_spacy_model(subparser)
        add("--no-scores", action="store_true", help="answers without probabilities, in about half the time")
        add(
            "--model",
            dest="others",
            type=_named,
            action="append",
            default=[],
            metavar="NAME=PATH",
            help='one more model, for requests with "model": NAME and below /models/NAME/; may be repeated',
        )
        add("--threads", type=_number, metavar="N", help="of the CPU, by which a batch is computed (default: torch's)")
        add(
            "--workers",
            type=_number,
            default=1,
            metavar="N",
            help="processes, each with the models, limits and counters of its own; the CPU's threads are shared out "
            "(default: 1)",
        )
        add(
            "--metrics-port",
            type=_port,
            metavar="N",
            help="shows /metrics at this port, and not at the other; with several workers at as many ports from N on",
        )
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


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text) <= 1024):
        raise argparse.ArgumentTypeError(f"expected a number from 1 to 1024, got {text}")
    return int(text)


def _named(text: str) -> Tuple[str, Path]:
    name, equals, path = text.partition("=")
    # It stands in addresses, and in commands that are shown.
    if not equals or not path or not re.fullmatch(r"[\w-][\w.-]*", name, re.ASCII):
        raise argparse.ArgumentTypeError(
            f"expected NAME=PATH, the name of letters, digits, '-', '_' and '.', got {text}"
        )
    return name, Path(path)


def _serve(arguments: argparse.Namespace) -> None:
    try:
        from hmtl.server.about import ModelRecord
        from hmtl.server.access import Access
        from hmtl.server.application import create_app
        from hmtl.server.serving import address_of, listen, run
        from hmtl.server.workers import Worker, supervise
    except ImportError as error:
        if error.name not in _PACKAGES:
            raise
        raise UserError(f"hmtl serve needs the package {error.name}: pip install 'hmtl[serve]'") from None
    import torch

    limits = Limits(**{limit.name: getattr(arguments, limit.name) for limit in fields(Limits)})
    access = Access(
        _allowed_hosts(arguments.allowed_host, arguments.host),
        arguments.api_key if arguments.api_key is not None else os.environ.get(API_KEY),
        arguments.trusted_proxies,
        arguments.frame_ancestors,
    )
    worker = Worker.of_this_process()
    if arguments.workers > 1 and worker is None:
        with listen(arguments.host, arguments.port) as listening:
            if sys.stderr.isatty():
                print(f"Serving at {address_of(listening)}; Ctrl-C stops the server.", file=sys.stderr)
            sys.exit(supervise(arguments.workers, listening))
    threads = arguments.threads or (worker and max(1, len(os.sched_getaffinity(0)) // arguments.workers))
    if threads and (arguments.threads or "OMP_NUM_THREADS" not in os.environ):
        torch.set_num_threads(threads)
    paths = _paths(arguments)
    predictors = _load(arguments, paths)
    name, predictor = next(iter(predictors.items()))
    others = dict(list(predictors.items())[1:])
    with_metrics = arguments.metrics_port is None and arguments.workers == 1

    def record_of(name: str, predictor: "HMTLPredictor") -> ModelRecord:
        return ModelRecord.read(paths[name], predictor.kinds, _weights_file(arguments, paths, name))

    app = create_app(predictor, limits, arguments.title, access, name, with_metrics, record_of, others)
    behind_proxy = arguments.trusted_proxies > 0
    # They would stay while the server has others.
    del predictors, predictor, others
    run(
        app,
        arguments.host,
        arguments.port,
        limits,
        arguments.metrics_port,
        behind_proxy,
        reload=lambda: _load(arguments, paths),
        worker=worker,
    )


def _paths(arguments: argparse.Namespace) -> Dict[str, Path]:
    """Where the models are, by their names, first the one without an option."""
    archive = find_model(arguments.archive)
    place = archive.resolve()
    # Not where a link leads: whoever loads the models anew may have exchanged it.
    paths = {place.parent.name if place.name == ARCHIVE_NAME else place.name: archive}
    for other, path in arguments.others:
        if other in paths:
            raise UserError(f"two models are called {other}; give one of them another name: --model NAME={path}")
        paths[other] = find_model(path)
    return paths


def _weights_file(arguments: argparse.Namespace, paths: Dict[str, Path], name: str) -> Optional[str]:
    """Other weights than the best, which are those of the first model."""
    return arguments.weights_file if name == next(iter(paths)) else None


def _load(arguments: argparse.Namespace, paths: Dict[str, Path]) -> "Dict[str, HMTLPredictor]":
    from hmtl.predictors import HMTLPredictor

    return {
        name: HMTLPredictor.load(
            path,
            arguments.spacy_model,
            gpu_named(arguments.device),
            _weights_file(arguments, paths, name),
            with_scores=not arguments.no_scores,
        )
        for name, path in paths.items()
    }


def _allowed_hosts(given: Optional[List[str]], host: str) -> Tuple[str, ...]:
    if given is not None:
        return tuple(given)
    return _LOOPBACK if host in ("localhost", "127.0.0.1", "::1") else ()

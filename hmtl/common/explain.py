"""How a command line reports what went wrong: one line for a mistake of the user's, a traceback for a fault of ours."""

import json
import os
import pickle
import re
import sys
import tarfile
import traceback
import zlib
from contextlib import contextmanager
from typing import Iterator, Optional

from allennlp.common import Params
from allennlp.common.util import SigTermReceived

from hmtl.common.characters import visible
from hmtl.common.checks import did_you_mean
from hmtl.common.jsonnet_faults import jsonnet_fault
from hmtl.common.requirements import missing_extra
from hmtl.common.stop_signals import Stopped
from hmtl.errors import ConfigurationError, UserError

_MAX_LENGTH = 2_000
# AllenNLP's of its data loaders, and torch's of processes that it starts; their modules take long to import.
_OF_OTHER_PROCESSES = ("WorkerError", "ProcessRaisedException")
_CONFIGURATION_MODULES = {f"allennlp.common.{name}" for name in ("from_params", "lazy", "params", "registrable")}


@contextmanager
def user_errors(program: str = "hmtl", debug: bool = False) -> Iterator[None]:
    """Turns a user's mistake into one line on stderr and exit code 2; faults of the program keep their traceback.

    With `debug`, or `HMTL_DEBUG` set in the environment, the traceback of a mistake is shown too. An interrupt exits
    with 130, a SIGTERM with 143, and training says how to go on; a closed output pipe with 141, as the shell has it.
    """
    try:
        yield
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        raise SystemExit(130) from None
    except SigTermReceived:
        print(f"{program}: terminated", file=sys.stderr)
        raise SystemExit(143) from None
    except Stopped as stopped:
        print(visible(f"{program}: {stopped}"), file=sys.stderr)
        raise SystemExit(stopped.exit_code) from None
    except BrokenPipeError:
        # Python would complain once more while it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(141) from None
    except Exception as error:
        message = explain(error)
        if message is None:
            raise
        if debug or os.environ.get("HMTL_DEBUG"):
            traceback.print_exc()
        print(f"{program}: error: {message}", file=sys.stderr)
        raise SystemExit(2) from None


def explain(error: BaseException) -> Optional[str]:
    """The one line that tells a user what to mend, or `None` where the error is not a user's mistake.

    What it quotes of files acts on no terminal: see `visible`.
    """
    message = _explain(error)
    return None if message is None else visible(_shortened(" ".join(message.split())))


def _shortened(message: str) -> str:
    """Without the middle of what is too long to read, such as a cell of 5,000 digits; the advice stands at the end."""
    return message if len(message) <= _MAX_LENGTH else f"{message[: _MAX_LENGTH - 300]} ... {message[-300:]}"


def _explain(error: BaseException) -> Optional[str]:
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, ConfigurationError):
        return _of_unknown_name(str(error)) or _with_alternatives(error)
    if isinstance(error, ModuleNotFoundError):
        return missing_extra(error)
    if isinstance(error, json.JSONDecodeError):
        return f"not valid JSON: {error}"
    if isinstance(error, UnicodeDecodeError):
        return f"not valid UTF-8 text: {error}"
    if isinstance(error, (tarfile.TarError, zlib.error, EOFError)):
        return f"the archive cannot be unpacked: {error}"
    if isinstance(error, pickle.UnpicklingError):
        from hmtl.common.weights import refused_content

        return refused_content(str(error))
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)
    if isinstance(error, RuntimeError) and str(error).startswith(("RUNTIME ERROR: ", "STATIC ERROR: ")):
        return jsonnet_fault(str(error))
    if isinstance(error, (AssertionError, RuntimeError, TypeError, ValueError)):
        place = _place_in_configuration(error)
        if place is not None:
            return f"{place}: {error.args[-1] if error.args else error}"
    if type(error).__name__ in _OF_OTHER_PROCESSES:
        return _of_other_process(str(error))
    return None


def _of_unknown_name(message: str) -> Optional[str]:
    match = re.match(r"(.+?) not in acceptable choices for (.+?): \[(.*?)\]", message)
    if match is None:
        return None
    name, key, choices = match[1], match[2], re.findall(r"'(.*?)'", match[3])
    advice = did_you_mean(name, choices, f"expected one of {', '.join(choices)}")
    return f"{key}: no class is registered as '{name}'; {advice} (--include-package imports a package of yours)"


def _with_alternatives(error: ConfigurationError) -> str:
    """Where a value fits none of several types, AllenNLP chains the reasons, the last one first."""
    reasons = []
    cause = error.__cause__
    while cause is not None:
        reasons.append(str(cause.args[-1]) if isinstance(cause, (TypeError, ValueError)) else str(cause))
        cause = cause.__cause__
    return f"{error} ({'; '.join(reversed(reasons))})" if reasons else str(error)


def _place_in_configuration(error: BaseException) -> Optional[str]:
    """The path of the object whose construction from parameters, by AllenNLP, the error comes straight out of.

    An unknown key, or a value that torch refuses, may also have been handed on from constructor to constructor.
    """
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    modules = [str(frame.f_globals.get("__name__")) for frame in frames]
    reading = [number for number, module in enumerate(modules) if module in _CONFIGURATION_MODULES]
    if not reading:
        return None
    below = frames[reading[-1] + 1 :]
    refused = "got an unexpected keyword argument" in str(error) or modules[-1].startswith("torch.")
    if below and not (refused and all(frame.f_code.co_name == "__init__" for frame in below)):
        return None
    readers = (frames[number].f_locals.get("params") for number in reversed(reading))
    histories = (params.history.rstrip(".") for params in readers if isinstance(params, Params))
    return next(histories, "") or "configuration"


def _of_other_process(message: str) -> Optional[str]:
    """Of another process's error only the text is known: a traceback that ends in `module.Class: message`."""
    match = re.search(r"^\s*(?:hmtl\.errors|allennlp\.common\.checks)\.\w+: (.+)", message, re.MULTILINE)
    return None if match is None else _of_unknown_name(match[1]) or match[1]

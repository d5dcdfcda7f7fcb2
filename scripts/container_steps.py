#!/usr/bin/env python
"""Runs the steps of the Dockerfile without a container engine: in a folder that stands for the container's root.

    python scripts/container_steps.py
    python scripts/container_steps.py --model runs/quickstart --port 8000
    python scripts/container_steps.py --build-arg TORCH_INDEX=https://pypi.org/simple --build-arg TORCH=torch==2.14.1

The Dockerfile is read, not repeated: every RUN, COPY, ENV and ARG of its stages is carried out in its order, with the
files alone that .dockerignore leaves, no variables of this shell's but those of pip and of proxies, and no compiler.
With a model, the ENTRYPOINT is started, the HEALTHCHECK tried until it succeeds, and the server left to run until
SIGTERM or Ctrl-C. Root starts it as the USER of the Dockerfile, unless this Python is root's alone.

What it does not show: that the base image has what it needs from it, which is Python and its venv.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional

ROOT = Path(__file__).resolve().parents[1]
# Folders of the container that the Dockerfile names; each lies below the folder that stands for the root.
_PATHS = re.compile(r"(?<![^\s\"'=:])/(?=(?:opt|src|model|tmp)(?:/|\b))")
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")
_KEPT = re.compile(r"PIP_\w+|(?:https?|no|all)_proxy|SSL_CERT_\w+|REQUESTS_CA_BUNDLE", re.IGNORECASE)
_PORT = 8000


class Instruction(NamedTuple):
    """A line of a Dockerfile, continued lines joined."""

    name: str
    rest: str


def instructions(dockerfile: str) -> Iterator[Instruction]:
    """The instructions of a Dockerfile, without its comments."""
    lines = [line for line in dockerfile.splitlines() if not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            name, _, rest = line.strip().partition(" ")
            yield Instruction(name.upper(), rest.strip())


class Ignored:
    """What a .dockerignore keeps from an engine: the last pattern that matches a path, or a folder of it, decides."""

    def __init__(self, text: str) -> None:
        lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
        self._rules = [(re.compile(_pattern(line.lstrip("!"))), line.startswith("!")) for line in lines]

    def __contains__(self, path: str) -> bool:
        parts = path.split("/")
        prefixes = ["/".join(parts[: number + 1]) for number in range(len(parts))]
        ignored = False
        for pattern, includes in self._rules:
            if any(pattern.fullmatch(prefix) for prefix in prefixes):
                ignored = not includes
        return ignored


def _pattern(glob: str) -> str:
    """The regular expression of a pattern of .dockerignore."""
    special = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", glob.strip("/"))
    return "".join(special.get(part, re.escape(part)) for part in parts)


class Container:
    """What the steps of a Dockerfile make in a folder.

    # Parameters

    folder : `Path`
        Stands for the root of the container; all stages share it.
    context : `Path`, optional
        The folder of the Dockerfile, its .dockerignore and the files that it copies.
    arguments : `Dict[str, str]`, optional
        In place of the defaults of ARG.
    """

    def __init__(self, folder: Path, context: Path = ROOT, arguments: Optional[Dict[str, str]] = None) -> None:
        if not (context / "Dockerfile").is_file():
            raise SystemExit(f"{context}: no Dockerfile; run this in a checkout of hmtl")
        self.folder = folder
        self._context = context
        self._given = arguments or {}
        self._ignored = Ignored((context / ".dockerignore").read_text(encoding="utf-8"))
        self._variables: Dict[str, str] = {}
        self._workdir = folder
        self._lines = {"CMD": "[]", "ENTRYPOINT": "[]", "HEALTHCHECK": "", "USER": ""}
        host = folder / "host"
        for name in (host, folder / "tmp"):
            name.mkdir(parents=True, exist_ok=True)
        (folder / "tmp").chmod(0o1777)
        # The base image's interpreter.
        python = host / "python"
        if not python.exists():
            base = os.path.realpath(sys._base_executable)  # type: ignore[attr-defined]
            python.write_text(f'#!/bin/sh\nexec {shlex.quote(base)} "$@"\n', encoding="utf-8")
            python.chmod(0o755)
        kept = {name: value for name, value in os.environ.items() if _KEPT.fullmatch(name)}
        path = os.pathsep.join([str(host), "/usr/local/bin", "/usr/bin", "/bin"])
        self._environment = {**kept, "PATH": path, "HOME": str(folder / "tmp"), "CC": "false", "CXX": "false"}

    def build(self, target: Optional[str] = None) -> None:
        """Carries out the stages up to a target, by default the last, and those that it needs.

        # Raises

        SystemExit
            Where a step fails, or is none that is known here.
        """
        dockerfile = list(instructions((self._context / "Dockerfile").read_text(encoding="utf-8")))
        wanted = _stages_needed(dockerfile, target)
        stage = ""
        for name, rest in dockerfile:
            if name == "FROM":
                stage = rest.split()[-1]
            if stage and stage not in wanted:
                continue
            print(f"{name} {rest}", flush=True)
            self._step(name, rest)

    def command(self, *options: str) -> List[str]:
        """The ENTRYPOINT with its CMD, which other options take the place of."""
        arguments = list(options) or json.loads(self._lines["CMD"])
        return [self._here(word) for word in [*json.loads(self._lines["ENTRYPOINT"]), *arguments]]

    def start(self, model: Path, port: int, *options: str) -> "subprocess.Popen[str]":
        """Starts the command of the container with a model at /model, at a port of this machine, as its USER."""
        mounted = self.folder / "model"
        if not mounted.exists():
            shutil.copytree(model, mounted) if model.is_dir() else _copied(model, mounted / "model.tar.gz")
        user: Dict[str, Any] = {}
        if os.geteuid() == 0 and _is_for_all(Path(os.path.realpath(sys.executable))):
            number, _, group = self._lines["USER"].partition(":")
            user = {"user": int(number), "group": int(group)}
        command = [*self.command(), "--port", str(port), *options]
        print(shlex.join(command), flush=True)
        program = shutil.which(command[0], path=self._environment["PATH"])
        assert program is not None
        return subprocess.Popen(
            [program, *command[1:]], env=self._environment, cwd=self._workdir, stderr=subprocess.PIPE, text=True, **user
        )

    def is_healthy(self, port: int) -> bool:
        """Whether the HEALTHCHECK succeeds."""
        check = json.loads(self._lines["HEALTHCHECK"].partition("CMD")[2])
        command = [word.replace(f":{_PORT}/", f":{port}/") for word in check]
        return subprocess.run(command, env=self._environment, capture_output=True).returncode == 0

    def _step(self, name: str, rest: str) -> None:
        if name == "ARG":
            argument, _, default = rest.partition("=")
            value = self._given.get(argument, default)
            if value:
                self._variables[argument] = value
        elif name == "ENV":
            for word in shlex.split(rest):
                variable, _, value = word.partition("=")
                self._environment[variable] = _expanded(self._here(value), {**self._environment, **self._variables})
        elif name == "WORKDIR":
            self._workdir = Path(self._here(rest))
            self._workdir.mkdir(parents=True, exist_ok=True)
        elif name == "COPY":
            self._copy(_expanded(rest, self._variables).split())
        elif name == "RUN":
            environment = {**self._environment, **self._variables}
            done = subprocess.run(["/bin/sh", "-ec", self._here(rest)], env=environment, cwd=self._workdir)
            if done.returncode:
                raise SystemExit(f"the step failed: RUN {rest}")
        elif name in self._lines:
            self._lines[name] = rest
        elif name not in ("FROM", "EXPOSE"):
            raise SystemExit(f"{name}: no step that is known here")

    def _copy(self, words: List[str]) -> None:
        *sources, last = words
        target = Path(os.path.join(self._workdir, self._here(last)))
        if sources[0].startswith("--from="):
            if Path(self._here(sources[1])) != target:
                raise SystemExit(f"COPY {' '.join(words)}: all stages share a root, so the places must be equal")
            return
        for source in sources:
            found = self._context / source
            if not found.exists() or source in self._ignored and not found.is_dir():
                raise SystemExit(f"COPY {source}: no such file, or .dockerignore leaves it out")
            if found.is_file():
                _copied(found, target / found.name if last.endswith("/") else target)
                continue
            for path in sorted(found.rglob("*")):
                if path.is_file() and path.relative_to(self._context).as_posix() not in self._ignored:
                    _copied(path, target / path.relative_to(found))

    def _here(self, text: str) -> str:
        """Paths of the container as they are on this machine."""
        return _PATHS.sub(f"{self.folder}/", text)


def _stages_needed(dockerfile: List[Instruction], target: Optional[str]) -> List[str]:
    """The stage that is asked for, those that it is made from and those that it copies from."""
    needs: Dict[str, List[str]] = {}
    for name, rest in dockerfile:
        if name == "FROM":
            base, *_, stage = rest.split()
            needs[stage] = [base]
        elif name == "COPY" and rest.startswith("--from="):
            needs[stage].append(rest.split()[0].removeprefix("--from="))
    wanted = [target or list(needs)[-1]]
    if wanted[0] not in needs:
        raise SystemExit(f"no stage {wanted[0]!r}; the Dockerfile has: {', '.join(needs)}")
    for stage in wanted:
        wanted += [other for other in needs[stage] if other in needs and other not in wanted]
    return wanted


def _is_for_all(path: Path) -> bool:
    """Whether every user may run it. An interpreter in a folder of root's is root's alone."""
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))


def _expanded(text: str, variables: Dict[str, str]) -> str:
    return _VARIABLE.sub(lambda match: variables.get(match[1] or match[2], ""), text)


def _copied(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="stands for the container's root, and stays (default: a new one)")
    parser.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE", help="may be repeated")
    parser.add_argument("--target", help="the stage to build (default: the last)")
    parser.add_argument("--model", type=Path, help="a model.tar.gz, or the directory of a run, to be served")
    parser.add_argument("--port", type=int, default=_PORT, help=f"in place of the container's (default: {_PORT})")
    arguments = parser.parse_args()
    given = dict(word.partition("=")[::2] for word in arguments.build_arg)
    with tempfile.TemporaryDirectory() as temporary:
        folder = (arguments.folder or Path(temporary)).resolve()
        Path(temporary).chmod(0o755)
        container = Container(folder, arguments=given)
        container.build(arguments.target)
        if arguments.model is None:
            return
        server = container.start(arguments.model, arguments.port)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: server.send_signal(signal.SIGTERM))
        while not container.is_healthy(arguments.port):
            if server.poll() is not None:
                raise SystemExit(f"the server ended: {server.communicate()[1]}")
            time.sleep(1)
        print("healthy", flush=True)
        assert server.stderr is not None
        for line in server.stderr:
            print(line, end="", file=sys.stderr)
        raise SystemExit(server.wait())


if __name__ == "__main__":
    main()

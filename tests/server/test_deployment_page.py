"""docs/using/deploy.md shows files that are what they claim to be, and go by the server's options and routes."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Dict, List

import pytest
import yaml

from hmtl.server.limits import Limits

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "using" / "deploy.md").read_text(encoding="utf-8")


def blocks(language: str) -> List[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_kubernetes():
    [text] = blocks("yaml")
    deployment, service = yaml.safe_load_all(text)
    pod: Dict[str, Any] = deployment["spec"]["template"]["spec"]
    [container] = pod["containers"]
    # What was taken is answered before Kubernetes kills.
    sleep = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] > sleep + Limits().stop_seconds
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports["http"] == 8000
    assert container["args"][-2:] == ["--metrics-port", str(ports["metrics"])]
    assert deployment["spec"]["template"]["metadata"]["annotations"]["prometheus.io/port"] == str(ports["metrics"])
    probes = {name: container[name]["httpGet"] for name in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert {name: probe["path"] for name, probe in probes.items()} == {
        "startupProbe": "/health",
        "readinessProbe": "/ready",
        "livenessProbe": "/health",
    }
    assert all(probe["port"] in ports for probe in probes.values())
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels == service["spec"]["selector"]
    assert service["spec"]["ports"][0]["targetPort"] in ports
    assert pod["securityContext"]["runAsNonRoot"] and container["securityContext"]["readOnlyRootFilesystem"]
    mounts = {mount["name"] for mount in container["volumeMounts"]}
    assert mounts == {volume["name"] for volume in pod["volumes"]}


def test_systemd(tmp_path):
    [text] = blocks("ini")
    stop = re.search(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)
    assert stop is not None and int(stop[1]) > Limits().stop_seconds
    assert "kill -HUP $MAINPID" in text
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("needs systemd-analyze")
    unit = tmp_path / "hmtl.service"
    unit.write_text(text.replace("/opt/hmtl/bin/hmtl", "/bin/true"))
    done = subprocess.run([program, "verify", "--man=no", str(unit)], capture_output=True, text=True)
    of_this_unit = [line for line in done.stderr.splitlines() if "hmtl.service" in line]
    assert not of_this_unit, of_this_unit


def test_what_is_said_of_the_build_arguments_is_in_the_dockerfile():
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    arguments = dict(re.findall(r"^ARG (\w+)(?:=(.*))?$", dockerfile, re.MULTILINE))
    rows = dict(re.findall(r"^\| `(\w+)` \| .* \| (.*) \|$", PAGE, re.MULTILINE))
    assert set(rows) == set(arguments)
    assert rows["EXTRAS"] == f"`{arguments['EXTRAS']}`"
    assert rows["PYTHON"] == arguments["PYTHON"]
    assert (rows["MODEL"], arguments["MODEL"]) == ("none", "")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"TORCH ?= {arguments['TORCH']}" in makefile


def test_the_space_is_one():
    readme = (ROOT / "deploy" / "space" / "README.md").read_text(encoding="utf-8")
    settings = yaml.safe_load(readme.split("---")[1])
    dockerfile = (ROOT / "deploy" / "space" / "Dockerfile").read_text(encoding="utf-8")
    assert settings["sdk"] == "docker"
    assert f'"--port", "{settings["app_port"]}"' in dockerfile
    for copied in re.findall(r"^COPY (\S+)", dockerfile, re.MULTILINE):
        assert f"`{copied}`" in readme
    assert "USER 1000:1000" in dockerfile

"""Known vulnerabilities of what is installed beside this Python, by pip-audit; what it cannot look up is a failure too.

Left alone, pip-audit passes over a package that it does not find in the database, and reports that nothing is known.
"""

import json
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any, Dict, List

# Not on the index: hmtl itself. Its AllenNLP is looked up by name below.
OURS = {"hmtl"}
CARRIED = {"allennlp": "2.10.1"}


def installed() -> Dict[str, str]:
    """The release of each installed distribution, without local labels such as `+cpu`, and of what hmtl carries."""
    found = {each.metadata["Name"].lower().replace("_", "-"): each.version for each in metadata.distributions()}
    return {**{name: version.partition("+")[0] for name, version in found.items() if name not in OURS}, **CARRIED}


def problems(report: Dict[str, Any], packages: Dict[str, str]) -> List[str]:
    """A line for each vulnerability of the report, and for each package that it says nothing of."""
    lines = []
    known = {each["name"].lower().replace("_", "-"): each for each in report["dependencies"]}
    for name, version in sorted(packages.items()):
        entry = known.get(name)
        if entry is None or "skip_reason" in entry:
            reason = "not in the report" if entry is None else entry["skip_reason"]
            lines.append(f"{name} {version}: not looked up: {reason}")
            continue
        for each in entry["vulns"]:
            fixed = ", ".join(each["fix_versions"]) or "no release"
            lines.append(f"{name} {version}: {each['id']} ({', '.join(each.get('aliases', []))}), fixed in {fixed}")
    return lines


def main() -> None:
    packages = installed()
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder) / "requirements.txt"
        requirements.write_text("".join(f"{name}=={version}\n" for name, version in sorted(packages.items())))
        command = [sys.executable, "-m", "pip_audit", "--format", "json", "--no-deps", "--disable-pip"]
        command += ["--progress-spinner", "off", "--vulnerability-service", "osv", "--requirement", str(requirements)]
        done = subprocess.run(command, capture_output=True, text=True)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        sys.exit(f"audit: pip-audit has no report: {(done.stderr.strip().splitlines() or ['no output'])[-1]}")
    lines = problems(report, packages)
    print("\n".join(lines) or f"audit: nothing is known against any of {len(packages)} packages")
    if lines:
        sys.exit(f"audit: {len(lines)} lines above, of {len(packages)} packages")


if __name__ == "__main__":
    main()

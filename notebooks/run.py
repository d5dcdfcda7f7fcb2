#!/usr/bin/env python
"""Runs the notebooks and keeps what they print, and nothing else that differs from run to run.

python notebooks/run.py notebooks/*.ipynb
"""

import argparse
from pathlib import Path
from typing import Dict, Optional

import nbformat
from nbclient import NotebookClient


def executed(path: Path, settings: Optional[Dict[str, object]] = None) -> nbformat.NotebookNode:
    """A notebook with its outputs: text alone, without numbers of executions.

    `settings` replaces the values of assignments, `{"num_epochs": 1}` that of the line `num_epochs = 5`.

    # Raises

    KeyError
        Where the notebook has no such line.
    """
    notebook = nbformat.read(path, as_version=4)
    for name, value in (settings or {}).items():
        _assign(notebook, name, value)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(path.parent)}}).execute()
    notebook.metadata = {"kernelspec": notebook.metadata.kernelspec}
    for cell in notebook.cells:
        cell.metadata.clear()
        if cell.cell_type == "code":
            cell.execution_count = None
            text = "".join(output.text for output in cell.outputs if output.get("name") == "stdout")
            cell.outputs = [nbformat.v4.new_output("stream", text=text)] if text else []
    return notebook


def _assign(notebook: nbformat.NotebookNode, name: str, value: object) -> None:
    for cell in notebook.cells:
        lines = cell.source.split("\n")
        for number, line in enumerate(lines):
            if line.startswith(f"{name} = "):
                lines[number] = f"{name} = {value!r}"
                cell.source = "\n".join(lines)
                return
    raise KeyError(name)


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebooks", nargs="+", type=Path, metavar="NOTEBOOK")
    for path in parser.parse_args().notebooks:
        notebook = executed(path)
        nbformat.write(notebook, path)
        print(path)


if __name__ == "__main__":
    main()

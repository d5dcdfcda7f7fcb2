#!/usr/bin/env python
"""Runs the notebooks, each in an empty folder, and keeps what they print and draw.

python notebooks/run.py notebooks/*.ipynb
"""

import argparse
import base64
import io
import tempfile
from pathlib import Path
from typing import Dict, List, Optional

import nbformat
from nbclient import NotebookClient
from PIL import Image

# Of an output in several forms, the first of these is kept.
RICHEST = ("image/png", "text/html", "text/plain")
NUM_COLOURS = 64


def executed(path: Path, folder: Path, settings: Optional[Dict[str, object]] = None) -> nbformat.NotebookNode:
    """A notebook with its outputs: what it prints, and what cells return or draw, each in its richest form; no logs
    and warnings, and no numbers of executions.

    `folder` is where its code runs. `settings` replaces the values of assignments, `{"num_epochs": 1}` that of the line
    `num_epochs = 5`.

    # Raises

    KeyError
        Where the notebook has no such line.
    """
    notebook = nbformat.read(path, as_version=4)
    for name, value in (settings or {}).items():
        _assign(notebook, name, value)
    # A cell that trains takes minutes where others compute as well.
    NotebookClient(notebook, timeout=1800, resources={"metadata": {"path": str(folder)}}).execute()
    notebook.metadata = {"kernelspec": notebook.metadata.kernelspec}
    for cell in notebook.cells:
        cell.metadata.clear()
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.outputs = _kept(cell.outputs)
    return notebook


def _kept(outputs: List[nbformat.NotebookNode]) -> List[nbformat.NotebookNode]:
    kept: List[nbformat.NotebookNode] = []
    for output in outputs:
        if output.output_type == "stream":
            if output.name == "stdout" and kept and kept[-1].output_type == "stream":
                kept[-1].text += output.text  # it comes in pieces
            elif output.name == "stdout":
                kept.append(nbformat.v4.new_output("stream", text=output.text))
        else:
            form = next(form for form in RICHEST if form in output.data)
            content = smaller(output.data[form]) if form == "image/png" else output.data[form]
            kept.append(nbformat.v4.new_output("display_data", data={form: content}))
    return kept


def smaller(png: str) -> str:
    """A picture, in base64, with a palette: plots have few colours, and a third of the bytes then."""
    buffer = io.BytesIO()
    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    picture.quantize(NUM_COLOURS, Image.Quantize.MEDIANCUT).save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


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
        with tempfile.TemporaryDirectory() as folder:
            notebook = executed(path, Path(folder))
        nbformat.write(notebook, path)
        print(path)


if __name__ == "__main__":
    main()

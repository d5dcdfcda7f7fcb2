"""Removes the pages of the reference whose modules are gone, which autosummary leaves in their place."""

from pathlib import Path
from typing import Any, Dict

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]


def remove_stale_pages(app: Sphinx, config: Any) -> None:
    for page in (Path(app.srcdir) / "reference" / "api").glob("*.rst"):
        module = ROOT.joinpath(*page.stem.split("."))
        if not ((module / "__init__.py").is_file() or module.with_suffix(".py").is_file()):
            page.unlink()


def setup(app: Sphinx) -> Dict[str, bool]:
    app.connect("config-inited", remove_stale_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

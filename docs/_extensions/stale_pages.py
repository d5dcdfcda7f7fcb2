"""Removes the generated pages of the reference where a module is gone: autosummary leaves its page, and the list of its
package, in their places."""

from pathlib import Path
from typing import Any, Dict

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]


def remove_stale_pages(app: Sphinx, config: Any) -> None:
    pages = list((Path(app.srcdir) / "reference" / "api").glob("*.rst"))
    if not all(map(_has_module, pages)):
        for page in pages:
            page.unlink()


def _has_module(page: Path) -> bool:
    module = ROOT.joinpath(*page.stem.split("."))
    return (module / "__init__.py").is_file() or module.with_suffix(".py").is_file()


def setup(app: Sphinx) -> Dict[str, bool]:
    app.connect("config-inited", remove_stale_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""How the documentation is built: `python -m sphinx -W --keep-going -b html docs docs/_build/html`."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs" / "_extensions")]

from hmtl.version import VERSION  # noqa: E402  (imports hmtl, and so registers what the pages describe)

project = "hmtl"
author = "The hmtl authors"
project_copyright = "The hmtl authors"
release = version = VERSION

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "docstrings",
    "configuration_keys",
    "notebooks",
    "stale_pages",
]
source_suffix = {".rst": "restructuredtext", ".md": "markdown", ".ipynb": "notebook"}
exclude_patterns = ["_build"]
templates_path = ["_templates"]

myst_enable_extensions = ["deflist", "colon_fence"]
myst_heading_anchors = 4
# Pages of single runs, as `python -m research.paper report` writes them.
suppress_warnings = ["myst.header"]

autosummary_generate = True
autosummary_ignore_module_all = True
autodoc_default_options = {"members": True, "show-inheritance": True, "ignore-module-all": True}
# AllenNLP's docstrings are AllenNLP's.
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
maximum_signature_line_length = 88

html_theme = "furo"
html_title = f"hmtl {VERSION}"
html_static_path: list = []
html_show_sphinx = False
html_copy_source = False
# Everything comes from the page's own host.
html_theme_options = {"navigation_with_keys": True, "top_of_page_buttons": []}
pygments_style = "friendly"
pygments_dark_style = "native"

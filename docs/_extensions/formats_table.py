"""The table in docs/formats.md: what `hmtl convert` makes of the small files in tests/fixtures/formats.

`python docs/_extensions/formats_table.py` makes it again; tests/docs/test_formats_page.py compares the page with it.
"""

import re
import sys
from pathlib import Path
from typing import Dict, List

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "formats.md"
FIXTURES = ROOT / "tests" / "fixtures" / "formats"
# The table in the page: that of conversions is the one that begins so.
TABLE = re.compile(r"^\| file \|.*?(?=\n\n)", re.MULTILINE | re.DOTALL)
COLUMNS = ("documents", "spans", "relations", "clusters")


def table() -> str:
    """A row for each file or folder: its format, the numbers of what came out, and what was dropped or changed."""
    from hmtl.commands.convert import convert

    lines = [
        "| file | found as | documents | spans | relations | clusters | dropped | changed |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for path in sorted(FIXTURES.iterdir()):
        report = convert(str(path)).to_json()
        counts: Dict[str, int] = {}
        for written in report["written"].values():
            for name, count in written.items():
                counts[name] = counts.get(name, 0) + count
        cells = [f"`{path.name}`", f"`{report['format']}`"]
        cells += [str(counts[name]) if name in counts else "" for name in COLUMNS]
        cells += [listed(report["dropped"]), listed(report["changed"])]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def listed(changes: List[Dict]) -> str:
    return "; ".join(f"{change['count']} {change['what']}: {change['reason']}" for change in changes)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    PAGE.write_text(TABLE.sub(lambda _: table(), PAGE.read_text(encoding="utf-8")), encoding="utf-8")

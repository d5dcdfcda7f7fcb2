"""docs/formats.md shows what the files in tests/fixtures/formats are like, and what becomes of them."""

import sys

from documentation import ROOT, blocks

sys.path.append(str(ROOT / "docs" / "_extensions"))
import formats_table  # noqa: E402  (is no package)

PAGE = ROOT / "docs" / "formats.md"


def test_the_table_is_what_the_conversion_of_the_files_gives():
    [table] = formats_table.TABLE.findall(PAGE.read_text(encoding="utf-8"))
    assert table == formats_table.table(), "python docs/_extensions/formats_table.py makes it again"


def test_the_lines_that_are_shown_of_a_format_stand_in_a_file():
    files = [path for path in formats_table.FIXTURES.rglob("*") if path.is_file()]
    contents = [path.read_text(encoding="utf-8").replace("\r\n", "\n") for path in files]
    shown = blocks(PAGE, "text")
    assert len(shown) == 10
    for block in shown:
        lines = block.text.splitlines()
        assert any(all(line in content.splitlines() for line in lines) for content in contents), block.text

"""The pictures of the terminal are made of what commands write, and pages show them."""

import html
import re
import sys
from pathlib import Path

import pytest
from documentation import PAGES, ROOT

# Of a character, in the units of rich's pictures.
WIDTH = 12.2
IMAGES = ROOT / "docs" / "images"
_IMAGE = re.compile(r"!\[(?P<alternative>[^\]]*)\]\((?P<path>[^)\s]+)\)")


@pytest.fixture
def screens(monkeypatch):
    pytest.importorskip("pyte")
    monkeypatch.syspath_prepend(str(IMAGES))
    import screens

    return screens


def texts(svg: str) -> list:
    """The lines of a picture: each of its texts stands at its column, and what is blank has none."""
    rows: dict = {}
    for x, y, text in re.findall(r'<text class="[^"]*-r\d+" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)</text>', svg):
        column = round(float(x) / WIDTH)
        row = rows.get(float(y), "")
        rows[float(y)] = row[:column].ljust(column) + html.unescape(text).replace("\xa0", " ")
    return [rows[y].rstrip() for y in sorted(rows)]


def test_what_is_redrawn_stands_once_and_keeps_its_colours(screens):
    import pyte

    screen = pyte.Screen(screens.COLUMNS, screens.LINES)
    stream = pyte.ByteStream(screen)
    # A bar of two lines is drawn twice, and removed; then a line of three colours stands in its place.
    stream.feed(b"epoch  ner\r\n 10%\r\n  loss 5\x1b[1A\x1b[2K\r 90%\r\n\x1b[2K\r  loss 1")
    assert [line.plain for line in screens.lines_on(screen)] == ["epoch  ner", " 90%", "  loss 1"]
    stream.feed(b"\r\x1b[2K\x1b[1A\x1b[2K0 \x1b[1;32m50.0*\x1b[0m \x1b[38;5;197mred\x1b[0m \x1b[33mdim\x1b[0m\r\n\r\n")
    lines = screens.lines_on(screen)
    assert [line.plain for line in lines] == ["epoch  ner", "0 50.0* red dim"]

    svg = screens.as_svg("hmtl train <DATA>", lines, 60, "trained")
    assert texts(svg) == ["$ hmtl train <DATA>", "epoch  ner", "0 50.0* red dim"]
    rules = dict(re.findall(r"\.hmtl-trained-(r\d+) \{ (.*?) \}", svg))
    styles = {text: rules[rule] for rule, text in re.findall(r'<text class="hmtl-trained-(r\d+)"[^>]*>([^<]+)<', svg)}
    assert "#ff005f" in styles["red"] and "font-weight: bold" in styles["50.0*"]
    assert len({styles[text] for text in ("50.0*", "red", "dim")}) == 3
    # It is whole by itself.
    assert "font-face" not in svg and "url(" not in svg.replace("url(#hmtl-trained-", "")


def test_of_a_long_screen_the_rest_is_counted(screens):
    from rich.text import Text

    svg = screens.as_svg("hmtl errors RUN", [Text(f"line {number}") for number in range(5)], 2, "errors")
    assert texts(svg) == ["$ hmtl errors RUN", "line 0", "line 1", "... 3 more lines"]


def test_a_command_is_run_in_a_terminal(screens, tmp_path):
    shot = screens.Shot("hmtl configs here", "configs")
    [svg] = screens.pictures(shot, tmp_path).values()
    assert texts(svg)[0] == "$ hmtl configs here" and any("here/configs" in line for line in texts(svg))
    assert (tmp_path / "here" / "configs").is_dir()
    with pytest.raises(RuntimeError, match="'hmtl configs here' ended with"):  # it is there already
        screens.pictures(shot, tmp_path)
    with pytest.raises(RuntimeError, match="'hmtl --version' never showed epoch 7"):
        screens.pictures(screens.Shot("hmtl --version", "", "version", "epoch 7"), tmp_path)


def test_a_picture_that_tells_where_it_was_made_is_refused(screens, tmp_path):
    with pytest.raises(RuntimeError, match=f"shows {tmp_path}"):
        screens.pictures(screens.Shot(f"hmtl configs {tmp_path}/here", "configs"), tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_the_pictures_of_a_page_are_there_and_say_what_they_show(page):
    for match in _IMAGE.finditer(page.read_text(encoding="utf-8")):
        if not match["path"].startswith("http"):
            assert (page.parent / match["path"]).is_file(), match["path"]
        assert len(match["alternative"].split()) >= 3, match["path"]


def test_every_screen_is_kept_and_shown_and_tells_no_place(screens):
    shown = {
        (page.parent / match["path"]).resolve()
        for page in PAGES
        for match in _IMAGE.finditer(page.read_text(encoding="utf-8"))
    }
    kept = set(IMAGES.glob("*.svg"))
    commands = {name: shot.command for shot in screens.SHOTS for name in (shot.in_between, shot.at_the_end) if name}
    assert {path.stem for path in kept} == set(commands)
    for path in kept:
        assert path in shown, path.name
        svg = path.read_text(encoding="utf-8")
        lines = texts(svg)
        assert lines[0] == f"$ {commands[path.stem]}" and len(lines) > 5
        assert len(svg) < 200_000
        assert not re.search(r"/(?:tmp|home|root|work|Users)/", svg)
        assert str(Path(sys.prefix)) not in svg

import os
from pathlib import Path

import pytest
from ace_files import ENGLISH

from hmtl.corpora.ace.sgml import decode_entities, read_source_text
from hmtl.errors import DataError


def read(tmp_path: Path, content):
    path = tmp_path / "X.sgm"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_source_text(path)


def passages(source, zone=None) -> list:
    return [passage.text for passage in source.passages(zone or (0, len(source.text)))]


def test_offsets_count_what_is_no_tag():
    source = read_source_text(ENGLISH / "bc" / "timex2norm" / "CNN_CF_20990107.1900.00.sgm")
    # By hand: 1 line break after <DOC>, 26 for the identifier's line, 8 for STORY, 28 for the date, 1 each after <BODY>
    # and <HEADLINE>, 25 for the headline, 1 each after </HEADLINE>, <TEXT> and <TURN>, 8 for ODELL: 101.
    assert source.text[101:115] == "Good evening. "
    assert source.text[115:126] == "Ilse Brandt"
    # An entity counts five characters here.
    assert source.text[192:199] == "R&amp;D"


def test_zones_are_ranges_of_the_text(tmp_path):
    source = read(tmp_path, "<DOC>a<BODY>b<TEXT>c<TURN>d</TURN><TURN>e</TURN></TEXT>f</BODY></DOC>")
    assert source.text == "abcdef"
    assert {name: source.zones[name] for name in ("DOC", "BODY", "TEXT", "TURN")} == {
        "DOC": (0, 6),
        "BODY": (1, 6),
        "TEXT": (2, 5),
        "TURN": (3, 5),
    }


def test_line_breaks_count_one_however_they_are_written(tmp_path):
    unix = "<DOC>\nTwo words\nand a\n\nline.\n</DOC>\n"
    source = read(tmp_path, unix)
    assert read(tmp_path, unix.replace("\n", "\r\n")) == source
    assert source.text == "\nTwo words\nand a\n\nline.\n\n"
    assert [passage.strip() for passage in passages(source)] == ["Two words and a", "line."]


def test_passages_end_at_blank_lines_indentation_and_tags(tmp_path):
    source = read(tmp_path, "<DOC>one\ntwo\n\nthree \nfour\n  five<P>six</P>seven</DOC>")
    assert [text.strip() for text in passages(source)] == ["one two", "three", "four", "five", "six", "seven"]


def test_times_are_no_end_of_a_passage(tmp_path):
    source = read(tmp_path, '<DOC>until <TIMEX2 VAL="2099">next year</TIMEX2> only</DOC>')
    assert passages(source) == ["until next year only"]


def test_quoted_posts_are_attributes_and_no_text(tmp_path):
    source = read(tmp_path, '<DOC>before\n<QUOTE PREVIOUSPOST="\nnot &gt; this\n"/>\nbehind</DOC>')
    assert source.text == "before\n\nbehind"


def test_a_lone_bracket_is_text(tmp_path):
    assert read(tmp_path, "<DOC>3 < 4<P>and 5 > 4</DOC>").text == "3 < 4and 5 > 4"


def test_entities_are_decoded_and_keep_their_places(tmp_path):
    source = read(tmp_path, "<DOC>A &amp; B &AMP; &lt;C&gt; &unknown;</DOC>")
    (passage,) = source.passages((0, len(source.text)))
    assert passage.text == "A & B & <C> &unknown;"
    # `B` is the fifth character, the eleventh with the entity in full.
    assert passage.offsets[4] == source.text.index("B") == 8
    assert len(passage.offsets) == len(passage.text) + 1
    for position, character in enumerate(passage.text):
        start, end = passage.offsets[position : position + 2]
        assert decode_entities(source.text[start:end]) == character
        assert passage.position(start) == position
    within = source.text.index("&amp;") + 2
    assert passage.position(within) == -1
    assert passage.position(len(source.text) + 5) == -1


def test_a_byte_order_mark_is_no_character(tmp_path):
    assert read(tmp_path, "\ufeff<DOC>a</DOC>").text == "a"


@pytest.mark.parametrize(
    "content, message",
    [
        ("<DOC>caf\xe9</DOC>".encode("latin-1"), "X.sgm: not valid UTF-8"),
        ("<DOC>\n<TEXT>no end", "X.sgm: expected one document from <DOC> to </DOC>"),
        ("<DOC>\n<TEXT>text</TE", "X.sgm:2: a tag has no end"),
        ('<DOC>\n<QUOTE PREVIOUSPOST="and so', "X.sgm:2: a tag has no end"),
        ("", "X.sgm: expected one document"),
        ("only text", "X.sgm: expected one document"),
    ],
)
def test_bad_files_are_named(tmp_path, content, message):
    with pytest.raises(DataError) as raised:
        read(tmp_path, content)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"Y\.sgm: no such file"):
        read_source_text(tmp_path / "Y.sgm")


def test_an_unreadable_file_is_named(tmp_path):
    # Even root cannot read a directory as a file.
    (tmp_path / "Z.sgm").mkdir()
    with pytest.raises(DataError, match=r"Z\.sgm: cannot be read: is a directory"):
        read_source_text(tmp_path / "Z.sgm")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_named(tmp_path):
    path = tmp_path / "X.sgm"
    path.write_text("<DOC></DOC>")
    path.chmod(0)
    with pytest.raises(DataError, match=r"X\.sgm: cannot be read: permission denied"):
        read_source_text(path)

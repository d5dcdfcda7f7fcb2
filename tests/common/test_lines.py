import pytest

from hmtl.common.lines import read_lines
from hmtl.errors import DataError


def test_lines_are_numbered_from_one_and_lose_their_line_breaks(tmp_path):
    file = tmp_path / "a.txt"
    file.write_bytes("\ufeffone\r\n\ntwo\u2028still two\x85 here".encode())
    assert list(read_lines(file)) == [(1, "one"), (2, ""), (3, "two\u2028still two\x85 here")]


def test_a_line_that_is_not_utf8_is_named(tmp_path):
    file = tmp_path / "latin.txt"
    file.write_bytes("plain\ncafé\n".encode("latin-1"))
    lines = read_lines(file)
    assert next(lines) == (1, "plain")
    with pytest.raises(DataError, match=r"latin\.txt:2: not valid UTF-8 .*convert the file"):
        next(lines)


def test_lines_that_end_in_carriage_returns_alone_are_refused(tmp_path):
    file = tmp_path / "mac.txt"
    file.write_bytes(b"first\nJohn B-PER\rin O\r\rParis B-LOC\r")
    lines = read_lines(file)
    assert next(lines) == (1, "first")
    with pytest.raises(DataError, match=r"mac\.txt:2: a carriage return within the line"):
        next(lines)


def test_no_file_has_a_name_with_a_nul(tmp_path):
    with pytest.raises(DataError, match="no file name holds a NUL; check the list that names it"):
        next(read_lines(tmp_path / "a\0b"))

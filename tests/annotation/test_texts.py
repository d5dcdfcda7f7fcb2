import io
import json
import sys

import pytest

from hmtl.annotation import Texts
from hmtl.errors import DataError, UserError


def read(*paths, kind="auto"):
    return list(Texts([str(path) for path in paths], kind))


def refused(path, kind="auto"):
    with pytest.raises(DataError) as error:
        read(path, kind=kind)
    return str(error.value)


@pytest.fixture
def file(tmp_path):
    def write(content, name="a.txt"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_a_file_is_a_text_with_its_line_breaks(file):
    assert read(file("One\r\ntwo\n\nthree\u2028 é\n")) == [{"doc_key": "a", "text": "One\r\ntwo\n\nthree\u2028 é\n"}]


def test_a_byte_order_mark_is_dropped(file):
    assert read(file(b"\xef\xbb\xbfTom"))[0]["text"] == "Tom"
    assert read(file(b"\xef\xbb\xbfTom\n\xef\xbb\xbfMara"), kind="lines")[1]["text"] == "\ufeffMara"


def test_lines(file):
    assert read(file("One\r\n \n\ntwo\u2028 \x85three"), kind="lines") == [
        {"doc_key": "a_1", "text": "One"},
        {"doc_key": "a_4", "text": "two\u2028 \x85three"},
    ]


def test_json_lines_by_name_or_by_order(file):
    lines = [{"text": "One"}, {"sentences": [["two"]], "doc_key": "x"}]
    expected = [{"text": "One", "doc_key": "b_1"}, {"sentences": [["two"]], "doc_key": "x"}]
    content = "\n\n".join(map(json.dumps, lines))
    assert read(file(content, "b.jsonl")) == [expected[0], expected[1]]
    assert [row["doc_key"] for row in read(file(content, "c.txt"), kind="jsonl")] == ["c_1", "x"]
    assert read(file(content, "b.jsonl"), kind="text")[0]["text"] == content


def test_standard_input_among_files(file, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("Zoë\r\n".encode())))
    assert read(file("One"), "-") == [{"doc_key": "a", "text": "One"}, {"doc_key": "stdin", "text": "Zoë\r\n"}]


def test_invalid_utf8_is_named_by_file_and_byte(file):
    path = file("é".encode() + b"ab\xff")
    assert refused(path) == f"{path}: not valid UTF-8 at byte 4 (invalid start byte); convert the file to UTF-8"
    path = file(b"\xef\xbb\xbfa\xff")
    assert "at byte 4 " in refused(path)
    path = file(b"one\r\n\n" + b"ab\xe9 c")
    assert refused(path, "lines").startswith(f"{path}:3: not valid UTF-8 at byte 8 ")
    assert refused(file(b'{"text": "\xc3"}', "b.jsonl")).endswith("convert the file to UTF-8")


@pytest.mark.parametrize(
    "content, message",
    [
        ('{"text": "a"}\n{"text": ', ":2: not valid JSON"),
        ("3", ':1: expected {"text": ...} or {"sentences": ...}, found int'),
        ("[" * 100_000, ":1: not valid JSON"),
    ],
)
def test_bad_lines(file, content, message):
    path = file(content, "b.jsonl")
    assert refused(path).startswith(f"{path}{message}")


def test_a_missing_file_is_named_at_once(tmp_path):
    with pytest.raises(DataError, match="nothing.txt: no such file; expected text, JSON lines"):
        Texts(["-", str(tmp_path / "nothing.txt")])
    with pytest.raises(DataError, match="no such file"):
        Texts([str(tmp_path)])


def test_an_empty_file_is_an_empty_text_and_an_empty_line_is_none(file):
    assert read(file("")) == [{"doc_key": "a", "text": ""}]
    for content in ("", "\n \n"):
        for kind in ("lines", "jsonl"):
            path = file(content)
            texts = Texts([str(path)], kind)
            assert list(texts) == [] and texts.notes == [f"{path} holds no text"]
    texts = Texts([str(file("One", "b.txt"))], "lines")
    assert len(list(texts)) == 1 and texts.notes == []
    assert read(file('{"text": ""}', "b.jsonl")) == [{"text": "", "doc_key": "b_1"}]


def test_errors_of_others_get_the_place_of_the_last_text(file):
    texts = Texts([str(file("One\ntwo\nthree"))], "lines")
    records = iter(texts)
    next(records), next(records)
    with pytest.raises(DataError, match=r"a\.txt:2: too odd$") as caught:
        texts.refuse(UserError("too odd"))
    assert (caught.value.message, caught.value.line) == ("too odd", 2)


def test_what_cannot_be_read_is_handed_on_and_the_rest_is_read(file, tmp_path):
    lines = file(
        b'{"text": "One"}\nno JSON\n\n{"text": "\xff"}\n' + b"[" * 100_000 + b'\n7\n{"text": "two"}', "b.jsonl"
    )
    gone = file("gone", "gone.txt")
    errors = []
    texts = Texts(
        [str(file(b"\xff", "a.txt")), str(lines), str(gone), str(file("end", "c.txt"))], on_error=errors.append
    )
    gone.unlink()
    assert [record["text"] for record in texts] == ["One", "two", "end"]
    assert [(str(error.path), error.line) for error in errors] == [
        (str(tmp_path / "a.txt"), None),
        *((str(lines), number) for number in (2, 4, 5, 6)),
        (str(gone), None),
    ]
    assert errors[2].message.startswith("not valid UTF-8 at byte 35 ")
    assert str(errors[-1]) == f"{gone}: cannot be read: No such file or directory"
    assert texts.notes == []

import json

import pytest

from hmtl.common.json_text import parse_json
from hmtl.errors import DataError


@pytest.mark.parametrize("value", [{"a": [1, -2.5, None, True, "\ud7ff é"]}, [], "x", 10**300])
def test_values_are_those_of_json(value):
    assert parse_json(json.dumps(value), "anything") == value
    assert parse_json(b"\xef\xbb\xbf" + json.dumps(value, ensure_ascii=False).encode(), "anything") == value


@pytest.mark.parametrize(
    "text, reason",
    [
        ('{"a": ', "not valid JSON (Expecting value: line 1 column 7"),
        ("[" * 100_000, "brackets within brackets, too many"),
        ('{"a":' * 100_000, "brackets within brackets, too many"),
        ("9" * 5_000, "a number of 5,000 digits"),
        ("NaN", "NaN is no number of JSON's"),
        ("[-Infinity]", "-Infinity is no number of JSON's"),
        ("1e999", "the number 1e999 is too large"),
        ('{"a": 1, "b": 2, "a": 1}', "the key 'a' stands twice in one object"),
        ('[{"x": {"a": 1, "a": 2}}]', "the key 'a' stands twice in one object"),
    ],
)
def test_what_is_wrong_is_one_error_with_its_place(text, reason):
    with pytest.raises(DataError) as error:
        parse_json(text, "one object a line", "a.jsonl", 7)
    message = str(error.value)
    assert message.startswith("a.jsonl:7: not valid JSON (")
    assert reason in message and message.endswith("; expected one object a line")
    assert len(message) < 300


def test_of_a_whole_file_the_line_is_told():
    with pytest.raises(DataError, match=r"a\.json:3: not valid JSON"):
        parse_json(b'[\n{"title":\n}]', "a list", "a.json")
    with pytest.raises(DataError, match=r"a\.json:2: .* 4,500 digits"):
        parse_json("[1,\n" + "8" * 4500 + "]", "a list", "a.json")
    with pytest.raises(DataError, match=r"a\.json: not valid UTF-8"):
        parse_json(b'["\xe9"]', "a list", "a.json")

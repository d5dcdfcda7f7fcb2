"""Ways in which files are wrong: what editors, converters, transfers and hostile people make of them."""

import json
import random
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence

# What is put into cells, lines and strings of JSON.
ODD_TEXTS = [
    "",
    " ",
    "\t",
    "\r",
    "\n",
    "\x00",
    "\x0b",
    "\x1b[31m",
    "\x1b]0;title\x07",
    "\x1c",
    "\x85",
    "\x9b",
    "\u00a0",
    "\u00b2",
    "\u0663",
    "\u200b",
    "\u2028",
    "\u202e",
    "\ufeff",
    "\U0001f642",
    "-",
    "_",
    "*",
    "(",
    ")",
    "(1",
    "1)",
    "(1|(1)",
    "0",
    "-1",
    "1e9",
    "01",
    "9" * 30,
    "9" * 5000,
    "[WORD]",
    "-DOCSTART-",
    "#begin document (x); part 000",
    "#end document",
    "O",
    "B-",
    "I-PER",
    "PER ",
    "PER\r",
    "../../x",
    "&amp;",
    "&#0;",
    "<",
    ">",
    "</DOC>",
    "[" * 300,
    # The relations of a sentence cost the square of its tokens.
    "(" * 300,
    "=" * 400,
    "\ud800",
    "x" * 3000,
]
ODD_VALUES: List[Any] = [
    None,
    True,
    False,
    -1,
    0,
    10**9,
    10**30,
    1.5,
    1e300,
    [],
    {},
    [[]],
    [[0, 0, "X"]],
    [0, 0, "X"],
    [[1, 0, "X"]],
    {"a": []},
    "",
]
# Of JSON as text, which no value gives.
ODD_JSON = [
    "NaN",
    "Infinity",
    "1e999",
    "9" * 5000,
    "[" * 100_000,
    '{"a":' * 2000,
    '"\\ud800"',
    '"\\u0000"',
    "'x'",
    "[1,]",
]
ODD_KEYS = ["relation", "cluster", "sentence", "entities", "NER", "tokens", "ner ", "chunks", "\ud800", "", "doc_key"]
ODD_BYTES = [b"\xff", b"\xed\xa0\x80", b"\x00", b"\xef\xbb\xbf", b"\xff\xfe", b"\r", b"\x1b", b"\xc3"]

_Mutation = Callable[[bytes, random.Random], bytes]


def mutate(folder: Path, rng: random.Random) -> List[str]:
    """Changes one to three places of the files below a folder, and tells what was done."""
    done = []
    for _ in range(rng.choice([1, 1, 2, 3])):
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        path = rng.choice(files)
        kinds = [*_OF_BYTES, *_OF_LINES, *_OF_LINES, *_OF_CELLS, *_OF_CELLS]
        if path.suffix in (".json", ".jsonl"):
            kinds = [*_OF_BYTES, *_OF_LINES, *[_json] * 12]
        kind = rng.choice(kinds)
        path.write_bytes(kind(path.read_bytes(), rng))
        done.append(f"{path.relative_to(folder)}: {kind.__name__.strip('_')}")
    return done


def odd_text(rng: random.Random) -> bytes:
    return rng.choice(ODD_TEXTS).encode("utf-8", "surrogatepass")


def _flip(content: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(content) + 1)
    return content[:place] + bytes([rng.randrange(256)]) + content[place + 1 :]


def _insert_bytes(content: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(content) + 1)
    return content[:place] + rng.choice(ODD_BYTES) + content[place:]


def _truncate(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def _cut(content: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(content) + 1)
    return content[:start] + content[start + rng.randrange(40) :]


def _repeat(content: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(content) + 1)
    return content[:start] + content[start : start + rng.randrange(40)] * rng.choice([2, 3, 20]) + content[start:]


def _line_ends(content: bytes, rng: random.Random) -> bytes:
    return content.replace(b"\n", rng.choice([b"\r\n", b"\r", b"\n\n", b"\r\r\n"]))


def _nothing(content: bytes, rng: random.Random) -> bytes:
    return rng.choice([b"", b"\n\n", b"[]", b"null", b"{}", b"[" * 100_000])


def _brackets(content: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(content) + 1)
    return content[:place] + b"(X " * 3000 + b"x" + b")" * 3000 + content[place:]


_OF_BYTES: List[_Mutation] = [_flip, _insert_bytes, _truncate, _cut, _repeat, _line_ends, _nothing]


def _lines(change: Callable[[List[bytes], int, random.Random], None]) -> _Mutation:
    def changed(content: bytes, rng: random.Random) -> bytes:
        lines = content.split(b"\n")
        change(lines, rng.randrange(len(lines)), rng)
        return b"\n".join(lines)

    changed.__name__ = change.__name__
    return changed


def _drop_line(lines: List[bytes], place: int, rng: random.Random) -> None:
    del lines[place]


def _double_line(lines: List[bytes], place: int, rng: random.Random) -> None:
    lines.insert(rng.randrange(len(lines) + 1), lines[place])


def _swap_lines(lines: List[bytes], place: int, rng: random.Random) -> None:
    other = rng.randrange(len(lines))
    lines[place], lines[other] = lines[other], lines[place]


def _join_lines(lines: List[bytes], place: int, rng: random.Random) -> None:
    lines[place : place + 2] = [b" ".join(lines[place : place + 2])]


def _new_line(lines: List[bytes], place: int, rng: random.Random) -> None:
    lines.insert(place, odd_text(rng))


def _drop_empty_lines(lines: List[bytes], place: int, rng: random.Random) -> None:
    lines[:] = [line for line in lines if line.strip()]


_OF_LINES: List[_Mutation] = [
    _lines(change) for change in (_drop_line, _double_line, _swap_lines, _join_lines, _new_line, _drop_empty_lines)
]


def _cells(change: Callable[[List[bytes], int, random.Random], None]) -> _Mutation:
    def changed(content: bytes, rng: random.Random) -> bytes:
        lines = content.split(b"\n")
        place = rng.randrange(len(lines))
        separator = b"\t" if b"\t" in lines[place] else b" "
        cells = lines[place].split(separator)
        change(cells, rng.randrange(len(cells)), rng)
        lines[place] = separator.join(cells)
        return b"\n".join(lines)

    changed.__name__ = change.__name__
    return changed


def _odd_cell(cells: List[bytes], place: int, rng: random.Random) -> None:
    cells[place] = odd_text(rng)


def _longer_cell(cells: List[bytes], place: int, rng: random.Random) -> None:
    cut = rng.randrange(len(cells[place]) + 1)
    cells[place] = cells[place][:cut] + odd_text(rng) + cells[place][cut:]


def _drop_cell(cells: List[bytes], place: int, rng: random.Random) -> None:
    del cells[place]


def _double_cell(cells: List[bytes], place: int, rng: random.Random) -> None:
    cells.insert(place, cells[place])


def _swap_cells(cells: List[bytes], place: int, rng: random.Random) -> None:
    other = rng.randrange(len(cells))
    cells[place], cells[other] = cells[other], cells[place]


_OF_CELLS: List[_Mutation] = [
    *(_cells(change) for change in (_odd_cell, _longer_cell, _drop_cell, _double_cell, _swap_cells)),
    _brackets,
]


def _json(content: bytes, rng: random.Random) -> bytes:
    """Changes one value somewhere in one of the file's documents; what is no JSON any more is changed as text."""
    lines = content.split(b"\n")
    whole = content.lstrip().startswith(b"[")
    place = 0 if whole else rng.randrange(len(lines))
    try:
        value = json.loads(content if whole else lines[place])
    except (ValueError, RecursionError):
        return _longer_cell_of(content, rng)
    text = json.dumps(_changed(value, rng))
    if "@odd@" in text:
        text = text.replace('"@odd@"', rng.choice(ODD_JSON), 1)
    encoded = text.encode("utf-8", "surrogatepass")
    if whole:
        return encoded
    lines[place] = encoded
    return b"\n".join(lines)


def _longer_cell_of(content: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(content) + 1)
    return content[:place] + odd_text(rng) + content[place:]


def _changed(value: Any, rng: random.Random) -> Any:
    """The value with one change at a random depth."""
    if isinstance(value, (list, dict)) and value and rng.random() < 0.85:
        keys: Sequence[Any] = list(value) if isinstance(value, dict) else range(len(value))
        key = rng.choice(keys)
        value[key] = _changed(value[key], rng)
        return value
    if isinstance(value, dict) and rng.random() < 0.6:
        return _changed_object(value, rng)
    if isinstance(value, list) and value and rng.random() < 0.6:
        return _changed_list(value, rng)
    if isinstance(value, int) and rng.random() < 0.6:
        return value + rng.choice([-7, -1, 1, 7])
    if isinstance(value, str) and rng.random() < 0.6:
        return value + rng.choice(ODD_TEXTS)
    return rng.choice([rng.choice(ODD_TEXTS), rng.choice(ODD_VALUES), "@odd@"])


def _changed_object(value: Dict[str, Any], rng: random.Random) -> Dict[str, Any]:
    keys = list(value)
    kind = rng.randrange(4)
    if kind == 0 and keys:
        del value[rng.choice(keys)]
    elif kind == 1 and keys:
        value[rng.choice(ODD_KEYS)] = value.pop(rng.choice(keys))
    elif kind == 2 and keys:
        value[rng.choice(ODD_KEYS)] = value[rng.choice(keys)]
    else:
        value[rng.choice(ODD_KEYS)] = rng.choice(ODD_VALUES)
    return value


def _changed_list(value: List[Any], rng: random.Random) -> List[Any]:
    place, other = rng.randrange(len(value)), rng.randrange(len(value))
    kind = rng.randrange(5)
    if kind == 0:
        del value[place]
    elif kind == 1:
        value.insert(other, value[place])
    elif kind == 2:
        value[place], value[other] = value[other], value[place]
    elif kind == 3:
        value[place] = [value[place]]
    else:
        value.insert(place, rng.choice(ODD_VALUES))
    return value

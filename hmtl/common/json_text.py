"""JSON that somebody else wrote: whatever is wrong with it is one error with its place."""

import json
import os
import re
from typing import Any, Dict, List, Optional, Tuple, Union

from hmtl.errors import DataError

# By default Python makes no integer of more digits.
_MAX_DIGITS = 4_300
_TOO_LONG_NUMBER = re.compile(rf"[0-9]{{{_MAX_DIGITS + 1},}}")


def parse_json(
    text: Union[str, bytes],
    expected: str,
    path: Optional[Union[str, os.PathLike]] = None,
    line: Optional[int] = None,
) -> Any:
    """The value of a JSON text.

    # Parameters

    text : `Union[str, bytes]`
        Bytes are UTF-8, with or without a byte order mark.
    expected : `str`
        What should have stood there, for the message: `one object a line`.
    path, line : optional
        The place of the text; without `line` the text is the whole file, and the error names the line in it.

    # Raises

    DataError
        Where the text is not UTF-8, not JSON (so are NaN and Infinity), nested too deeply, a number has too many digits
        or an object has a key twice.
    """

    def fail(reason: str, at: int = 0) -> DataError:
        number = line
        if number is None and path is not None and isinstance(text, str):
            number = text.count("\n", 0, at) + 1
        return DataError(f"{reason}; expected {expected}", path, number)

    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise DataError(
                f"not valid UTF-8 ({error}); convert the file to UTF-8, if it is text", path, line
            ) from error
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise fail(f"not valid JSON ({error})", error.pos) from error
    except RecursionError as error:
        raise fail("not valid JSON (brackets within brackets, too many)") from error
    except _Refused as error:
        raise fail(f"not valid JSON ({error})") from error
    except ValueError as error:
        # Python's limit for integers, which takes quadratic time.
        number = _TOO_LONG_NUMBER.search(text)
        digits = f"a number of {len(number[0]):,} digits" if number else str(error)
        raise fail(f"not valid JSON ({digits})", number.start() if number else 0) from error


class _Refused(ValueError):
    """What JSON, or our reading of it, does not allow."""


def _object(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _Refused(f"the key '{twice}' stands twice in one object")
    return found


def _no_constant(name: str) -> Any:
    raise _Refused(f"{name} is no number of JSON's")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise _Refused(f"the number {digits[:40]} is too large")
    return number

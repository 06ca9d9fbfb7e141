"""Strict JSON from strangers.

`json.loads` alone is too kind for text that a server or a file sends: it takes NaN, infinities and
lone surrogates, none of which can be written out again, and a deep nest overflows the stack.
Here everything that is not plain JSON is a ValueError, so callers have one thing to catch.
"""

import json


def _refuse(word):
    raise ValueError("not JSON")


def _finite(digits):
    value = float(digits)
    if value - value != 0:  # infinity, of a number such as 1e999
        raise ValueError("a number out of range")
    return value


_decoder = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)


def parse(data):
    """The value that these UTF-8 bytes spell; ValueError if they do not."""
    try:
        text = data.decode("utf-8")
        value = _decoder.decode(text)
        if "\\u" in text:  # an escape can spell half a character, which no encoder takes back
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        return value
    except RecursionError:
        raise ValueError("nested too deep") from None


def parse_object(data):
    """The same, where only an object makes sense."""
    value = parse(data)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def write(value):
    """One compact line, all ASCII."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")

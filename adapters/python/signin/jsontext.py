"""A strict JSON parser for untrusted text.

`json.loads` also accepts NaN, infinities and lone surrogates, which cannot be written again, and deep
nesting overflows the stack. Here every invalid text is a ValueError.
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
    """Parses UTF-8 bytes. Raises ValueError if they are not valid JSON."""
    try:
        text = data.decode("utf-8")
        value = _decoder.decode(text)
        if "\\u" in text:  # an escape can denote a lone surrogate, which cannot be encoded
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        return value
    except RecursionError:
        raise ValueError("nested too deep") from None


def parse_object(data):
    """Parses an object. Raises ValueError for any other value."""
    value = parse(data)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def write(value):
    """One compact line, all ASCII."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")

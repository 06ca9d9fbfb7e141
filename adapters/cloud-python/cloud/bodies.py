"""Strict parsers of request bodies. An invalid body raises a `Refusal`."""

import json
from urllib.parse import parse_qsl

from .answers import UNCACHED, Refusal

_MOST_FIELDS = 100


def json_object(request):
    kind = request.content_type()
    if kind is not None and kind != "application/json" and not kind.endswith("+json"):
        raise _malformed("the body must be JSON")
    try:
        value = json.loads(request.body, parse_constant=_no_constant)
    except (ValueError, RecursionError):  # RecursionError: deeply nested brackets
        raise _malformed("the body must be JSON") from None
    if not isinstance(value, dict):
        raise _malformed("the body must be a JSON object")
    return value


def text_member(value, name):
    text = value.get(name)
    if not isinstance(text, str) or not text:
        raise _malformed(f"`{name}` must be a text that is not empty")
    return text


def number_member(value, name):
    number = value.get(name)
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise _malformed(f"`{name}` must be a number")
    return number


def form(request):
    """The fields of a form, one value each. A field without a value counts as missing, as in OAuth."""
    if request.content_type() != "application/x-www-form-urlencoded":
        raise _bad_form("the body must be an application/x-www-form-urlencoded form", 415)
    try:
        pairs = parse_qsl(
            request.body.decode("utf-8"),
            keep_blank_values=True,
            strict_parsing=bool(request.body),
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        raise _bad_form("the body is not a form") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise _bad_form("a field is there twice")
    return fields


def form_field(fields, name):
    value = fields.get(name)
    if not value:
        raise _bad_form(f"`{name}` is missing")
    return value


def _no_constant(name):
    raise ValueError(f"{name} is not JSON")


def _malformed(message):
    return Refusal(422, "INVALID_REQUEST", message)


def _bad_form(message, status=400):
    return Refusal(status, "invalid_request", message, UNCACHED)

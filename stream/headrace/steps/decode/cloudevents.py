"""The context attributes of a CloudEvent, as the official SDKs write them: binary mode and structured mode.

Specification: cloudevents/spec v1.0.2, sections "JSON Event Format", "HTTP Protocol Binding" and "Kafka Protocol
Binding". On Pub/Sub, attributes begin with ``ce-``; bridges from Kafka write ``ce_``.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from headrace.schemas.errors import MalformedEnvelopeError, UndecodableError
from headrace.schemas.strict_json import InvalidJsonError, read_json

PREFIXES: Final = ("ce-", "ce_")
STRUCTURED: Final = "application/cloudevents+json"
_JSON: Final = "application/json"  # what data without a content type is
_DATA: Final = ("data", "data_base64")
_REQUIRED: Final = ("ce-id", "ce-source", "ce-type")
_VERSION: Final = "1.0"
_TEXTS: Final = frozenset(
    {"specversion", "id", "source", "type", "time", "subject", "dataschema", "datacontenttype", *_DATA}
)  # members that are texts; extensions may also be whole numbers and booleans
_SPACE: Final = " \t\n\r"


class _Whole(NamedTuple):
    """A whole number of an event in structured mode, as it is written."""

    digits: str


class CloudEvent(NamedTuple):
    """A message's attributes, with the context under ``ce-`` and a lower-case ``content-type``; and its payload."""

    attributes: Mapping[str, str]
    data: bytes


def content_type(attributes: Mapping[str, str]) -> str:
    """Return the media type in lower case, without parameters; empty for a message without one."""
    named = next((value for name, value in attributes.items() if name.lower() == "content-type"), "")
    return named.partition(";")[0].strip().lower()


def read_binary(attributes: Mapping[str, str], data: bytes, percent_encoded: bool) -> CloudEvent:
    """Read an event whose context is in attributes.

    With *percent_encoded*, the values of ``ce-`` attributes are decoded, as the HTTP binding encodes them.

    Raises:
        MalformedEnvelopeError: a context attribute is missing or invalid.
    """
    found = dict(attributes)
    for name, value in attributes.items():
        lower = name.lower()
        if lower.startswith("ce_"):
            found.setdefault(f"ce-{lower[3:]}", value)
        elif lower.startswith("ce-"):
            found[lower] = unquote(value) if percent_encoded else value
    media = content_type(attributes) or found.get("ce-datacontenttype", "").partition(";")[0].strip().lower()
    return _checked(found, media, data)


def read_structured(attributes: Mapping[str, str], data: bytes) -> CloudEvent:
    """Read an event that is JSON with its context and its data.

    Raises:
        UndecodableError: the payload is not such JSON.
        MalformedEnvelopeError: a context attribute is missing or invalid.
    """
    members = _members(data)
    context = dict(_context(members))
    data_type = context.get("ce-datacontenttype", _JSON if "data" in members else "")
    return _checked({**attributes, **context}, data_type.partition(";")[0].strip().lower(), _data(members))


def _context(members: Mapping[str, tuple[Any, bytes]]) -> Iterator[tuple[str, str]]:
    """Yield the context attributes as binary mode has them: whole numbers and booleans in their canonical text."""
    for name, (value, _) in members.items():
        match value:
            case str() if name not in _DATA:
                yield f"ce-{name}", value
            case _Whole(digits) if name not in _TEXTS:
                yield f"ce-{name}", digits
            case bool() if name not in _TEXTS:
                yield f"ce-{name}", "true" if value else "false"


def _checked(found: dict[str, str], media: str, data: bytes) -> CloudEvent:
    if found.get("ce-specversion") != _VERSION:
        missing = "ce-specversion" not in found
        raise MalformedEnvelopeError("ce-specversion", "is missing" if missing else f"is not {_VERSION}")
    for name in _REQUIRED:
        if not found.get(name):
            raise MalformedEnvelopeError(name, "is empty" if name in found else "is missing")
    found = {name: value for name, value in found.items() if name.lower() != "content-type"}
    return CloudEvent({**found, "content-type": media}, data)


def _data(members: Mapping[str, tuple[Any, bytes]]) -> bytes:
    if "data" in members and "data_base64" in members:
        raise UndecodableError("data and data_base64 in one event", "data")
    if "data" in members:
        return members["data"][1]
    given = members.get("data_base64", ("", b""))[0]
    try:
        return base64.b64decode(given if isinstance(given, str) else "?", validate=True)
    except (binascii.Error, ValueError):
        raise UndecodableError("not text in base64", "data_base64") from None


def _members(data: bytes) -> dict[str, tuple[Any, bytes]]:
    """Return the members of a JSON object: their values, and the bytes in which each value is written."""
    try:
        known = read_json(data)  # refuses what JSON does not have, and keys that occur twice
    except InvalidJsonError as error:
        raise UndecodableError(error.why) from None
    if not isinstance(known, dict):
        raise UndecodableError("not a JSON object, as an event in structured mode is")
    text = data.decode().removeprefix("\ufeff")
    return {name: (value, source.encode()) for name, value, source in _scan(text)}


def _scan(text: str) -> Any:
    decoder = json.JSONDecoder(parse_float=_no_text, parse_int=_Whole)
    place = _after(text, 0, "{")
    while text[place] != "}":
        name, place = decoder.raw_decode(text, place)
        start = _after(text, place, ":")
        value, end = decoder.raw_decode(text, start)
        yield name, value, text[start:end]
        place = _skip(text, end)
        if text[place] == ",":
            place = _skip(text, place + 1)


def _no_text(digits: str) -> None:
    """Read a fraction as a value that no attribute can have: the bytes of data are taken as they are written."""


def _after(text: str, place: int, sign: str) -> int:
    place = _skip(text, place)
    assert text[place] == sign  # noqa: S101 the text is JSON
    return _skip(text, place + 1)


def _skip(text: str, place: int) -> int:
    while text[place] in _SPACE:
        place += 1
    return place

"""What a person wants changed: JSON merge patches, attributes, and where two events differ."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from headrace.core.replay_attributes import PREFIX as REPLAY
from headrace.errors import Exit, HeadraceError
from headrace.schemas.model import MISSING, Map, Optional, Record, Type, bare
from headrace.schemas.strict_json import InvalidJsonError, as_double_or_text, read_json

MAX_VALUE_BYTES: Final = 1024  # Pub/Sub's limits
MAX_NAME_BYTES: Final = 256
MAX_ATTRIBUTES: Final = 100
UNREADABLE: Final = "(cannot be read)"  # stands where a value is wrong that a change has to replace
_STEP: Final = re.compile(r"[^.\[\]]+|\[[0-9]+\]")
_TAKEN: Final = ("goog", "headrace-dl-", REPLAY)


class MendError(HeadraceError, ValueError, error_code="HR-705", exit_code=Exit.FOUND):
    """An edit of a dead letter is not accepted.
    The text names the field or attribute and the remedy, never a value.
    """


def read_change(text: str, option: str) -> Mapping[str, Any]:
    """Read a patch or an event: one JSON object.

    Raises:
        MendError: it is not; names *option*, and where, never what stands there.
    """
    try:
        value = read_json(text)
    except InvalidJsonError as error:
        place = f", line {error.line}, column {error.column}" if error.line else ""
        raise MendError(f"{option}: {error.why}{place}") from None
    if not isinstance(value, dict):
        raise MendError(f'{option}: no JSON object; write one such as {{"field": "value"}}')
    return value


def assignments(given: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Split ``name=value`` texts; MendError when one is not that."""
    for each in given:
        name, sign, value = each.partition("=")
        if not sign or not name:
            raise MendError("--set-attribute: write name=value")
        yield name, value


def merged(type_: Type | None, target: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7396); null takes a field or an entry away, and makes null what may be null."""
    if not isinstance(patch, Mapping):
        return patch
    inside = bare(type_) if type_ is not None else None
    result = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        part = _part(inside, name)
        if value is not None:
            result[name] = merged(part, result.get(name), value)
        elif isinstance(part, Optional) and isinstance(inside, Record):
            result[name] = None
        else:
            result.pop(name, None)
    return result


def _part(type_: Type | None, name: str) -> Type | None:
    match type_:
        case Record():
            return next((f.type for f in type_.fields if f.name == name), None)
        case Map():
            return type_.values
        case _:
            return None


def with_nulls(record: Record, value: Any) -> Any:
    """What is left out and may be null is null; a merge patch cannot say it otherwise."""
    if not isinstance(value, Mapping):
        return value
    absent = {f.name: None for f in record.fields if f.optional and f.default is MISSING and f.name not in value}
    nested = {f.name: bare(f.type) for f in record.fields}
    return absent | {
        name: with_nulls(type_, item) if isinstance(type_ := nested.get(name), Record) else item
        for name, item in value.items()
    }


def value_at(event: Any, path: str) -> Any:
    """What stands at *path* (``items[2].price``) of an event as JSON; None where the path leads nowhere."""
    try:
        place, step = _place(event, path)
        return place[step]
    except (KeyError, IndexError, TypeError):
        return None


def put(event: dict[str, Any], path: str, value: Any) -> None:
    """Put *value* at *path*, which leads somewhere."""
    place, step = _place(event, path)
    place[step] = value


def _place(event: Any, path: str) -> tuple[Any, str | int]:
    """What holds the value at *path*, and under which name or index."""
    names = iter(_STEP.findall(path))
    place, step = event, _step(event, names)
    while True:
        try:
            place, step = place[step], _step(place[step], names)
        except StopIteration:
            return place, step


def _step(place: Any, names: Iterator[str]) -> str | int:
    """The next step from *place*; an entry of a map is ``labels[2].value`` in a path, and has its key in JSON."""
    name = next(names)
    if not name.startswith("["):
        return name
    index = int(name[1:-1])
    if not isinstance(place, Mapping):
        return index
    next(names)
    return str(list(place)[index])


def check_attributes(new: Mapping[str, str], count: int) -> None:
    """Check attributes that are to be set; *count* is how many the message has then. Raises MendError."""
    for name, value in new.items():
        if name.startswith(_TAKEN):
            raise MendError(f"--set-attribute: names that begin with {', '.join(_TAKEN)} are taken; choose another")
        if not 1 <= _length(name) <= MAX_NAME_BYTES or _length(value) > MAX_VALUE_BYTES:
            raise MendError(
                f"--set-attribute: a name has 1 to {MAX_NAME_BYTES} bytes, a value {MAX_VALUE_BYTES} at most"
            )
    if new and count > MAX_ATTRIBUTES:
        raise MendError(f"--set-attribute: more than {MAX_ATTRIBUTES} attributes; take others away")


def _length(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))


def differ(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether two events differ as JSON: 1 is not true there."""
    return json.dumps(before, sort_keys=True, default=as_double_or_text) != json.dumps(
        after, sort_keys=True, default=as_double_or_text
    )

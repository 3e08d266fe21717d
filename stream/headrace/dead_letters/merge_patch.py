"""Read and apply a person's changes: JSON merge patches and attributes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from headrace.core.replay_attributes import PREFIX as REPLAY
from headrace.errors import Exit, HeadraceError
from headrace.schemas.model import MISSING, Map, Record, Type, Union, bare, is_nullable
from headrace.schemas.strict_json import InvalidJsonError, as_double_or_text, read_json

MAX_VALUE_BYTES: Final = 1024  # Pub/Sub's limits
MAX_NAME_BYTES: Final = 256
MAX_ATTRIBUTES: Final = 100
UNREADABLE: Final = "(cannot be read)"  # placeholder for a value that a change must replace
_STEP: Final = re.compile(r"[^.\[\]]+|\[[0-9]+\]")
_RESERVED: Final = ("goog", "headrace-dl-", REPLAY)


class EditError(HeadraceError, ValueError, error_code="HR-705", exit_code=Exit.FOUND):
    """The change is refused. The message names the field or attribute, the error and the remedy, never a value."""


def read_object(text: str, option: str) -> Mapping[str, Any]:
    """Read a patch or an event, which is one JSON object.

    Raises:
        EditError: *text* is not a JSON object. The message names *option* and the place, never a value.
    """
    try:
        value = read_json(text)
    except InvalidJsonError as error:
        place = f", line {error.line}, column {error.column}" if error.line else ""
        raise EditError(f"{option}: {error.why}{place}") from None
    if not isinstance(value, dict):
        raise EditError(f'{option}: not a JSON object; write one such as {{"field": "value"}}')
    return value


def assignments(given: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield names and values of ``name=value`` texts. Raises EditError for any other text."""
    for each in given:
        name, sign, value = each.partition("=")
        if not sign or not name:
            raise EditError("--set-attribute: invalid; write name=value")
        yield name, value


def merged(type_: Type | None, target: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7396). Null removes an entry or a field, and sets an optional field to null.

    A union has one branch, so a patch with another branch replaces its value.
    """
    if not isinstance(patch, Mapping):
        return patch
    inside = bare(type_) if type_ is not None else None
    is_other = isinstance(inside, Union) and isinstance(target, Mapping) and not patch.keys() & target.keys()
    result = dict(target) if isinstance(target, Mapping) and not is_other else {}
    for name, value in patch.items():
        part = _part(inside, name)
        if value is not None:
            result[name] = merged(part, result.get(name), value)
        elif part is not None and is_nullable(part) and isinstance(inside, Record):
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
        case Union():
            return next((each.type for each in type_.branches if each.name == name), None)
        case _:
            return None


def with_nulls(record: Record, value: Any) -> Any:
    """Set missing optional fields to null, because a merge patch removes fields that it sets to null."""
    if not isinstance(value, Mapping):
        return value
    absent = {f.name: None for f in record.fields if f.optional and f.default is MISSING and f.name not in value}
    nested = {f.name: bare(f.type) for f in record.fields}
    return absent | {
        name: with_nulls(type_, item) if isinstance(type_ := nested.get(name), Record) else item
        for name, item in value.items()
    }


def value_at(event: Any, path: str) -> Any:
    """Return the value at *path* (``items[2].price``) of an event as JSON, or None if the path does not exist.

    A path refers to a union's value by the member of its column, and JSON by the name of its branch.
    """
    try:
        place, step = _place(event, path)
        return place[step]
    except (KeyError, IndexError, TypeError):
        return None


def put(event: dict[str, Any], path: str, value: Any) -> None:
    """Set the value at *path*, whose parent must exist."""
    place, step = _place(event, path)
    place[step] = value


def _place(event: Any, path: str) -> tuple[Any, str | int]:
    """Return the parent of the value at *path*, and the value's name or index in it."""
    names = iter(_STEP.findall(path))
    place, step = event, _step(event, names)
    while True:
        try:
            place, step = place[step], _step(place[step], names)
        except StopIteration:
            return place, step


def _step(place: Any, names: Iterator[str]) -> str | int:
    """Return the next key or index from *place*.

    A path refers to an entry of a map by its number (``labels[2].value``), and JSON by its key.
    """
    name = next(names)
    if not name.startswith("["):
        is_branch = isinstance(place, Mapping) and name not in place and len(place) == 1
        return next(iter(place)) if is_branch else name
    index = int(name[1:-1])
    if not isinstance(place, Mapping):
        return index
    next(names)
    return str(list(place)[index])


def check_attributes(new: Mapping[str, str], count: int) -> None:
    """Check attributes to set; *count* is the number of attributes that the message then has. Raises EditError."""
    for name, value in new.items():
        if name.startswith(_RESERVED):
            raise EditError(
                f"--set-attribute: reserved name; choose one that does not begin with {', '.join(_RESERVED)}"
            )
        if not 1 <= _length(name) <= MAX_NAME_BYTES or _length(value) > MAX_VALUE_BYTES:
            raise EditError(
                f"--set-attribute: invalid length; use 1 to {MAX_NAME_BYTES} bytes for a name, "
                f"at most {MAX_VALUE_BYTES} for a value"
            )
    if new and count > MAX_ATTRIBUTES:
        raise EditError(f"--set-attribute: more than {MAX_ATTRIBUTES} attributes; remove some with --unset-attribute")


def _length(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))


def differ(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Return whether two events differ as JSON, where 1 and true are different."""
    return json.dumps(before, sort_keys=True, default=as_double_or_text) != json.dumps(
        after, sort_keys=True, default=as_double_or_text
    )

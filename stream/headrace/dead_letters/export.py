"""Write and read complete letters as lines of JSON. The lines hold personal data."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from headrace.core.dead_letter import Reason
from headrace.dead_letters.archived_letter import ArchivedLetter
from headrace.dead_letters.facts import State
from headrace.dead_letters.letter import SEALED, Letter, read_attempt
from headrace.errors import Exit, HeadraceError
from headrace.schemas.envelope import to_rfc3339
from headrace.schemas.strict_json import read_json
from headrace.schemas.times import read_instant

VERSION: Final = 1
_TIMES: Final = ("refused_at", "published_at", "first_published_at")


class ImportLineError(HeadraceError, ValueError, error_code="HR-704", exit_code=Exit.FOUND):
    """A line is not from an export. The message names the line and the error, never a value."""


@dataclass(frozen=True, slots=True)
class ExportedLetter:
    """The content of one line of an export."""

    letter: Letter = field(repr=False)
    edited: Letter | None = field(repr=False)
    state: State


def to_line(archived: ArchivedLetter) -> str:
    """Return a letter as one line of ASCII, which is safe for a terminal."""
    letter = {name: getattr(archived.refused, name) for name in Letter.__slots__ if name not in SEALED}
    written = {name: to_rfc3339(value) if name in _TIMES else value for name, value in letter.items()}
    edited = _sealed(archived.edited) if archived.edited else None
    return json.dumps(
        {"headrace_letter": VERSION, "state": archived.state, **written, **_sealed(archived.refused), "edited": edited}
    )


def read_lines(lines: Iterable[str]) -> Iterator[ExportedLetter]:
    """Yield the letters in lines that :func:`to_line` wrote.

    Raises:
        ImportLineError: a line is not from an export.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            line.encode()  # refuse a lone surrogate, which represents a byte that is not UTF-8
            yield _exported(read_json(line))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            why = f"{error} is missing" if isinstance(error, KeyError) else type(error).__name__
            raise ImportLineError(
                f"line {number}: not a line of `headrace dead-letters export` ({why}); the lines before it are imported"
            ) from None


def _sealed(letter: Letter) -> dict[str, Any]:
    return {
        "data": base64.b64encode(letter.data).decode(),
        "attributes": dict(letter.attributes),
        "ordering_key": letter.ordering_key,
        "first_message_id": letter.first_message_id,
    }


def _exported(line: Mapping[str, Any]) -> ExportedLetter:
    if line["headrace_letter"] != VERSION:
        raise ValueError("version")
    own: dict[str, Any] = {name: _read(name, line[name]) for name in Letter.__slots__ if name not in SEALED}
    if not _is_id(own["id"]):
        raise ValueError("id")
    own |= {"attempt": read_attempt(own["attempt"]), "reason": Reason(own["reason"])}
    letter = Letter(**own, **_unsealed(line))
    edited = line["edited"]
    return ExportedLetter(
        letter, None if edited is None else replace(letter, **_unsealed(edited)), State(line["state"])
    )


def _is_id(text: str) -> bool:
    return len(text) == 20 and set(text) <= set("0123456789abcdef")


def _read(name: str, value: Any) -> str | int | datetime:
    if name == "attempt":
        if type(value) is not int:
            raise TypeError(name)
        return value
    if not isinstance(value, str):
        raise TypeError(name)
    return read_instant(value) if name in _TIMES else value


def _unsealed(line: Mapping[str, Any]) -> dict[str, Any]:
    attributes, ordering_key = line["attributes"], line["ordering_key"]
    first_id = line.get("first_message_id", "")  # older exports lack it
    texts: Sequence[Any] = [ordering_key, first_id, *attributes, *attributes.values()]
    if not all(isinstance(each, str) for each in texts):
        raise TypeError("attributes")
    try:
        data = base64.b64decode(line["data"], validate=True)
    except binascii.Error:
        raise ValueError("data") from None
    return {"data": data, "attributes": attributes, "ordering_key": ordering_key, "first_message_id": first_id}

"""Suggestions for the annotations of a schema: the event time, and which fields may be personal.

They are guesses from names and types. A person confirms them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, assert_never

from headrace.schemas.classification import Generalise, Mask, Pii
from headrace.schemas.message_rules.event_moment import LOCAL_TIMES, WHOLE_NUMBERS
from headrace.schemas.model import INSTANTS, Field, Kind, Record, Recursive, Scalar, Union, bare, inner, walk
from headrace.schemas.personal_names import PERSONAL_NAMES

_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_TAGS: Final = ("confluent:tags", "tags")
_PERSONAL_TAGS: Final = frozenset({"PII", "PERSONAL", "SENSITIVE", "PRIVATE", "GDPR"})
_DENIALS: Final = frozenset({"none", "false", "no", "0", ""})
# Names of times, the likeliest first.
_TIMES: Final = (
    "event",
    "occurred",
    "happened",
    "placed",
    "created",
    "measured",
    "sent",
    "time",
    "timestamp",
    "at",
    "ts",
)
_EPOCHS: Final = frozenset({"at", "time", "timestamp", "ts", "date", "epoch", "millis", "seconds"})


@dataclass(frozen=True, slots=True)
class FieldSuggestion:
    """A classification for the field at *path*; without *pii* it seems not personal. *why* is the clue."""

    path: str
    pii: Pii | None
    why: str


@dataclass(frozen=True, slots=True)
class TimeSuggestion:
    """A rule for the event time, as its annotation, and the clue."""

    rule: str | Mapping[str, str]
    why: str


def suggest_fields(record: Record, avro: Mapping[str, Any]) -> list[FieldSuggestion]:
    """Return a suggestion for each field that needs a classification; *avro* is the schema's JSON, for its tags."""
    tagged = frozenset(_tagged(avro))
    return [
        _suggestion(path, field, path in tagged)
        for path, field in walk(record)
        if not isinstance(inner(field.type), Record | Recursive | Union)  # what is in them is classified
    ]


def suggest_event_time(record: Record) -> TimeSuggestion:
    """Return the likeliest rule for the event time."""
    found = [(path, field, bare(field.type)) for path, field in _outside_lists(record)]
    kinds = [(path, field, type_.kind) for path, field, type_ in found if isinstance(type_, Scalar)]
    for known, unit in ((INSTANTS, ""), (LOCAL_TIMES, ""), (WHOLE_NUMBERS, "millis")):
        times = [(path, field) for path, field, kind in kinds if kind in known and (not unit or _counts(path))]
        if times:
            path, field = min(times, key=lambda each: _rank(record, *each))
            return _time(record, path, field, known is LOCAL_TIMES, unit)
    return TimeSuggestion("publish_time", "no field looks like a time")


def words_of(name: str) -> list[str]:
    """Return the words of a name in lower case.

    >>> words_of("customerEMail_addr2")
    ['customer', 'e', 'mail', 'addr', '2']
    """
    return [word.lower() for word in _WORDS.findall(name)]


def _suggestion(path: str, field: Field, tagged: bool) -> FieldSuggestion:
    words = frozenset(words_of(field.name)) | {field.name.lower()}
    named = next((each.pii for each in PERSONAL_NAMES if each.words <= words), None)
    if named is not None:
        return FieldSuggestion(path, _fitting(field, named), "its name")
    if tagged:
        return FieldSuggestion(path, _fitting(field, Pii("personal", Mask.REDACT)), "its tag in the registry")
    return FieldSuggestion(path, None, "")


def _fitting(field: Field, pii: Pii) -> Pii:
    """Return *pii*, or with the mask that fits every type if its own does not fit that of the field."""
    value = inner(field.type)
    kind = value.kind if isinstance(value, Scalar) else None
    match pii.mask:
        case Mask.TOKENISE:
            good = kind in {Kind.STRING, Kind.UUID, Kind.INT, Kind.LONG, Kind.BYTES}
        case Mask.PARTIAL:
            good = bare(field.type) == Scalar(Kind.STRING)
        case Mask.GENERALISE:
            wanted = {Kind.STRING} if pii.to is Generalise.NETWORK else {Kind.DATE, *INSTANTS}
            good = isinstance(bare(field.type), Scalar) and kind in wanted
        case Mask.REDACT | Mask.OMIT:
            good = True
        case _:
            assert_never(pii.mask)
    return pii if good else Pii(pii.kind, Mask.REDACT)


def _outside_lists(record: Record, path: str = "") -> Iterator[tuple[str, Field]]:
    for field in record.fields:
        yield f"{path}{field.name}", field
        within = bare(field.type)
        if isinstance(within, Record):
            yield from _outside_lists(within, f"{path}{field.name}.")


def _counts(path: str) -> bool:
    return bool(_EPOCHS & set(words_of(path.rpartition(".")[2])))


def _rank(record: Record, path: str, field: Field) -> tuple[bool, int, int, str]:
    words = words_of(path)
    rank = next((place for place, word in enumerate(_TIMES) if word in words), len(_TIMES))
    return _may_be_null(record, path) or field.optional, rank, path.count("."), path


def _may_be_null(record: Record, path: str) -> bool:
    fields = dict(_outside_lists(record))
    parts = path.split(".")
    return any(fields[".".join(parts[:end])].optional for end in range(1, len(parts) + 1))


def _time(record: Record, path: str, field: Field, is_local: bool, unit: str) -> TimeSuggestion:
    rule = {"field": path}
    if unit:
        rule["unit"] = unit
    if is_local:
        rule["zone"] = "UTC"
    if _may_be_null(record, path):
        rule["fallback"] = "publish_time"
    why = "a guess: check the unit" if unit else "a guess: check the time zone" if is_local else "a timestamp"
    return TimeSuggestion(path if len(rule) == 1 else rule, why)


def _tagged(avro: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of fields that the registry's tags call personal."""
    if isinstance(avro, list):
        for each in avro:
            yield from _tagged(each, path)
    elif isinstance(avro, Mapping):
        fields = avro.get("fields")
        for field in fields if isinstance(fields, list) else ():
            if isinstance(field, Mapping):
                here = f"{path}{field.get('name')}"
                if _is_tagged(field):
                    yield here
                yield from _tagged(field.get("type"), f"{here}.")
        for key in ("items", "values", "type"):
            if not isinstance(avro.get(key), str):
                yield from _tagged(avro.get(key), path)


def _is_tagged(field: Mapping[str, Any]) -> bool:
    """Return whether a field has a tag for personal data, or a key ``pii`` that does not deny it."""
    return any(_PERSONAL_TAGS & {str(tag).upper() for tag in _listed(field.get(key))} for key in _TAGS) or any(
        key.upper() == "PII" and str(value).lower() not in _DENIALS for key, value in field.items()
    )


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []

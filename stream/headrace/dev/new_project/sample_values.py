"""Values of a new contract's fields: for its cases, and for the event that the producer publishes.

A personal value is unlike every other value, because a case fails if a clear value occurs anywhere in its row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, assert_never

from headrace.dev.new_project.field_option import BUCKET, FieldOption
from headrace.schemas.classification import Mask

NOW: Final = "2026-03-14T15:10:00Z"
HAPPENED: Final = "2026-03-14T15:09:26Z"
TOO_LATE: Final = "2025-03-14T15:09:26Z"
_PERSONAL_NUMBER: Final = 987_654_321
_ADDRESS: Final = "203.0.113.7"


@dataclass(frozen=True, slots=True)
class Sample:
    """A value in a file of cases, the same in Python, and the column that is stored.

    Without *stored*, the case checks the mask alone. *names* are those that the Python code imports.
    """

    yaml: str
    python: str
    stored: str | None
    names: tuple[str, ...] = ()


def sample_of(field: FieldOption) -> Sample:
    """Return a value of *field*."""
    yaml, python, *names = _personal(field) if field.mask else _plain(field)
    return Sample(yaml, python, _stored(field, yaml), tuple(names))


def new_id(field: FieldOption) -> Sample:
    """Return a value of an identity field; in Python it is another one each time."""
    sample = sample_of(field)
    match field.type:
        case "string":
            return Sample(sample.yaml, "str(uuid4())", sample.stored, ("uuid4",))
        case "int" | "long":
            return Sample(sample.yaml, "uuid4().int % 1_000_000_000", sample.stored, ("uuid4",))
        case _:
            return sample


def in_masks(field: FieldOption) -> bool:
    """Return whether a case can list the field under ``masks``, where a boolean has no value that could be found."""
    return field.mask is not None and field.type != "boolean"


def _plain(field: FieldOption) -> tuple[str, ...]:
    match field.type:
        case "string":
            text = f"{field.name[0]}-1" if field.name.lower().endswith("_id") else f"a {field.name.replace('_', ' ')}"
            return text, f'"{text}"'
        case "boolean":
            return "true", "True"
        case "int" | "long":
            return "12", "12"
        case "float" | "double":
            return "1.5", "1.5"
        case "bytes":
            return '"aGVhZHJhY2U="', 'b"headrace"'
        case "uuid":
            return "0f8fad5b-d9cb-469f-a165-70867728950e", "uuid4()", "uuid4"
        case "date":
            return "2026-03-14", "date(2026, 3, 14)", "date"
        case "time":
            return "12:30:00", "time(12, 30)", "time"
        case "timestamp":
            return "2026-03-14T12:30:00Z", "datetime(2026, 3, 14, 12, 30, tzinfo=UTC)"
        case "datetime":
            return "2026-03-14T12:30:00", "datetime(2026, 3, 14, 12, 30)"
        case _:
            return _decimal(field, "12", "5")


def _personal(field: FieldOption) -> tuple[str, ...]:
    match field.type:
        case "string":
            text = _personal_text(field)
            return text, f'"{text}"'
        case "boolean":
            return "true", "True"
        case "int" | "long":
            return str(_PERSONAL_NUMBER), f"{_PERSONAL_NUMBER:_}"
        case "float" | "double":
            return "97.25", "97.25"
        case "bytes":
            return '"QWRhIExvdmVsYWNl"', 'b"Ada Lovelace"'
        case "uuid":
            text = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
            return text, f'UUID("{text}")', "UUID"
        case "date":
            return "1985-12-10", "date(1985, 12, 10)", "date"
        case "time":
            return "05:45:10", "time(5, 45, 10)", "time"
        case "timestamp":
            return "1985-12-10T05:45:10Z", "datetime(1985, 12, 10, 5, 45, 10, tzinfo=UTC)"
        case "datetime":
            return "1985-12-10T05:45:10", "datetime(1985, 12, 10, 5, 45, 10)"
        case _:
            return _decimal(field, "7", "7")


def _personal_text(field: FieldOption) -> str:
    words = f"{field.name} {field.kind}".lower()
    if field.mask is Mask.GENERALISE or words.startswith("ip"):
        return _ADDRESS
    if "mail" in words:
        return "ada@example.com"
    return "020 7946 0018" if "phone" in words else "Ada Lovelace"


def _decimal(field: FieldOption, whole: str, part: str) -> tuple[str, ...]:
    """Return *whole* and *part*, as far as the field has digits before and after the point."""
    precision, scale = field.avro["precision"], field.avro["scale"]
    before = whole[-(precision - scale) :] if precision > scale else "0"
    text = f"{before}.{part}" if scale else before
    return text, f'Decimal("{text}")', "Decimal"


def _stored(field: FieldOption, yaml: str) -> str | None:
    match field.mask:
        case None:
            return yaml
        case Mask.REDACT:
            return "null"
        case Mask.GENERALISE:
            return _generalised(field)
        case Mask.TOKENISE | Mask.PARTIAL | Mask.OMIT:
            return None
        case _:
            assert_never(field.mask)


def _generalised(field: FieldOption) -> str:
    match field.type:
        case "string":
            return "203.0.113.0/24"
        case "int" | "long":
            return str(_PERSONAL_NUMBER // BUCKET * BUCKET)
        case "float" | "double":
            return "90"
        case "date":
            return "1985-12-01"
        case _:
            return "1985-12-01T00:00:00Z"

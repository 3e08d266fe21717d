"""Check of one contract as a whole, which tells all of its faults and none that only follows from another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from headrace.schemas.annotations import TableOptions, parse_table_options
from headrace.schemas.errors import ContractError
from headrace.schemas.faults import Faults, together
from headrace.schemas.field_annotations import annotate_fields
from headrace.schemas.field_places import FieldPlaces
from headrace.schemas.foreign_keys import without_foreign_keys
from headrace.schemas.lint import lint
from headrace.schemas.lint_changes import lint_changes
from headrace.schemas.lint_fields import lint_fields
from headrace.schemas.message_rules.event_time import FieldTime
from headrace.schemas.message_rules.lint import lint_message_rules
from headrace.schemas.model import Record, walk
from headrace.schemas.parse import UNREAD, ParsedEvent, parse_event
from headrace.schemas.transformations import Transformations, lint_transformations, parse_transformations
from headrace.schemas.unroll import unrolled

_OF_FIELDS: Final = ("headrace.fields.", "headrace.identity.", "headrace.cluster.", "headrace.envelope.key.")


class CheckedContract(NamedTuple):
    """The parts of a contract that breaks no rule of its own."""

    record: Record
    options: TableOptions
    transformations: Transformations
    notices: tuple[str, ...]


def check_contract(avro: Mapping[str, Any], where: str) -> CheckedContract:
    """Read and check a contract. A part that cannot be read does not keep the others from being checked.

    Raises:
        ContractError: it breaks rules; tells each fault.
    """
    faults, place = Faults(), f"{where}.headrace"
    event, options, transformations = None, None, Transformations()
    with faults.gathered():
        event = parse_event(without_foreign_keys(avro, avro.get("headrace"), place), where, faults)
    with faults.gathered():
        options = parse_table_options(avro.get("headrace"), _names_in(avro), place, faults)
        transformations = parse_transformations(avro["headrace"], place, faults)
    if event is None or options is None:
        raise together(faults.found)
    places = FieldPlaces(where, _fields_by_path(avro["headrace"]))
    written, record = _annotated(event, avro["headrace"], places, faults)
    broken = _broken(record, written, options, transformations, places)
    faults.add(_independent(broken, faults, event, options, where))
    faults.raise_all()
    datum = options.encodings.states_datum
    return CheckedContract(replace(record, datum=datum), options, transformations, event.notices)


def _names_in(avro: Mapping[str, Any]) -> list[str]:
    """Return the names of the outermost fields, also of faulty ones."""
    fields = avro.get("fields")
    names = [each.get("name") for each in fields if isinstance(each, Mapping)] if isinstance(fields, list) else []
    return [each for each in names if isinstance(each, str)]


def _fields_by_path(annotation: Mapping[str, Any]) -> Mapping[str, Any] | None:
    given = annotation.get("fields")
    return given if isinstance(given, Mapping) else None


def _annotated(
    event: ParsedEvent, annotation: Mapping[str, Any], places: FieldPlaces, faults: Faults
) -> tuple[Record, Record]:
    """Return the record with its annotations, as it is written, and with the levels of records within themselves."""
    written = event.record
    with faults.gathered():
        written = annotate_fields(written, annotation, f"{places.where}.headrace", faults)
    record = written
    with faults.gathered():
        record = unrolled(written, places)
    return written, record


def _broken(
    record: Record, written: Record, options: TableOptions, transformations: Transformations, places: FieldPlaces
) -> Iterator[ContractError]:
    """Yield an error for each rule that the parts break together; *written* is the record without further levels."""
    where = f"{places.where}.headrace"
    yield from lint_changes(record, options, transformations.where is not None, where)
    yield from lint(record, options, [each.field for each in transformations.derived], places)
    yield from lint_fields(written, places)
    columns = [*(field.column for field in record.fields), *(column.field.name for column in options.metadata)]
    yield from lint_transformations(columns, options.table, transformations, where)
    yield from lint_message_rules(options.encodings, options.envelope, where)


def _independent(
    errors: Iterator[ContractError], faults: Faults, event: ParsedEvent, options: TableOptions, where: str
) -> list[ContractError]:
    """Return the *errors* that do not follow from *faults* which have been found before."""
    unread = {path for path, field in walk(event.record) if field.type is UNREAD}
    faulty = {_path(each.where, where) for each in faults.found}
    return [each for each in errors if not _follows(_path(each.where, where), unread, faulty, options)]


def _path(place: str, where: str) -> str:
    """Return the path of the field that a place is about; for anything else, the path of the annotation."""
    path = place.removeprefix(f"{where}.")
    return next((path.removeprefix(each) for each in _OF_FIELDS if path.startswith(each)), path)


def _follows(path: str, unread: set[str], faulty: set[str], options: TableOptions) -> bool:
    rule = options.event_time
    if path.startswith("headrace.event_time") and isinstance(rule, FieldTime):
        path = rule.name
    return (
        any(path == each or path.startswith(f"{each}.") for each in unread)
        or any(each == path or each.startswith(f"{path}.pii") for each in faulty)
        or any(each.startswith(_RESTS_ON.get(path, path)) for each in faulty if path.startswith("headrace."))
    )


# A rule about one annotation that also reads another one.
_RESTS_ON: Final = {
    "headrace.partition": "headrace.expire_after_days",
    "headrace.late_after": "headrace.expire_after_days",
    "headrace.encoding": "headrace.envelope",
    "headrace.envelope.version": "headrace.encoding",
}

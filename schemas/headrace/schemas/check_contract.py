"""Check of one contract as a whole, which tells all of its faults and none that only follows from another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from headrace.schemas.annotations import TableOptions, parse_table_options
from headrace.schemas.errors import ContractError
from headrace.schemas.faults import Faults, together
from headrace.schemas.field_annotations import annotate_fields
from headrace.schemas.foreign_keys import without_foreign_keys
from headrace.schemas.lint import lint
from headrace.schemas.lint_changes import lint_changes
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
    record = _annotated(event, avro["headrace"], where, faults)
    by_path = "fields" in avro["headrace"]
    broken = _broken(record, options, transformations, where, by_path)
    faults.add(_independent(broken, faults, event, options, where))
    faults.raise_all()
    datum = options.encodings.states_datum
    return CheckedContract(replace(record, datum=datum), options, transformations, event.notices)


def _names_in(avro: Mapping[str, Any]) -> list[str]:
    """Return the names of the outermost fields, also of faulty ones."""
    fields = avro.get("fields")
    names = [each.get("name") for each in fields if isinstance(each, Mapping)] if isinstance(fields, list) else []
    return [each for each in names if isinstance(each, str)]


def _annotated(event: ParsedEvent, annotation: Mapping[str, Any], where: str, faults: Faults) -> Record:
    record = event.record
    with faults.gathered():
        record = annotate_fields(record, annotation, f"{where}.headrace", faults)
    with faults.gathered():
        record = unrolled(record, where)
    return record


def _broken(
    record: Record, options: TableOptions, transformations: Transformations, where: str, by_path: bool
) -> Iterator[ContractError]:
    """Yield an error for each rule that the parts break together."""
    yield from lint_changes(record, options, transformations.where is not None, f"{where}.headrace")
    yield from lint(record, options, where, [each.field for each in transformations.derived], by_path)
    columns = [*(field.column for field in record.fields), *(column.field.name for column in options.metadata)]
    yield from lint_transformations(columns, options.table, transformations, f"{where}.headrace")
    yield from lint_message_rules(options.encodings, options.envelope, f"{where}.headrace")


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

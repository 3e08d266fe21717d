"""The event times of decoded rows, and the refusal of rows whose time is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from headrace.core.dead_letter import Reason
from headrace.schemas.envelope import to_micros
from headrace.schemas.errors import UnreadableTextError
from headrace.schemas.message_rules.event_moment import ToMicros, columns_at, field_moment, kind_at, plain_timestamp
from headrace.schemas.message_rules.event_time import EventTimeRule, FieldTime
from headrace.schemas.model import Record
from headrace.schemas.times import read_instant
from headrace.steps.decode.envelopes import disagreeing
from headrace.steps.decode.opened_messages import GivenTime


class WrongTime(NamedTuple):
    """The row at *place* has no time that is right."""

    place: int
    reason: Reason
    detail: str


class EventTimes(NamedTuple):
    """Microseconds since 1970 of each row; the value of a wrong row does not count."""

    moments: pa.Array
    wrong: list[WrongTime]


ReadTimes = Callable[[pa.RecordBatch, Sequence[GivenTime]], EventTimes]
_NO_TIME: Final = "no field and no attribute says when the event happened"


def compile_event_times(record: Record, rule: EventTimeRule) -> ReadTimes:
    """Return the function that reads the event times of rows of *record*, beside the times that envelopes give."""
    name = plain_timestamp(record, rule)
    if name is not None:
        (column,) = columns_at(record, (name,))
        return lambda rows, given: _plain(rows, given, name, column)
    fields = [*_fields(record, rule)]
    return lambda rows, given: _converted(rows, given, fields)


def _plain(rows: pa.RecordBatch, given: Sequence[GivenTime], name: str, column: str) -> EventTimes:
    moments = rows.column(column).view(pa.int64())
    places = [place for place, time in enumerate(given) if time is not None]
    if not places:
        return EventTimes(moments, [])
    of_envelopes = moments if len(places) == len(given) else moments.take(pa.array(places, pa.int64()))
    suspects = disagreeing([str(given[place]) for place in places], of_envelopes)
    found = (_disagreement(places[each], given[places[each]], of_envelopes[each].as_py(), name) for each in suspects)
    return EventTimes(moments, [each for each in found if each is not None])


class _Field(NamedTuple):
    columns: tuple[str, ...]
    name: str
    to_micros: ToMicros


def _fields(record: Record, rule: EventTimeRule | None) -> list[_Field]:
    """Return the fields that may say the time, in the order in which they are asked."""
    if not isinstance(rule, FieldTime):
        return []
    kind = kind_at(record, rule.path)
    own = [] if kind is None else [_Field(columns_at(record, rule.path), rule.name, field_moment(kind, rule))]
    return own + _fields(record, rule.fallback)


def _converted(rows: pa.RecordBatch, given: Sequence[GivenTime], fields: Sequence[_Field]) -> EventTimes:
    columns = [_values(rows, field.columns) for field in fields]
    moments: list[int] = []
    wrong: list[WrongTime] = []
    for place, time in enumerate(given):
        moment, fault = _moment(place, time, fields, [column[place] for column in columns])
        moments.append(moment)
        if fault is not None:
            wrong.append(fault)
    return EventTimes(pa.array(moments, pa.int64()), wrong)


def _moment(
    place: int, given: GivenTime, fields: Sequence[_Field], values: Sequence[object]
) -> tuple[int, WrongTime | None]:
    for field, value in zip(fields, values, strict=True):
        if value is None:
            continue
        try:
            moment = field.to_micros(value)
        except UnreadableTextError as error:
            detail = f"{field.name}: {error.why}, and it is the event time"
            return 0, WrongTime(place, Reason.UNDECODABLE_PAYLOAD, detail)
        of_envelope = given if isinstance(given, str) else None
        return moment, _disagreement(place, of_envelope, moment, field.name)
    if given is None:
        return 0, WrongTime(place, Reason.MALFORMED_ENVELOPE, _NO_TIME)
    try:
        return (to_micros(read_instant(given)), None) if isinstance(given, str) else (given, None)
    except UnreadableTextError as error:
        return 0, WrongTime(place, Reason.MALFORMED_ENVELOPE, f"ce-time is {error.why}")


def _values(rows: pa.RecordBatch, path: tuple[str, ...]) -> list[object]:
    column = reduce(lambda within, name: pc.struct_field(within, name), path[1:], rows.column(path[0]))
    if pa.types.is_timestamp(column.type):
        column = column.view(pa.int64())
    values: list[object] = column.to_pylist()
    return values


def _disagreement(place: int, given: GivenTime, moment: int, name: str) -> WrongTime | None:
    if given is None:
        return None
    try:
        if isinstance(given, int) or to_micros(read_instant(given)) == moment:
            return None
        detail = f"ce-time is not the event's {name}"
    except UnreadableTextError as error:
        detail = f"ce-time is {error.why}"
    return WrongTime(place, Reason.MALFORMED_ENVELOPE, detail)

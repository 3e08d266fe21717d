"""A line of a file as the message a producer would have published; or, where it is no event, as itself with the reason.

The row is checked, encoded and named by the producers' own functions. It counts as published when it happened, or when
the file was written where that is earlier: so there is no lateness, and the same line is the same message each time.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from uuid import uuid5

from schemas.encode import encode
from schemas.envelope import Envelope, from_micros, to_micros, to_rfc3339
from schemas.errors import InvalidEventError
from schemas.from_json import fields_from_json
from schemas.identity import NAMESPACE, derive_event_id
from schemas.model import MISSING, Field
from schemas.registry import Contract
from schemas.validate import validate
from stream.backfill.errors import BackfillError
from stream.backfill.mapping import Mapping, Origin
from stream.backfill.readers import Line
from stream.backfill.values import from_parts, from_text, from_time
from stream.message import Message

# cloud.google.com/bigquery/docs/write-api#data_format: older partitions take no streamed rows.
STREAMED_DAYS: Final = 1_825
FILE: Final = "backfill-file"
LINE: Final = "backfill-line"


@dataclass(frozen=True, slots=True)
class BadLine(Message):
    """A line that is no event: its bytes as they came, and why."""

    problem: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Place:
    """The file that lines come from: its *name*, what tells its versions apart, and when it was written (microseconds).

    *texts*: all its values are texts.
    """

    name: str
    key: str
    written_at: int
    texts: bool


class Events:
    """Makes messages of the lines of one contract; *now* in microseconds since 1970 says which are too old."""

    def __init__(self, contract: Contract, mapping: Mapping, now: int) -> None:
        self._contract = contract
        self._mapping = mapping
        self._origins = [(each, mapping.origin(each.name)) for each in contract.record.fields]
        expiry = contract.options.expire_after_days
        self._days = min(STREAMED_DAYS, expiry or STREAMED_DAYS)
        self._oldest = from_micros(now) - timedelta(days=self._days)

    def check_columns(self, columns: Collection[str], place: Place) -> None:
        """Look whether a file has what its fields and ids are made of, before its first line becomes anything.

        Raises:
            BackfillError: it has not, or without a mapping it has more.
        """
        known = f"its columns are {', '.join(map(str, columns))}"
        for each, origin in self._origins:
            missing = not origin.constant and origin.column not in columns
            if missing and (each.default is MISSING or each.name in self._mapping.fields):
                raise BackfillError(f"{place.name}: no column {origin.column!r} for the field {each.name}; {known}")
        for name in self._mapping.identity:
            if name not in columns:
                raise BackfillError(f"{place.name}: no column {name!r} for the identity; {known}")
        more = set(columns) - {each.name for each, _ in self._origins}
        if more and not self._mapping.given:
            raise BackfillError(
                f"{place.name}: no field takes {', '.join(sorted(map(str, more)))}; with a mapping, if only an empty "
                "one, such columns are ignored"
            )

    def message(self, line: Line, place: Place) -> Message:
        """The message of *line*.

        Raises:
            BackfillError: the event is older than a table can take.
        """
        attributes = {FILE: place.name, LINE: str(line.number)}
        try:
            if line.problem:
                raise InvalidEventError("the line", line.problem, "mend the file")
            fields, envelope = self._event(line.values, place)
            data = encode(self._contract, fields)
        except InvalidEventError as error:
            return BadLine(
                subject=self._contract.subject,
                data=line.raw(),
                attributes=attributes,
                message_id=f"{place.key}:{line.number}",
                published_at=place.written_at,
                problem=f"{place.name}, line {line.number}: {error}",
            )
        if envelope.event_time < self._oldest:
            raise BackfillError(self._too_old(line, place))
        return Message(
            subject=self._contract.subject,
            data=data,
            attributes=envelope.to_attributes() | attributes,
            message_id=f"{place.key}:{line.number}",
            published_at=min(to_micros(envelope.event_time), place.written_at),
        )

    def _event(self, values: Table[str, Any], place: Place) -> tuple[dict[str, Any], Envelope]:
        fields = fields_from_json(self._contract.record, self._fields(values, place.texts))
        validate(self._contract.record, fields)
        event_id = derive_event_id(self._contract, fields) or self._id_of_columns(values, place.texts)
        source = self._mapping.source or f"/backfill/{place.name}"
        return fields, Envelope(event_id, self._contract.ref, fields[self._contract.options.event_time], source)

    def _fields(self, values: Table[str, Any], texts: bool) -> dict[str, Any]:
        fields = {} if self._mapping.given else dict(values)
        for each, origin in self._origins:
            if origin.constant:
                fields[each.name] = origin.value
            elif origin.column in values:
                value = self._value(each, origin, values[origin.column], texts)
                if value is None and not each.optional and each.default is not MISSING:
                    fields.pop(each.name, None)  # nothing is said: the contract's default
                else:
                    fields[each.name] = value
        return fields

    def _value(self, each: Field, origin: Origin, value: Any, texts: bool) -> Any:
        if texts:
            if value in self._mapping.null and (value or each.optional or each.default is not MISSING):
                return None
            if not origin.format and origin.zone is None:
                return from_text(each.type, value, each.name)
        if value is not None and (origin.format or origin.zone is not None):
            return from_time(each.type, value, origin, each.name)
        return value if texts else from_parts(each.type, value, each.name)

    def _id_of_columns(self, values: Table[str, Any], texts: bool) -> str:
        """UUIDv5 of the JSON array of the subject and the columns' values, each as text, null for none."""
        named: list[str | None] = [self._contract.subject]
        for name in self._mapping.identity:
            if name not in values:
                raise InvalidEventError(name, "no such column", "name columns in the mapping's identity")
            value = values[name]
            named.append(None if texts and value in self._mapping.null else _text(value))
        try:
            return str(uuid5(NAMESPACE, json.dumps(named, ensure_ascii=False, separators=(",", ":"))))
        except UnicodeEncodeError:
            raise InvalidEventError("identity", "text that is not UTF-8", "mend the file") from None

    def _too_old(self, line: Line, place: Place) -> str:
        if self._days < STREAMED_DAYS:
            why = f"older than the {self._days} days after which its table forgets a row (expire_after_days)"
        else:
            why = f"older than {STREAMED_DAYS:,} days: BigQuery streams no rows into such partitions"
        return (
            f"{place.name}, line {line.number}: the event is {why}; leave such lines out of the file. Load jobs, which "
            "could write them, are not there yet. Nothing of this line's round was written"
        )


def _text(value: Any) -> str | None:
    match value:
        case None:
            return None
        case datetime() if value.tzinfo is not None:
            return to_rfc3339(value)
        case datetime() | date() | time():
            return value.isoformat()
        case bytes():
            return value.hex()
        case _:
            return str(value)

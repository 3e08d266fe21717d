"""Conversion of a line of a file into the message that a producer would have published, or into a bad line.

The producers' own functions check, encode and identify the row. The message's publish time is the event time. So no
event is late, and the same line becomes the same message each time. For an event in the future, the publish time is
now, and the event is refused if it is further ahead than its contract allows. The time at which the file was written
does not matter for its events.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from headrace.backfill.backfill_errors import BackfillError
from headrace.backfill.encoded_cells import Cells, Encoded
from headrace.backfill.fields import Fields
from headrace.backfill.file_line import NO_UTF8, NOT_UTF8, Line
from headrace.backfill.file_values import lacks_zone
from headrace.backfill.mapping import Mapping
from headrace.core.message import Message
from headrace.schemas.encode import encode
from headrace.schemas.envelope import Envelope, from_micros, to_micros
from headrace.schemas.errors import InvalidEventError
from headrace.schemas.identity import derive_event_id
from headrace.schemas.model import INSTANTS, MISSING, bare
from headrace.schemas.registry import Contract

# cloud.google.com/bigquery/docs/write-api#data_format: older partitions accept no streamed rows.
STREAMED_DAYS: Final = 1_825
_EVER: Final = datetime.min.replace(tzinfo=UTC)
FILE: Final = "backfill-file"
LINE: Final = "backfill-line"
_MOST_NAMED: Final = 20


@dataclass(frozen=True, slots=True)
class BadLine(Message):
    """A line that is not an event, with its original bytes.

    *problem* names the file, the line and the error; *reason* has only the error.
    """

    problem: str = field(default="", repr=False)
    reason: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Place:
    """File of some lines: its *name*, a *key* for its version, and the time at which it was written (microseconds).

    *texts* means that all its values are texts.
    """

    name: str
    key: str
    written_at: int
    texts: bool


class Events:
    """Factory of messages from the lines of one contract; *now*, in microseconds since 1970, limits the age of events.

    *loaded* means that a load job writes the rows, which accepts events of any age.
    """

    def __init__(self, contract: Contract, mapping: Mapping, now: int, loaded: bool = False) -> None:
        self._contract = contract
        self._mapping = mapping
        self._origins = [(each, mapping.origin(each.name)) for each in contract.record.fields]
        expiry = contract.options.expire_after_days
        self._of_texts, self._of_values = (_readers(contract, mapping, texts) for texts in (True, False))
        self._days = min([each for each in (expiry, None if loaded else STREAMED_DAYS) if each], default=None)
        self._now = now
        self._oldest = _EVER if self._days is None else from_micros(now) - timedelta(days=self._days)

    def check_columns(self, columns: Collection[str], place: Place) -> None:
        """Check before the first line that a file has the columns for its fields and ids.

        Raises:
            BackfillError: a column is missing, or without a mapping, a column has no field.
        """
        for each, origin in self._origins:
            missing = not origin.constant and origin.column not in columns
            if missing and (each.default is MISSING or each.name in self._mapping.fields):
                what = f"no column {origin.column!r} for the field {each.name}"
                raise BackfillError(f"{place.name}: {what}; {self._what_there_is(columns, origin.column)}")
        for name in self._mapping.identity:
            if name not in columns:
                what = f"no column {name!r} for the identity"
                raise BackfillError(f"{place.name}: {what}; {self._what_there_is(columns, name)}")
        known = {each.name for each, _ in self._origins}
        more = [str(number) for number, name in enumerate(columns, 1) if name not in known]
        if more and not self._mapping.given:
            raise BackfillError(
                f"{place.name}: no field takes the columns {_some(more)} of {len(columns)}; with a mapping, if only an "
                "empty one, such columns are ignored"
            )

    def _what_there_is(self, columns: Collection[str], missing: str) -> str:
        """Return a hint for finding the column. Unknown column names are not shown: they may be a line of data."""
        for number, name in enumerate(columns, 1):
            if name.strip().lower() == missing.strip().lower():
                return f"the name of column {number} differs in capitals or spaces; write it in the mapping as it is"
        wanted = [each.column for _, each in self._origins if not each.constant]
        found = [name for name in wanted if name in columns]
        if not found:
            return (
                f"no field takes any of its {len(columns)} columns: does the file have a "
                "line of column names, and the delimiter that the mapping says?"
            )
        return f"of its {len(columns)} columns these are wanted: {_some(found)}; name the others in a mapping"

    def message(self, line: Line, place: Place) -> Message:
        """Return the message of *line*.

        Raises:
            BackfillError: the event is older than the table can hold.
        """
        attributes = {FILE: place.name, LINE: str(line.number)}
        try:
            if line.problem:
                raise InvalidEventError("the line", line.problem, "correct the file")
            if line.unreadable:
                self._refuse_unreadable(line)
            data, event_id, event_time = self._encoded(line, place)
        except InvalidEventError as error:
            return BadLine(
                subject=self._contract.subject,
                data=line.raw(),
                attributes=attributes,
                message_id=f"{place.key}:{line.number}",
                published_at=place.written_at,
                problem=f"{place.name}, line {line.number}: {error}",
                reason=str(error),
            )
        if event_time < self._oldest:
            raise BackfillError(self._too_old(line, place))
        source = self._mapping.source or f"/backfill/{place.name}"
        envelope = Envelope(event_id, self._contract.ref, event_time, source)
        return Message(
            subject=self._contract.subject,
            data=data,
            attributes=envelope.to_attributes() | attributes,
            message_id=f"{place.key}:{line.number}",
            published_at=min(to_micros(event_time), self._now),
        )

    def _encoded(self, line: Line, place: Place) -> Encoded:
        cells, fields = self._of_texts if place.texts else self._of_values
        known = cells.encode(line.values)
        if known is None:  # the line has a problem: find out which
            self._refuse_problems_of_files(line)
            event = fields.read(line.values)
            data, event_id = encode(self._contract, event), derive_event_id(self._contract, event) or ""
            known = Encoded(data, event_id, self._contract.event_moment(event))
        if known.event_time is None:
            raise InvalidEventError(
                "the event time", "no field of the line says it", "add the field that the contract names"
            )
        return known if known.event_id else known._replace(event_id=fields.id_of_columns(line.values))

    def _refuse_unreadable(self, line: Line) -> None:
        """Refuse a line with an unreadable value, unless no field uses that column."""
        fields = {origin.column: each.name for each, origin in self._origins if not origin.constant}
        for name, why in line.unreadable:
            if not self._mapping.given or name in fields or name in self._mapping.identity:
                raise InvalidEventError(fields.get(name, "the identity"), why, "correct the file")

    def _refuse_problems_of_files(self, line: Line) -> None:
        """Refuse problems that only files have, because the producers' checks give remedies for producers."""
        for each, origin in self._origins:
            value = line.values.get(origin.column)
            if isinstance(value, str) and NOT_UTF8.search(value):
                raise InvalidEventError(each.name, NO_UTF8, "convert the file to UTF-8")
            if getattr(bare(each.type), "kind", None) in INSTANTS and lacks_zone(value, origin):
                mapped = f'{each.name} = {{ column = "...", zone = "Europe/Berlin" }}'
                remedy = f"write its offset, or write the zone in the mapping: {mapped}"
                raise InvalidEventError(each.name, "a time without a zone", remedy)

    def _too_old(self, line: Line, place: Place) -> str:
        if self._days == STREAMED_DAYS:
            why = f"older than {STREAMED_DAYS:,} days: BigQuery streams no rows into such partitions"
            remedy = "load them on Dataflow (--runner DataflowRunner), or such days as a whole (--replace-partition)"
        else:
            why = f"older than the {self._days} days after which its table forgets a row (expire_after_days)"
            remedy = "leave such lines out of the file"
        return (
            f"{place.name}, line {line.number}: the event is {why}; {remedy}. Nothing of this line's round was written"
        )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _readers(contract: Contract, mapping: Mapping, texts: bool) -> tuple[Cells, Fields]:
    fields = Fields(contract, mapping, texts)
    return Cells(contract, mapping, fields), fields

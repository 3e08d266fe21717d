"""Encoder of lines by column, which caches the bytes of values that a column has had before.

Files of history repeat many values, and checking a value is the most expensive part of a line. Each new value goes
through the functions that check a whole event, as an event with that one field. Avro writes a record as its fields, one
after the other, so the bytes are those of the whole event. If a value is refused, the caller checks the line as a
whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from headrace.backfill.fields import Fields
from headrace.backfill.mapping import Mapping as ColumnMapping
from headrace.backfill.mapping import Origin
from headrace.schemas.decoder import MAX_PAYLOAD_BYTES
from headrace.schemas.encode_field import compile_encoder
from headrace.schemas.errors import InvalidEventError
from headrace.schemas.identity import id_of, in_json
from headrace.schemas.message_rules.event_moment import plain_timestamp
from headrace.schemas.model import MISSING, Field
from headrace.schemas.registry import Contract

KNOWN_VALUES: Final = 60_000  # cached values of all columns together
LONGEST_KNOWN: Final = 64  # characters


class Cell(NamedTuple):
    """A field of one line: its encoded bytes, its value, and its JSON for the event's id."""

    data: bytes
    value: Any
    named: str


class Encoded(NamedTuple):
    """An event whose fields all match their contract.

    *event_id* is empty without an identity. *event_time* is a datetime, or None.
    """

    data: bytes
    event_id: str
    event_time: Any


Column: TypeAlias = Callable[[Any], Cell]


class Cells:
    """Encoder of lines of one contract."""

    def __init__(self, contract: Contract, mapping: ColumnMapping, fields: Fields) -> None:
        names = [each.name for each in contract.record.fields]
        share = KNOWN_VALUES // len(names)
        origins = [(each, mapping.origin(each.name)) for each in contract.record.fields]
        readers = [_reader(contract, each, origin, fields) for each, origin in origins]
        self._columns = [
            (origin.column, _Memo(read, share).__getitem__ if fields.texts else _by_class(read, share))
            for (_, origin), read in zip(origins, readers, strict=True)
        ]
        self._known = None if mapping.given else frozenset(names)
        self._subject = contract.subject
        self._identity = [names.index(name) for name in contract.options.identity]
        self._names = names
        self._event_moment = contract.event_moment
        plain = plain_timestamp(contract.record, contract.options.event_time)
        self._event_time = None if plain is None else names.index(plain)

    def encode(self, values: Mapping[str, Any]) -> Encoded | None:
        """Encode the line with these *values* by column; return None if a value does not fit its field."""
        if self._known is not None and not values.keys() <= self._known:
            return None
        get = values.get
        try:
            cells = [column(get(name, MISSING)) for name, column in self._columns]
        except InvalidEventError:
            return None
        data = b"".join([cell[0] for cell in cells])
        if len(data) > MAX_PAYLOAD_BYTES:
            return None
        named = [cells[place][2] for place in self._identity]
        event_id = id_of(self._subject, named) if named else ""
        return Encoded(data, event_id, self._moment(cells))

    def _moment(self, cells: list[Cell]) -> Any:
        if self._event_time is not None:
            return cells[self._event_time][1]
        return self._event_moment({name: cell.value for name, cell in zip(self._names, cells, strict=True)})


class _Memo(dict[Any, Cell]):
    """Cache of the results of *read* for values of one class; it is cleared when it is full."""

    def __init__(self, read: Column, most: int) -> None:
        super().__init__()
        self._read = read
        self._most = most

    def __missing__(self, value: Any) -> Cell:
        cell = self._read(value)
        if len(self) >= self._most:
            self.clear()
        if value.__class__ is not str or len(value) <= LONGEST_KNOWN:
            self[value] = cell
        return cell


def _by_class(read: Column, most: int) -> Column:
    """Return a reader with one cache for each class: equal values of two classes may be encoded differently.

    Decimals and times are not cached, because equal ones may be written or checked differently.
    """
    memos = {kind: _Memo(read, most) for kind in (str, int, bool, type(None), type(MISSING))}

    def look(value: Any) -> Cell:
        memo = memos.get(value.__class__)
        return read(value) if memo is None else memo[value]

    return look


def _reader(contract: Contract, each: Field, origin: Origin, fields: Fields) -> Column:
    default = None if each.default is MISSING else each.default
    encode, is_named = compile_encoder(contract, each), each.name in contract.options.identity

    def read(value: Any) -> Cell:
        value = fields.read_one(each, origin, value)
        data = encode(value)
        value = default if value is MISSING else value
        return Cell(data, value, in_json(each, value) if is_named else "")

    return read

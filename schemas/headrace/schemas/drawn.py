"""Random events of a contract, drawn to find out whether its payloads can also be read behind a header."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, TypeAlias, assert_never

from headrace.schemas.decoder import Decode, compile_decoder
from headrace.schemas.errors import UndecodableError
from headrace.schemas.headers import FIRST_BYTES, HEADERS, header_before
from headrace.schemas.layout import shortest_of
from headrace.schemas.model import (
    Array,
    Decimal,
    Enumeration,
    Field,
    Fixed,
    Kind,
    Map,
    Optional,
    Record,
    Recursive,
    Scalar,
    Type,
    Union,
)
from headrace.schemas.varint import write_long

Draw: TypeAlias = Callable[[], bytes]

_EVENTS: Final = 1000
_OFTEN: Final = 10  # of those events: with so many ambiguous ones, the contract is ambiguous
# of those events: if fewer than _OFTEN of the first 150 begin as a header does, one in a hundred is not ambiguous
_FEW: Final = 150
_MOST_VALUES: Final = 50_000  # drawn for one contract, because a record may have ten thousand columns
_SEED: Final = 20260101
_DAY: Final = 20_454  # 2026-01-01, in days since 1970
_TEXT: Final = bytes(
    random.Random(_SEED).choices(  # noqa: S311 not a secret
        b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 -.", k=1024
    )
)
_LONGEST: Final = 20  # length of a drawn text
_TEXTS: Final = (Scalar(Kind.STRING), Scalar(Kind.BYTES), Scalar(Kind.UUID))
_results: dict[str, bool] = {}


def is_often_ambiguous(record: Record, fingerprint: str) -> bool:
    """Return whether at least one in a hundred drawn events of *record* is also a datum behind a known header.

    A thousand events are drawn with a fixed seed. If the first value is a fixed, it is drawn as a header; if it is a
    text, it is never empty. The result is cached by the contract's *fingerprint*.
    """
    if fingerprint not in _results:
        _results[fingerprint] = not record.datum and _judge(record)
    return _results[fingerprint]


def _judge(record: Record) -> bool:
    drawer = _Drawer(random.Random(_SEED))  # noqa: S311 not a secret
    first, *others = (field for field in record.written if shortest_of(field))
    if first.type in _TEXTS and not first.single:
        return False  # no header begins as the length of a text that is drawn
    begin, rest = drawer.begin(first), [drawer.field(field) for field in others]
    decode: Decode | None = None  # compiled when an event begins as a header does, which is rare
    found = alike = 0
    for number in range(_EVENTS):
        data = begin()
        if data[0] in FIRST_BYTES:
            alike += 1
            decode = decode or compile_decoder(record, replace(record, datum=True))
            found += _is_ambiguous(data + b"".join([draw() for draw in rest]), decode)
        if found == _OFTEN or drawer.values > _MOST_VALUES or (number == _FEW and alike < _OFTEN):
            break
    return found == _OFTEN


def _is_ambiguous(data: bytes, decode: Decode) -> bool:
    if header_before(data, decode) is None:
        return False
    try:
        decode(data)
    except UndecodableError:  # a map with a key twice, or columns that are too wide
        return False
    return True


class _Drawer:
    """Factory of functions that draw encoded values; zero, empty and null are frequent, as in real data."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.values = 0

    def begin(self, field: Field) -> Draw:
        """Return a function that draws the first field of an event; a fixed begins as a header does."""
        return _behind_index(self._first(field.type)) if field.single else self._first(field.type)

    def field(self, field: Field) -> Draw:
        """Return a function that draws a field."""
        return _behind_index(self.of(field.type)) if field.single else self.of(field.type)

    def _first(self, type_: Type) -> Draw:
        match type_:
            case Record():
                first, *others = (field for field in type_.written if shortest_of(field))
                return _joined([self.begin(first), *map(self.field, others)])
            case Fixed(size) | Decimal(size=int(size)):
                return lambda: (self._chance.choice(HEADERS).magic + self._chance.randbytes(size))[:size]
            case Scalar(Kind.STRING | Kind.BYTES):
                return self._text(1, _LONGEST)
            case Optional() | Union() | Recursive() | Array() | Map() | Enumeration() | Decimal() | Scalar():
                return self.of(type_)
            case _:
                assert_never(type_)

    def of(self, type_: Type) -> Draw:
        """Return a function that draws a value of *type_*."""
        chance = self._chance
        match type_:
            case Optional(item, null_first):
                null, some = (b"\0", b"\2") if null_first else (b"\2", b"\0")
                value = self.of(item)
                uniform = chance.random
                return lambda: some + value() if uniform() < 0.5 else null
            case Union():
                return self._branch(type_)
            case Recursive():
                return lambda: _least(type_.record)
            case Record():
                return _joined([self.field(field) for field in type_.written])
            case Array(items, single):
                return self._items(self.field(Field("item", items, single=single)))
            case Map(values, single):
                value = self.field(Field("value", values, single=single))
                return self._items(_joined([self._text(1, _LONGEST), value]))
            case Enumeration(symbols):
                return lambda: write_long(chance.randrange(len(symbols)))
            case Fixed(size):
                return lambda: chance.randbytes(size)
            case Decimal():
                return self._decimal(type_)
            case Scalar(kind):
                return self._counted(self._scalar(kind))
            case _:
                assert_never(type_)

    def _counted(self, draw: Draw) -> Draw:
        def counted() -> bytes:
            self.values += 1
            return draw()

        return counted

    def _branch(self, union: Union) -> Draw:
        heads = [write_long(index) for index in range(len(union.written))]
        values = [self.of(branch.type) if branch else bytes for branch in union.written]

        def branch() -> bytes:
            index = self._chance.randrange(len(values))
            return heads[index] + values[index]()

        return branch

    def _items(self, item: Draw) -> Draw:
        def items() -> bytes:
            count = self._chance.choice((0, 0, 1, 2, 3))
            return write_long(count) + b"".join([item() for _ in range(count)]) + b"\0" if count else b"\0"

        return items

    def _text(self, shortest: int, longest: int) -> Draw:
        uniform = self._chance.random
        heads = [write_long(length) for length in range(longest + 1)]

        def text() -> bytes:
            length = shortest + int(uniform() * (longest + 1 - shortest))
            start = int(uniform() * (len(_TEXT) - longest))
            return heads[length] + _TEXT[start : start + length]

        return text

    def _decimal(self, type_: Decimal) -> Draw:
        def decimal() -> bytes:
            number = self._chance.randrange(10 ** self._chance.randrange(1, type_.precision + 1))
            size = type_.size or number.bit_length() // 8 + 1
            data = number.to_bytes(size, "big", signed=True)
            return data if type_.size else write_long(size) + data

        return decimal

    def _whole(self, *limits: int) -> Draw:
        uniform = self._chance.random
        return lambda: write_long(int(uniform() * limits[int(uniform() * len(limits))]))

    def _around(self, middle: int, spread: int) -> Draw:
        uniform = self._chance.random
        return lambda: write_long(middle + int((2 * uniform() - 1) * spread))

    def _scalar(self, kind: Kind) -> Draw:
        chance = self._chance
        match kind:
            case Kind.BOOLEAN:
                return lambda: chance.choice((b"\0", b"\1"))
            case Kind.INT:
                return self._whole(100, 10_000, 2**31)
            case Kind.LONG:
                return self._whole(100, 10_000, 10**6, 2**62)
            case Kind.FLOAT:
                return lambda: struct.pack("<f", chance.choice((chance.random(), chance.randrange(100))))
            case Kind.DOUBLE:
                return lambda: struct.pack("<d", chance.choice((chance.random(), chance.randrange(100))))
            case Kind.STRING:
                return self._text(0, _LONGEST)
            case Kind.BYTES:
                return lambda: _sized(chance.randbytes(chance.randrange(21)))
            case Kind.JSON:
                return lambda: _sized(b'{"text": "%s"}' % chance.randbytes(chance.randrange(9)).hex().encode())
            case Kind.UUID:
                text = "{0:08x}-{1:04x}-{1:04x}-{1:04x}-{2:012x}".format
                return lambda: _sized(text(*(chance.getrandbits(bits) for bits in (32, 16, 48))).encode())
            case Kind.DATE:
                return self._around(_DAY, 400)
            case Kind.TIME_MILLIS:
                return self._whole(86_400_000)
            case Kind.TIME_MICROS:
                return self._whole(86_400_000_000)
            case Kind.TIMESTAMP_MILLIS | Kind.LOCAL_TIMESTAMP_MILLIS:
                return self._around(_DAY * 86_400_000, 10**10)
            case Kind.TIMESTAMP_MICROS | Kind.LOCAL_TIMESTAMP_MICROS:
                return self._around(_DAY * 86_400_000_000, 10**13)
            case _:
                assert_never(kind)


_LEAST: Final = {
    Kind.FLOAT: bytes(4),
    Kind.DOUBLE: bytes(8),
    Kind.UUID: b"\x4800000000-0000-0000-0000-000000000000",
    Kind.JSON: b"\x04{}",
}


def _least(type_: Type) -> bytes:
    """Return a value without optional parts, so that a record within itself ends."""
    match type_:
        case Record():
            return b"".join([b"\0" * bool(field.single) + _least(field.type) for field in type_.written])
        case Optional(null_first=null_first):
            return b"\0" if null_first else b"\2"
        case Union(branches, null):
            ends = [index for index, each in enumerate(branches) if not isinstance(each.type, Recursive)]
            return write_long(null) if null is not None else write_long(ends[0]) + _least(branches[ends[0]].type)
        case Fixed(size) | Decimal(size=int(size)):
            return bytes(size)
        case Decimal():
            return b"\2\0"
        case Scalar(kind):
            return _LEAST.get(kind, b"\0")
        case Array() | Map() | Enumeration() | Recursive():
            return b"\0"
        case _:
            assert_never(type_)


def _sized(data: bytes) -> bytes:
    return write_long(len(data)) + data


def _behind_index(draw: Draw) -> Draw:
    return lambda: b"\0" + draw()


def _joined(draws: Sequence[Draw]) -> Draw:
    return lambda: b"".join([draw() for draw in draws])

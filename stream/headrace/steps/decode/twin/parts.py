"""Arrow columns that are filled from many places at once: each value is put where its row, or its item, stands."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa

from headrace.schemas.scalars import UUID_TEXT
from headrace.steps.decode.twin.wire import Array, Longs, Mask, Wire

Places: TypeAlias = Any  # where values are put: positions, or a slice of all

_UUID_BYTES: Final = 36
_HEX: Final = b"0123456789abcdefABCDEF"
_KEY_WORDS: Final = 8  # keys that are alike for so many words, and as long, are left to the strict decoder
_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST_BYTES: Final = np.array([2 ** (8 * count) - 1 for count in range(9)], np.uint64)


class Part(ABC):
    """One column of Arrow type *type_*; *above* is the list whose items it is of, or that its record is an item of."""

    def __init__(self, type_: pa.DataType, nullable: bool, above: Lists | None) -> None:
        self.type, self.nullable, self.above = type_, nullable, above
        self.length = 0
        self.valid = np.zeros(0, bool)

    def begin(self, length: int) -> None:
        """Make room for *length* values: null where they may be, else zero or empty."""
        self.length = length
        if self.nullable:
            self.valid = np.zeros(length, bool)

    def fill(self, places: Places, valid: Mask | bool) -> None:
        """Say which values are not null."""
        if self.nullable:
            self.valid[places] = valid

    @abstractmethod
    def build(self, wire: Wire) -> pa.Array:
        """Give the column; notes in *wire* which messages have values that are none."""

    def refuse(self, wire: Wire, places: Array) -> None:
        """Note that the values at *places* are none."""
        wire.bad[self.messages(places)] = True

    def messages(self, places: Array) -> Array:
        """The messages that the values at *places* are of."""
        above = self.above
        while above is not None:
            places = np.searchsorted(above.offsets, places, side="right") - 1
            above = above.above
        return places

    def array(self, buffers: Iterable[pa.Buffer | None], children: Sequence[pa.Array] | None = None) -> pa.Array:
        """The array of these *buffers*."""
        nulls, validity = 0, None
        if self.nullable:
            nulls = self.length - int(np.count_nonzero(self.valid))
            validity = pa.py_buffer(np.packbits(self.valid, bitorder="little")) if nulls else None
        return pa.Array.from_buffers(self.type, self.length, [validity, *buffers], nulls, children=children)


class Numbers(Part):
    """Values of one width: whole numbers, floating ones, decimals as rows of 64-bit limbs, the lowest first."""

    def __init__(
        self, type_: pa.DataType, nullable: bool, above: Lists | None, dtype: type[np.generic], limbs: int = 0
    ) -> None:
        super().__init__(type_, nullable, above)
        self.limbs, self._dtype = limbs, dtype
        self.values: Array = np.zeros(0, dtype)

    def begin(self, length: int) -> None:
        """Make room, as ever."""
        super().begin(length)
        self.values = np.zeros((length, self.limbs) if self.limbs else length, self._dtype)

    def build(self, wire: Wire) -> pa.Array:
        """Give the column."""
        return self.array([pa.py_buffer(np.packbits(self.values, bitorder="little") if self._bits else self.values)])

    @property
    def _bits(self) -> bool:
        return self._dtype is np.bool_


class Symbols(Part):
    """Symbols of an enum, each by its place in *symbols*, which begin with the empty text."""

    def __init__(self, type_: pa.DataType, nullable: bool, above: Lists | None, symbols: Sequence[str]) -> None:
        super().__init__(type_, nullable, above)
        self.symbols = ["", *symbols]
        self._dictionary = pa.array(self.symbols, pa.string())
        self.values = np.zeros(0, np.int32)

    def begin(self, length: int) -> None:
        """Make room, as ever."""
        super().begin(length)
        self.values = np.zeros(length, np.int32)

    def build(self, wire: Wire) -> pa.Array:
        """Give the column."""
        return self.array(self._dictionary.take(pa.array(self.values)).buffers()[1:])


class Texts(Part):
    """Pieces of the wire; *kind* says what they must be. A *default* stands in the wire before the messages."""

    def __init__(self, type_: pa.DataType, nullable: bool, above: Lists | None, kind: str = "bytes") -> None:
        super().__init__(type_, nullable, above)
        self._kind = kind
        self.default: tuple[int, int] | None = None  # where it begins among the wire's texts, and its length
        self._bounds = np.zeros(0, np.int32)
        self.starts = self.stops = self._bounds
        self._defaulted: list[Places] = []

    def begin(self, length: int) -> None:
        """Make room, as ever."""
        super().begin(length)
        self._bounds = np.zeros(2 * length, np.int32)
        self.starts, self.stops = self._bounds[0::2], self._bounds[1::2]
        self._defaulted = []

    def put_default(self, places: Places) -> None:
        """Have the default at *places*."""
        self._defaulted.append(places)

    def build(self, wire: Wire) -> pa.Array:
        """Give the column."""
        gathered = self._gathered(wire)
        if self._kind == "string" and not _is_ascii(gathered):
            self._check(wire, gathered, _is_utf8)
        if self._kind == "uuid":
            gathered = self._lowered(wire, gathered)
        return self.array(gathered.buffers()[1:])

    def _gathered(self, wire: Wire) -> pa.Array:
        """Copy the pieces together: they are every other text of a column whose text is the wire."""
        if not self.length:
            return pa.array([], pa.binary())
        pieces = np.arange(2, 2 * self.length + 2, 2)
        for places in self._defaulted:
            pieces[places] = 0
        start, length = self.default or (0, 0)
        bounds = np.concatenate([np.array([wire.texts + start, wire.texts + start + length], np.int32), self._bounds])
        np.maximum.accumulate(bounds, out=bounds)  # what is nothing begins where the one before ends
        all_ = pa.Array.from_buffers(pa.binary(), len(bounds) - 1, [None, pa.py_buffer(bounds), wire.buffer])
        return all_.take(pa.array(pieces))

    def _check(self, wire: Wire, gathered: pa.Array, right: Any) -> None:
        if self._kind == "string":
            try:
                gathered.cast(pa.string())
                return
            except pa.ArrowInvalid:
                pass
        real = self.starts >= wire.front
        wrong = [place for place in np.flatnonzero(real) if not right(gathered[place].as_py())]
        self.refuse(wire, np.array(wrong, np.int64))

    def _lowered(self, wire: Wire, gathered: pa.Array) -> pa.Array:
        _, offsets, text = gathered.buffers()
        lower = text.to_pybytes() if text else b""
        real = self.starts >= wire.front
        count = int(np.count_nonzero(real))
        long = np.count_nonzero((self.stops - self.starts == _UUID_BYTES) & real) == count
        if not (long and _are_uuids(lower, count)):
            self._check(wire, gathered, UUID_TEXT.fullmatch)
        return pa.Array.from_buffers(pa.binary(), self.length, [None, offsets, pa.py_buffer(lower.lower())])


class Struct(Part):
    """A record: its fields, and those that are read over (*hidden*)."""

    def __init__(self, type_: pa.DataType, nullable: bool, above: Lists | None) -> None:
        super().__init__(type_, nullable, above)
        self.children: list[Part] = []
        self.hidden: list[Part] = []

    def begin(self, length: int) -> None:
        """Make room, as ever."""
        super().begin(length)
        for each in (*self.children, *self.hidden):
            each.begin(length)

    def build(self, wire: Wire) -> pa.Array:
        """Give the column."""
        for each in self.hidden:
            each.build(wire)  # for what is wrong with it
        return self.array([], [child.build(wire) for child in self.children])


class Lists(Part):
    """Lists of *items*, whose lengths are put first; *of_map* when no key may stand twice."""

    items: Part

    def __init__(self, type_: pa.DataType, nullable: bool, above: Lists | None, of_map: bool) -> None:
        super().__init__(type_, nullable, above)
        self._of_map = of_map
        self._laid = False
        self.counts: Longs = np.zeros(0, np.int64)
        self.offsets = np.zeros(1, np.int64)

    def begin(self, length: int) -> None:
        """Make room, as ever; for items when all lengths are known."""
        super().begin(length)
        self.counts = np.zeros(length, np.int64)
        self._laid = False

    def lay(self) -> None:
        """Make room for the items: all lengths are known."""
        if not self._laid:
            self.offsets = np.zeros(self.length + 1, np.int64)
            np.cumsum(self.counts, out=self.offsets[1:])
            self.items.begin(int(self.offsets[-1]))
            self._laid = True

    def build(self, wire: Wire) -> pa.Array:
        """Give the column."""
        self.lay()
        items = self.items.build(wire)
        if self._of_map and self.length and self.counts.max() > 1:
            self._check_keys(wire)
        return self.array([pa.py_buffer(self.offsets.astype(np.int32))], [items])

    def _check_keys(self, wire: Wire) -> None:
        """Refuse maps with keys that seem to be the same; where they are not, the strict decoder accepts them."""
        keys = self.items.children[0] if isinstance(self.items, Struct) else None
        assert isinstance(keys, Texts)  # noqa: S101 for the type checker
        starts, lengths = keys.starts.astype(np.int64), (keys.stops - keys.starts).astype(np.int64)
        seen = (np.repeat(np.arange(self.length), self.counts) << 32 | lengths).view(np.uint64) * _SPREAD
        for word in range(min(int(lengths.max() + 7) // 8, _KEY_WORDS)):
            left = np.clip(lengths - 8 * word, 0, 8)
            seen = (seen ^ (seen >> np.uint64(29)) ^ (wire.words[starts + 8 * word] & _FIRST_BYTES[left])) * _SPREAD
        in_order = np.sort(seen)
        again = in_order[1:][in_order[1:] == in_order[:-1]]
        if len(again):
            keys.refuse(wire, np.flatnonzero(np.isin(seen, again)))


def _is_ascii(texts: pa.Array) -> bool:
    text = texts.buffers()[2]
    return text is None or text.to_pybytes().isascii()


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _are_uuids(text: bytes, count: int) -> bool:
    """Whether these are *count* UUIDs, one behind the other, of 36 bytes each."""
    if len(text.translate(None, _HEX)) != 4 * count:
        return False
    dashes = np.frombuffer(text, np.uint8).reshape(count, _UUID_BYTES)[:, 8:24:5]
    return int(np.count_nonzero(dashes == ord("-"))) == 4 * count

"""What is done for each part of a contract: go over its values in all messages at once, then put them in their column.

*Going over* (``walk``) takes the positions of as many values, and where the message of each ends, and gives the
positions after them. It looks at no more than it must to get there, and notes where each value lies. What cannot be
gone over is sent to the zeros (:mod:`stream.twin.wire`). *Putting* (``settle``) reads the values that were noted, of
all items of all lists together, once their places in the columns are known, and refuses what is no value of its type.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

import numpy as np

from schemas.model import MAX_ITEMS, Kind
from schemas.scalars import Bounds
from stream.twin.parts import Lists, Numbers, Part, Places, Symbols, Texts
from stream.twin.wire import Array, Longs, Mask, Wire, joined

_LONGEST: Final = 10  # bytes of an integer
_FEW: Final = 24  # values: for so few, a step costs more than the strict decoder
_NO_BRANCH: Final = np.uint8(0xFD)


class Step(Protocol):
    """One part of a contract; *reach* is the most bytes that it goes on unchecked, *weight* how many steps it is."""

    reach: int
    weight: int

    def begin(self) -> None:
        """Forget what was noted."""

    def walk(self, wire: Wire, at: Longs, ends: Longs) -> Longs:
        """Go over the values at *at*, whose messages end at *ends*."""

    def settle(self, wire: Wire, places: Places, open_: list[tuple[Items, Places]]) -> None:
        """Put what was noted at *places* of the column; *open_* gets the lists whose items have no place yet."""


class Leaf:
    """A value without parts, put into *part*."""

    reach, weight = _LONGEST, 1

    def __init__(self, part: Part) -> None:
        self.part = part
        self._noted: list[Longs] = []

    def begin(self) -> None:
        """Forget what was noted."""
        self._noted = []

    def walk(self, wire: Wire, at: Longs, ends: Longs) -> Longs:
        """Go over integers."""
        self._noted.append(at)
        return wire.after_numbers(at)

    def settle(self, wire: Wire, places: Places, open_: list[tuple[Items, Places]]) -> None:
        """Put the values."""
        values, wrong = self._read(wire, joined(self._noted))
        self.part.values[places] = values  # type: ignore[attr-defined]
        refuse(self.part, wire, places, wrong)

    def _read(self, wire: Wire, at: Longs) -> tuple[Array, Mask | None]:
        raise NotImplementedError


class WholeNumber(Leaf):
    """An integer within *bounds*; the column may hold floating numbers."""

    def __init__(self, part: Numbers, bounds: Bounds | None) -> None:
        super().__init__(part)
        self._bounds = bounds

    def _read(self, wire: Wire, at: Longs) -> tuple[Array, Mask | None]:
        values, wrong = wire.numbers(at)
        if self._bounds is not None:
            low, high, scale, _ = self._bounds
            outside = (values < low) | (values > high)
            wrong = outside if wrong is None else wrong | outside
            values = values * scale if scale > 1 else values
        if self.part.values.dtype == np.float32:  # type: ignore[attr-defined]
            return values.astype(np.float64).astype(np.float32), wrong  # by way of eight bytes, as everywhere
        return values, wrong


class Symbol(Leaf):
    """A symbol by its place, which is another one in the column."""

    def __init__(self, part: Symbols, symbols: tuple[str, ...]) -> None:
        super().__init__(part)
        self._places = np.array([part.symbols.index(symbol) for symbol in symbols], np.int32)

    def _read(self, wire: Wire, at: Longs) -> tuple[Array, Mask | None]:
        values, wrong = wire.numbers(at)
        none = (values < 0) | (values >= len(self._places))
        return self._places.take(values, mode="clip"), none if wrong is None else none | wrong


class Raw(Leaf):
    """A boolean, or a floating number, as its bytes are."""

    def __init__(self, part: Numbers, kind: Kind) -> None:
        super().__init__(part)
        self._kind = kind
        self.reach = self._size = {Kind.BOOLEAN: 1, Kind.FLOAT: 4, Kind.DOUBLE: 8}[kind]

    def walk(self, wire: Wire, at: Longs, ends: Longs) -> Longs:
        """Go over the bytes."""
        self._noted.append(at)
        return at + self._size

    def _read(self, wire: Wire, at: Longs) -> tuple[Array, Mask | None]:
        match self._kind:
            case Kind.BOOLEAN:
                byte = wire.bytes.take(at)
                return byte == 1, byte > 1
            case Kind.FLOAT:
                bits = wire.words[at].astype(np.uint32)
                values = bits.view(np.float32)
                return np.where(np.isnan(values), (bits | np.uint32(0x400000)).view(np.float32), values), None
            case _:
                return wire.words[at].view(np.float64), None


class Text(Leaf):
    """Bytes: *size* of them, or as many as they say."""

    def __init__(self, part: Part, size: int | None = None) -> None:
        super().__init__(part)
        self._size = size
        self._stops: list[Longs] = []
        self.reach = _LONGEST if size is None else size

    def begin(self) -> None:
        """Forget what was noted."""
        super().begin()
        self._stops = []

    def walk(self, wire: Wire, at: Longs, ends: Longs) -> Longs:
        """Go over the bytes."""
        if self._size is None:
            start, stop = wire.spans(at, ends)
        else:
            stop = at + self._size
            start, stop = wire.within(at, stop, stop > ends)
        self._noted.append(start)
        self._stops.append(stop)
        return stop

    def settle(self, wire: Wire, places: Places, open_: list[tuple[Items, Places]]) -> None:
        """Say where they are."""
        assert isinstance(self.part, Texts)  # noqa: S101 for the type checker
        self.part.starts[places] = joined(self._noted)
        self.part.stops[places] = joined(self._stops)


class Decimal(Text):
    """A decimal of at most *longest* bytes, whose unscaled number is below *limit*."""

    def __init__(self, part: Numbers, size: int | None, longest: int, limit: int) -> None:
        super().__init__(part, size)
        self._longest, self._limit = size or longest, limit
        self._sure = limit.bit_length() // 8  # so many bytes hold no number beyond it
        self._limbs = max(-(-self._longest // 8), part.limbs)
        self.back = 8 * self._limbs  # bytes before its end that are looked at

    def settle(self, wire: Wire, places: Places, open_: list[tuple[Items, Places]]) -> None:
        """Put the limbs."""
        assert isinstance(self.part, Numbers)  # noqa: S101 for the type checker
        start, stop = joined(self._noted), joined(self._stops)
        length = stop - start
        wrong = ((length < 1) | (length > self._longest)) & (start >= wire.front)
        limbs = self._read_limbs(wire, start, stop, np.clip(length, 1, self._longest))
        if len(length) and int(length.max()) > self._sure:
            wrong |= ~(_below(limbs, self._limit) & ~_below(limbs, 1 - self._limit))
        for limb in range(self.part.limbs):
            self.part.values[places, limb] = limbs[limb]
        refuse(self.part, wire, places, wrong)

    def _read_limbs(self, wire: Wire, start: Longs, stop: Longs, length: Longs) -> list[Longs]:
        """Read the numbers before *stop* as 64-bit limbs, the lowest first."""
        sign = -(wire.bytes.take(start) >> 7).astype(np.int64)
        limbs = []
        shortest = int(length.min()) if len(length) else 0
        for limb in range(self._limbs):
            words = wire.words[stop - 8 * (limb + 1)].byteswap().view(np.int64)
            if shortest < 8 * (limb + 1):
                has = np.clip(length - 8 * limb, 0, 8)
                foreign = 64 - 8 * np.maximum(has, 1)
                words = np.where(has > 0, words << foreign >> foreign, sign)
            limbs.append(words)
        return limbs


def _below(limbs: list[Longs], bound: int) -> Mask:
    """Which numbers are below *bound*."""
    below: Mask = np.zeros(len(limbs[0]), bool)
    for place, limb in enumerate(limbs):
        part: Any
        if place == len(limbs) - 1:
            mine, part = limb, np.int64(bound >> 64 * place)
        else:
            mine, part = limb.view(np.uint64), np.uint64(bound >> 64 * place & 2**64 - 1)
        below = (mine < part) | ((mine == part) & below)
    return below


class Nullable:
    """A value or null."""

    def __init__(self, item: Step, part: Part, null_first: bool) -> None:
        self._item, self._part = item, part
        self._some = 2 if null_first else 0
        self._noted: list[Mask] = []
        self.reach, self.weight = item.reach + 1, item.weight + 1

    def begin(self) -> None:
        """Forget what was noted."""
        self._noted = []
        self._item.begin()

    def walk(self, wire: Wire, at: Longs, ends: Longs) -> Longs:
        """Go over a branch and what it says."""
        branch = wire.bytes.take(at)
        some = branch == self._some
        self._noted.append(some)
        after = at + 1
        inside = self._item.walk(wire, np.where(some, after, wire.nothing), ends)
        after = np.where(some, inside, after)
        none = branch & _NO_BRANCH
        if np.count_nonzero(none):
            after[none != 0] = wire.nothing
        return after

    def settle(self, wire: Wire, places: Places, open_: list[tuple[Items, Places]]) -> None:
        """Put what there is."""
        self._part.fill(places, joined(self._noted))
        self._item.settle(wire, places, open_)


class Present:
    """A value that may be null in its column, and never is where it was written."""

    def __init__(self, item: Step, part: Part) -> None:
        self._item, self._part = item, part
        self.reach, self.weight = item.reach, item.weight
        self.begin, self.walk = item.begin, item.walk

    def settle(self, wire: Wire, places: Places, open_: list[tuple[Items, Places]]) -> None:
        """Put the values."""
        self._part.fill(places, True)
        self._item.settle(wire, places, open_)


class Default:
    """The value of a field that the writer has not: it takes nothing on the wire."""

    reach = weight = 0

    def __init__(self, part: Part, value: Any) -> None:
        self._part, self._value = part, value

    def begin(self) -> None:
        """Forget nothing."""

    def walk(self, wire: Wire, at: Longs, ends: Longs) -> Longs:
        """Go nowhere."""
        return at

    def settle(self, wire: Wire, places: Places, open_: list[tuple[Items, Places]]) -> None:
        """Put the value everywhere."""
        self._part.fill(places, True)
        if isinstance(self._part, Texts):
            self._part.put_default(places)
        else:
            self._part.values[places] = self._value  # type: ignore[attr-defined]


class Fields:
    """A record: one step for each field."""

    def __init__(self, steps: list[Step]) -> None:
        self._steps = steps
        self.reach, self.weight = sum(step.reach for step in steps), sum(step.weight for step in steps)

    def begin(self) -> None:
        """Forget what was noted."""
        for step in self._steps:
            step.begin()

    def walk(self, wire: Wire, at: Longs, ends: Longs) -> Longs:
        """Go over the fields."""
        for step in self._steps:
            at = step.walk(wire, at, ends)
        return at

    def settle(self, wire: Wire, places: Places, open_: list[tuple[Items, Places]]) -> None:
        """Put the fields."""
        for step in self._steps:
            step.settle(wire, places, open_)


class Items:
    """An array or map: all first items, then all second ones, and so on. Each takes *width* bytes in columns."""

    def __init__(self, item: Step, part: Lists, width: int) -> None:
        self._item, self.part, self._width = item, part, width
        self._counts: list[Longs] = []
        self._owners: list[Longs] = []  # of each item, its list, in the order in which they were gone over
        self._numbers: list[Longs] = []  # and how many items that has before it
        self.reach, self.weight = item.reach + 2 * _LONGEST, item.weight + 1

    def begin(self) -> None:
        """Forget what was noted."""
        self._counts, self._owners, self._numbers = [], [], []
        self._item.begin()

    def walk(self, wire: Wire, at: Longs, ends: Longs) -> Longs:
        """Go over blocks of items."""
        first = sum(map(len, self._counts))
        seen = np.zeros(len(at), np.int64)
        self._counts.append(seen)
        count, at, block = self._heads(wire, at, ends, seen)
        todo = np.flatnonzero(count)
        while len(todo):
            self._walk_block(wire, at, ends, seen, count, first)
            if block is not None:
                at[(block >= 0) & (at != block) & (count > 0)] = wire.nothing
            todo = todo[at[todo] >= wire.front]
            count[:] = 0
            count[todo], at[todo], some = self._heads(wire, at[todo], ends[todo], seen[todo])
            if some is not None:
                block = np.full(len(at), -1)
                block[todo] = some
            else:
                block = None
            todo = np.flatnonzero(count)
        return at

    def _walk_block(self, wire: Wire, at: Longs, ends: Longs, seen: Longs, count: Longs, first: int) -> None:
        """Go over *count* items at each place, item by item; *at* and *seen* go on."""
        number = 0
        while len(todo := np.flatnonzero(count > number)):
            if len(todo) < _FEW:
                wire.patience -= self.weight
                if wire.patience < 0:
                    at[todo], count[todo] = wire.nothing, 0
                    return
            self._owners.append(todo + first)
            self._numbers.append(seen[todo])
            seen[todo] += 1
            end = ends[todo]
            after = self._item.walk(wire, at[todo], end)
            at[todo] = after
            gone = (after < wire.front) | (after > end)
            if np.count_nonzero(gone):
                at[todo[gone]], count[todo[gone]] = wire.nothing, 0
            number += 1

    def _heads(self, wire: Wire, at: Longs, ends: Longs, seen: Longs) -> tuple[Longs, Longs, Longs | None]:
        """Begin blocks: how many items each has, where they begin, and where it says that it ends, or -1."""
        count, after, wrong = wire.lengths(at)
        block = None
        if np.count_nonzero(count < 0):
            sized = np.flatnonzero(count < 0)
            start, stop = wire.spans(after[sized], ends[sized])
            block = np.full(len(at), -1)
            after[sized], block[sized] = start, stop
            count = np.abs(count)
        beyond = (count < 0) | (count > MAX_ITEMS - seen)
        if wrong is not None:
            beyond |= wrong
        if np.count_nonzero(beyond):
            count, after = np.where(beyond, 0, count), np.where(beyond, wire.nothing, after)
        return count, after, block

    def settle(self, wire: Wire, places: Places, open_: list[tuple[Items, Places]]) -> None:
        """Put the lengths; items when all lengths are known."""
        counts = joined(self._counts)
        self.part.counts[places] = counts
        if self._width:
            np.add.at(wire.taken, self.part.messages(np.arange(self.part.length)[places]), counts * self._width)
        open_.append((self, places))

    def settle_items(self, wire: Wire, places: Places, open_: list[tuple[Items, Places]]) -> None:
        """Put the items of the lists at *places*."""
        self.part.lay()
        offsets = self.part.offsets[:-1][places]
        owners = joined(self._owners)
        self._item.settle(wire, offsets[owners] + joined(self._numbers), open_)


def refuse(part: Part, wire: Wire, places: Places, wrong: Mask | None) -> None:
    """Note values that are *wrong*."""
    if wrong is not None and np.count_nonzero(wrong):
        part.refuse(wire, np.arange(part.length)[places][wrong])

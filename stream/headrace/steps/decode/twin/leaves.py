"""The steps of values without parts: numbers, symbols, texts, decimals."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from headrace.schemas.model import Kind
from headrace.schemas.scalars import Bounds
from headrace.steps.decode.twin.parts import Numbers, Part, Places, Symbols, Texts
from headrace.steps.decode.twin.wire import LONGEST, Array, Longs, Mask, Wire, joined

if TYPE_CHECKING:
    from headrace.steps.decode.twin.steps import Open


class Leaf:
    """A value without parts, put into *part*."""

    reach, weight = LONGEST, 1

    def __init__(self, part: Part) -> None:
        self.part = part
        self._noted: list[Longs] = []

    def begin(self) -> None:
        """Forget what was noted."""
        self._noted = []


class Immediate(Leaf, ABC):
    """A value that is read where it begins."""

    def walk(self, wire: Wire, at: Longs, ends: Longs) -> Longs:
        """Go over integers."""
        self._noted.append(at)
        return wire.after_numbers(at)

    def settle(self, wire: Wire, places: Places, open_: Open) -> None:
        """Put the values."""
        values, wrong = self._read(wire, joined(self._noted))
        self.part.values[places] = values  # type: ignore[attr-defined]
        _refuse(self.part, wire, places, wrong)

    @abstractmethod
    def _read(self, wire: Wire, at: Longs) -> tuple[Array, Mask | None]:
        """Read the values at *at*, and which of them are none."""


class WholeNumber(Immediate):
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


class Symbol(Immediate):
    """A symbol by its place, which is another one in the column."""

    def __init__(self, part: Symbols, symbols: tuple[str, ...]) -> None:
        super().__init__(part)
        self._places = np.array([part.symbols.index(symbol) for symbol in symbols], np.int32)

    def _read(self, wire: Wire, at: Longs) -> tuple[Array, Mask | None]:
        values, wrong = wire.numbers(at)
        none = (values < 0) | (values >= len(self._places))
        return self._places.take(values, mode="clip"), none if wrong is None else none | wrong


class Raw(Immediate):
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
        if self._kind is Kind.BOOLEAN:
            byte = wire.bytes.take(at)
            return byte == 1, byte > 1
        if self._kind is Kind.DOUBLE:
            return wire.words[at].view(np.float64), None
        bits = wire.words[at].astype(np.uint32)
        values = bits.view(np.float32)
        return np.where(np.isnan(values), (bits | np.uint32(0x400000)).view(np.float32), values), None


class Text(Leaf):
    """Bytes: *size* of them, or as many as they say."""

    def __init__(self, part: Part, size: int | None = None) -> None:
        super().__init__(part)
        self._size = size
        self._stops: list[Longs] = []
        self.reach = LONGEST if size is None else size

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

    def settle(self, wire: Wire, places: Places, open_: Open) -> None:
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

    def settle(self, wire: Wire, places: Places, open_: Open) -> None:
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
        _refuse(self.part, wire, places, wrong)

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


def _refuse(part: Part, wire: Wire, places: Places, wrong: Mask | None) -> None:
    """Note values that are *wrong*."""
    if wrong is not None and np.count_nonzero(wrong):
        part.refuse(wire, np.arange(part.length)[places][wrong])

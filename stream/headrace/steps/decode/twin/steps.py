"""What is done for each part of a contract: go over its values in all messages at once, then put them in their column.

*Going over* (``walk``) takes the positions of as many values, and where the message of each ends, and gives the
positions after them. It looks at no more than it must to get there, and notes where each value lies. What cannot be
gone over is sent to the zeros (:mod:`headrace.steps.decode.twin.wire`). *Putting* (``settle``) reads the values that
were noted, of
all items of all lists together, once their places in the columns are known, and refuses what is no value of its type.
"""

from __future__ import annotations

from typing import Any, Final, Protocol, TypeAlias

import numpy as np

from headrace.schemas.model import MAX_ITEMS
from headrace.steps.decode.twin.parts import Lists, Part, Places, Texts
from headrace.steps.decode.twin.wire import LONGEST, Longs, Mask, Wire, joined

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

    def settle(self, wire: Wire, places: Places, open_: Open) -> None:
        """Put what was noted at *places* of the column; *open_* gets the lists whose items have no place yet."""


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

    def settle(self, wire: Wire, places: Places, open_: Open) -> None:
        """Put what there is."""
        self._part.fill(places, joined(self._noted))
        self._item.settle(wire, places, open_)


class Present:
    """A value that may be null in its column, and never is where it was written."""

    def __init__(self, item: Step, part: Part) -> None:
        self._item, self._part = item, part
        self.reach, self.weight = item.reach, item.weight
        self.begin, self.walk = item.begin, item.walk

    def settle(self, wire: Wire, places: Places, open_: Open) -> None:
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

    def settle(self, wire: Wire, places: Places, open_: Open) -> None:
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

    def settle(self, wire: Wire, places: Places, open_: Open) -> None:
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
        self.reach, self.weight = item.reach + 2 * LONGEST, item.weight + 1

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

    def settle(self, wire: Wire, places: Places, open_: Open) -> None:
        """Put the lengths; items when all lengths are known."""
        counts = joined(self._counts)
        self.part.counts[places] = counts
        if self._width:
            np.add.at(wire.taken, self.part.messages(np.arange(self.part.length)[places]), counts * self._width)
        open_.append((self, places))

    def settle_items(self, wire: Wire, places: Places, open_: Open) -> None:
        """Put the items of the lists at *places*."""
        self.part.lay()
        offsets = self.part.offsets[:-1][places]
        owners = joined(self._owners)
        self._item.settle(wire, offsets[owners] + joined(self._numbers), open_)


Open: TypeAlias = list[tuple[Items, Places]]

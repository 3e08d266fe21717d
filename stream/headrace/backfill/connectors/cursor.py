"""The cursor of a pull: the column that says what is new, its values in order, and how one is kept between runs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from headrace.backfill.connectors.connector_errors import PullError
from headrace.schemas.errors import UnreadableTextError
from headrace.schemas.times import read_datetime, without_finer

_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ].*)?")
_NUMBER: Final = re.compile(r"-?[0-9]{1,30}", re.ASCII)
_READ: Final[dict[str, Callable[[Any], Any]]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "Decimal": Decimal,
    "int": int,
    "str": str,
}


@dataclass(frozen=True, slots=True)
class Cursor:
    """A *column* that only grows where rows are new.

    *start*: where the first pull begins, None for all. *lag*: how far before the last row the next pull begins again,
    for rows that are seen later than others with higher values. *ordered*: an API gives rows in the cursor's order.
    *parameter*: what an API calls the value from which on it shall give rows.
    """

    column: str
    start: Any = field(default=None, repr=False)
    lag: timedelta | int | None = None
    ordered: bool = False
    parameter: str = ""

    def begin(self, last: Any, zone: ZoneInfo | None = None) -> Any:
        """The value from which on rows are pulled, when the last pull came to *last*; None for all rows.

        *zone* is that of local times in the column: an hour that clocks show twice is pulled again as a whole.

        Raises:
            PullError: the lag is not of the kind of this column's values.
        """
        if last is None:
            return self.start
        last = last if zone is None else _before_repeat(last, zone)
        if self.lag is None:
            return last
        try:
            if isinstance(last, str):
                earlier = rank(last)[1] - self.lag
                return earlier.isoformat().replace("+00:00", "Z") if isinstance(earlier, datetime) else str(earlier)
            return last - self.lag
        except TypeError:
            what = f"cannot be taken from the {type(last).__name__} of {self.column}"
            raise PullError(f"cursor.lag: {what}; write a duration for times, else a number") from None


def _before_repeat(last: Any, zone: ZoneInfo) -> Any:
    """A local time, earlier by what clocks are set back where they show it twice: later rows may have smaller times."""
    local = last
    if isinstance(last, str):
        try:
            local = read_datetime(without_finer(last))
        except UnreadableTextError:
            return last
    if not isinstance(local, datetime) or local.tzinfo is not None:
        return last
    first, second = (local.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta() for fold in (0, 1))
    if first <= second:
        return last
    earlier = local - (first - second)
    return earlier.isoformat(last[10:11] or "T") if isinstance(last, str) else earlier


def rank(value: Any) -> tuple[str, Any]:
    """What orders values as their source does: texts that say a time or a number are compared as such.

    >>> rank("2026-01-01T00:00:00Z") < rank("2026-01-01T00:00:00.5Z")
    True

    Raises:
        PullError: no value that has an order.
    """
    match value:
        case bool():
            raise PullError(_NO_ORDER)
        case float():  # a column of single precision is not equal to what it was read as
            raise PullError("cursor.column: its values are floating point, and not exact; name another column")
        case int() | Decimal():
            return "number", value
        case datetime():
            return "time", value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        case date():
            return "time", datetime.combine(value, time(), UTC)
        case str() if _NUMBER.fullmatch(value):
            return "number", int(value)
        case str() if _TIME.fullmatch(value):
            try:
                return rank(read_datetime(without_finer(value)))
            except UnreadableTextError:
                return "text", value
        case str():
            return "text", value
        case _:
            raise PullError(_NO_ORDER)


def is_later(value: Any, other: Any) -> bool:
    """Whether *value* comes after *other*.

    Raises:
        PullError: one is a time and the other a number, say: nothing orders them.
    """
    if other is None:
        return True
    (kind, this), (other_kind, that) = rank(value), rank(other)
    if kind != other_kind:
        raise PullError(f"cursor.column: a {kind} after a {other_kind}, which have no order; name another column")
    return bool(this > that)


def tells(value: Any) -> str:
    """The value as a dead letter may show it: times and numbers; a text might be personal."""
    return "" if value is None or rank(value)[0] == "text" else str(value)


def to_json(value: Any) -> list[str] | None:
    """The value with its type, as it is kept.

    Raises:
        PullError: a value of a type that cannot be a cursor.
    """
    if value is None:
        return None
    rank(value)
    kind = next(name for name in _READ if name in {each.__name__ for each in type(value).__mro__})
    return [kind, value.isoformat() if isinstance(value, date) else str(value)]


def from_json(kept: list[str] | None) -> Any:
    """The value that :func:`to_json` was given."""
    return None if kept is None else _READ[kept[0]](kept[1])


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a source is settled: *last* is the cursor's, *since* when it was first pulled (microseconds)."""

    since: int
    last: Any = field(default=None, repr=False)

    def kept(self) -> str:
        """The text that is kept in the journal."""
        return json.dumps({"since": self.since, "last": to_json(self.last)})

    @classmethod
    def of(cls, kept: str) -> Reached:
        """What was kept."""
        read = json.loads(kept)
        return cls(read["since"], from_json(read["last"]))


_NO_ORDER: Final = "cursor.column: its values have no order; name a column of times or numbers"

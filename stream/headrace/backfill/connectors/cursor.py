"""Cursor of a pull: the column that marks new rows, the order of its values, and their form in the journal."""

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
    """A *column* whose value is higher in newer rows.

    *start* is the value at which the first pull begins; None pulls all rows. *lag* is the distance before the last row
    at which the next pull begins, for rows that become visible after rows with higher values. *ordered* means that an
    API returns rows in the cursor's order. *parameter* is the API's name for the lowest value to return.
    """

    column: str
    start: Any = field(default=None, repr=False)
    lag: timedelta | int | None = None
    ordered: bool = False
    parameter: str = ""

    def begin(self, last: Any, zone: ZoneInfo | None = None) -> Any:
        """Return the value from which rows are pulled after a pull that ended at *last*; None for all rows.

        *zone* is the time zone of local times in the column. If clocks go back, the repeated hour is pulled again as a
        whole.

        Raises:
            PullError: the lag does not fit the type of the column's values.
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
    """Return a local time; in a repeated hour one earlier by that hour, because later rows may have lower times."""
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
    """Return a sort key with the source's order; texts that contain a time or a number are compared as such.

    >>> rank("2026-01-01T00:00:00Z") < rank("2026-01-01T00:00:00.5Z")
    True

    Raises:
        PullError: the value has no order.
    """
    match value:
        case bool():
            raise PullError(_NO_ORDER)
        case float():  # a value of single precision does not equal the column when it is sent back
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
    """Return whether *value* comes after *other*.

    Raises:
        PullError: the two have no common order, such as a time and a number.
    """
    if other is None:
        return True
    (kind, this), (other_kind, that) = rank(value), rank(other)
    if kind != other_kind:
        raise PullError(f"cursor.column: a {kind} after a {other_kind}, which have no order; name another column")
    return bool(this > that)


def tells(value: Any) -> str:
    """Return the value as a dead letter may show it: times and numbers only, because a text might be personal."""
    return "" if value is None or rank(value)[0] == "text" else str(value)


def to_json(value: Any) -> list[str] | None:
    """Return the value with its type, for the journal.

    Raises:
        PullError: a value of this type cannot be a cursor.
    """
    if value is None:
        return None
    rank(value)
    kind = next(name for name in _READ if name in {each.__name__ for each in type(value).__mro__})
    return [kind, value.isoformat() if isinstance(value, date) else str(value)]


def from_json(kept: list[str] | None) -> Any:
    """Return the value that :func:`to_json` encoded."""
    return None if kept is None else _READ[kept[0]](kept[1])


@dataclass(frozen=True, slots=True)
class Reached:
    """Progress of a source: the *last* settled cursor value; *since*, the time of the first pull (microseconds)."""

    since: int
    last: Any = field(default=None, repr=False)

    def kept(self) -> str:
        """Return the text for the journal."""
        return json.dumps({"since": self.since, "last": to_json(self.last)})

    @classmethod
    def of(cls, kept: str) -> Reached:
        """Read the text of :meth:`kept`."""
        read = json.loads(kept)
        return cls(read["since"], from_json(read["last"]))


_NO_ORDER: Final = "cursor.column: its values have no order; name a column of times or numbers"

"""The position of a change in the log of its database, by the connector that read it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from headrace.schemas.errors import MalformedEnvelopeError

Source: TypeAlias = Mapping[str, Any]
_LSN: Final = re.compile(r"[0-9a-fA-F]{8}:[0-9a-fA-F]{8}:[0-9a-fA-F]{4}")
_BINLOG: Final = re.compile(r".*\.([0-9]{1,10})", re.DOTALL)


class Position(NamedTuple):
    """Where a change is: *text* sorts as the log does, *parts* are the same wherever the connector sends it again."""

    text: str
    parts: tuple[str, ...]


def position_of(source: Source) -> Position:
    """Return the position that ``source`` of a change event gives.

    Raises:
        MalformedEnvelopeError: the connector is not known here, or ``source`` lacks what its connector writes.
    """
    read = _READERS.get(source["connector"] or "")
    if read is None:
        raise MalformedEnvelopeError("source.connector", f"is not one of {', '.join(_READERS)}")
    return read(source)


def _postgresql(source: Source) -> Position:
    lsn = _whole(source, "lsn")
    return Position(f"{lsn:020d}", (str(lsn),))


def _mysql(source: Source) -> Position:
    file, at, row = _text(source, "file"), _whole(source, "pos"), _whole(source, "row")
    numbered = _BINLOG.fullmatch(file)
    if numbered is None:
        raise MalformedEnvelopeError("source.file", "does not end with a number")
    server, gtid = source["server_id"], source["gtid"]
    parts = (str(server or 0), gtid or "", file, str(at), str(row))
    return Position(f"{int(numbered[1]):010d}:{at:020d}:{row:010d}", parts)


def _sqlserver(source: Source) -> Position:
    commit = _lsn(source, "commit_lsn")
    change = _lsn(source, "change_lsn") if source["change_lsn"] else ""  # a snapshot has none
    serial = _whole(source, "event_serial_no") if source["event_serial_no"] is not None else 0
    return Position(f"{commit}/{change}/{serial:010d}", (commit, change, str(serial)))


_READERS: Final[Mapping[str, Callable[[Source], Position]]] = {
    "postgresql": _postgresql,
    "mysql": _mysql,
    "mariadb": _mysql,
    "sqlserver": _sqlserver,
}


def _whole(source: Source, name: str) -> int:
    value: int | None = source[name]
    if value is None or value < 0:
        raise MalformedEnvelopeError(f"source.{name}", "is missing" if value is None else "is negative")
    return value


def _text(source: Source, name: str) -> str:
    value: str | None = source[name]
    if not value:
        raise MalformedEnvelopeError(f"source.{name}", "is missing" if value is None else "is empty")
    return value


def _lsn(source: Source, name: str) -> str:
    value = _text(source, name)
    if not _LSN.fullmatch(value):
        raise MalformedEnvelopeError(f"source.{name}", "is not a log sequence number")
    return value.lower()

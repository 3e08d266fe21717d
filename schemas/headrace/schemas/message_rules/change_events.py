"""How a contract says that Debezium's change events are read, and the attributes that such an event gives.

Debezium's documentation of each connector (debezium.io/documentation) describes them, as "data change events".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from headrace.schemas.checked_values import member, names_of, text_in
from headrace.schemas.errors import ContractError

MAX_KEY: Final = 16  # fields
SETTINGS: Final = frozenset({"key", "before", "drop", "source_table"})
# The attributes that a change event gives, as a CloudEvent gives those that begin with ce-.
OP: Final = "debezium-op"
TIME: Final = "debezium-time"
POSITION: Final = "debezium-position"
TABLE: Final = "debezium-table"
EVENT: Final = "debezium-event"
CHANGE_ATTRIBUTES: Final = (OP, TIME, POSITION)  # those that have columns
_KEY: Final = 'write the columns of the primary key, such as ["order_id"]'


class Before(StrEnum):
    """The part of the row that a deletion holds: its key alone, or the whole row."""

    KEY = "key"
    ROW = "row"


class Op(StrEnum):
    """The operation of a change event."""

    CREATE = "c"
    READ = "r"
    UPDATE = "u"
    DELETE = "d"
    TRUNCATE = "t"
    MESSAGE = "m"


ROWLESS: Final = (Op.TRUNCATE, Op.MESSAGE)  # operations without a row


@dataclass(frozen=True, slots=True)
class ChangeRules:
    """The settings of ``envelope`` that only change events have.

    *key* are the fields of the primary key. *drop* are operations without a row that are left out, and counted as
    dropped. *source_table* is the only table whose events belong to the subject; None accepts all.
    """

    key: tuple[str, ...]
    before: Before = Before.KEY
    drop: frozenset[Op] = frozenset()
    source_table: str | None = None


def parse_change_rules(given: Mapping[str, Any], where: str) -> ChangeRules:
    """Read the settings of the annotation ``envelope`` that only change events have; raises ContractError."""
    key = names_of(given.get("key", []), f"{where}.key", MAX_KEY)
    if not key:
        raise ContractError(f"{where}.key", "missing: it says which changes are of one row", _KEY)
    remedy = 'write it as the source has it, such as "public.orders"'
    return ChangeRules(
        key=key,
        before=member(Before, given.get("before", Before.KEY), f"{where}.before"),
        drop=frozenset(map(Op, _dropped(given.get("drop", []), f"{where}.drop"))),
        source_table=text_in(given, "source_table", where, remedy) if "source_table" in given else None,
    )


def _dropped(value: object, where: str) -> tuple[str, ...]:
    names = names_of(value, where, len(ROWLESS), "operations")
    if not set(names) <= set(ROWLESS):
        raise ContractError(where, "an operation with a row", f"choose from {', '.join(ROWLESS)}")
    return names

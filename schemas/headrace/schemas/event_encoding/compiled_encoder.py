"""The compiled module that encodes events, and what it has to know of Python."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timezone
from decimal import Decimal
from enum import IntEnum
from types import ModuleType
from typing import Any, Final, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

from headrace.schemas.compiled_modules import load_compiled, values_of
from headrace.schemas.decoder import MAX_PAYLOAD_BYTES
from headrace.schemas.envelope import EPOCH
from headrace.schemas.event_encoding.event_program import MAX_KEPT, MAX_PRECISION, Class, Code, EventProgram
from headrace.schemas.json_text import json_fault
from headrace.schemas.model import MAX_ITEMS, MISSING
from headrace.schemas.plain import class_attributes, class_branch

Encode: TypeAlias = Callable[[object], "tuple[Any, ...] | None"]


class Known(IntEnum):
    """Objects that the module gets, by their place. ``native/encoder/program.h`` has the same enum."""

    DATETIME_TYPE = 0
    DATE_TYPE = 1
    TIME_TYPE = 2
    TIMEZONE_TYPE = 3
    DECIMAL_TYPE = 4
    UUID_TYPE = 5
    ZONEINFO_TYPE = 6
    UTC_ZONE = 7
    UTC_EPOCH = 8
    LOCAL_EPOCH = 9
    JSON_FAULT = 10
    CLASS_FIELDS = 11
    CLASS_BRANCH = 12
    ABSENT = 13


_KNOWN: Final[dict[Known, Any]] = {
    Known.DATETIME_TYPE: datetime,
    Known.DATE_TYPE: date,
    Known.TIME_TYPE: time,
    Known.TIMEZONE_TYPE: timezone,
    Known.DECIMAL_TYPE: Decimal,
    Known.UUID_TYPE: UUID,
    Known.ZONEINFO_TYPE: ZoneInfo,
    Known.UTC_ZONE: UTC,
    Known.UTC_EPOCH: EPOCH,
    Known.LOCAL_EPOCH: EPOCH.replace(tzinfo=None),
    Known.JSON_FAULT: json_fault,
    Known.CLASS_FIELDS: class_attributes,
    Known.CLASS_BRANCH: class_branch,
    Known.ABSENT: MISSING,
}
MAX_CALLS: Final = 200  # of containers within one another; pure Python encodes what is deeper


def compiled_encoder(module: Any, program: EventProgram, kept: int) -> Encode:
    """Return the function of the compiled *module* that encodes an event by *program*.

    It returns the datum and the *kept* values, with MISSING for one that the event leaves out. It returns None for an
    event of which it is not sure: one that is refused, that is too large, or that has values of classes that it does
    not know. It never runs code of a value, except the attributes of a dataclass.
    """
    encode: Encode = module.Encoder(*program, tuple(_KNOWN[each] for each in Known), kept).encode
    return encode


def encoder_module() -> ModuleType | None:
    """Return the compiled module; None if it is missing, or if pure Python is selected.

    Raises:
        CompiledModuleError: the module was built from other sources than the Python code.
    """
    return load_compiled("headrace._encoder", encoder_constants)


def encoder_constants() -> dict[str, dict[str, int]]:
    """Return the constants that the compiled module has to have, by group and name."""
    return {
        "codes": values_of(Code),
        "classes": values_of(Class),
        "known": values_of(Known),
        "limits": {
            "MAX_BYTES": MAX_PAYLOAD_BYTES,
            "MAX_ITEMS": MAX_ITEMS,
            "MAX_CALLS": MAX_CALLS,
            "MAX_KEPT": MAX_KEPT,
            "MAX_PRECISION": MAX_PRECISION,
        },
    }

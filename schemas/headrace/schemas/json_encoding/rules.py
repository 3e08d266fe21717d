"""Conventions of producers of JSON: the forms in which they write each type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, TypeAlias

from headrace.schemas.json_encoding.forms import Form

Forms: TypeAlias = frozenset[Form]


class UnknownKeys(StrEnum):
    """Treatment of a key that the contract does not have."""

    REFUSE = "refuse"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class JsonRules:
    """The forms that a subject's producers use. Every other form is refused.

    *tagged* is set for Avro's JSON encoding, whose unions are objects such as ``{"string": "..."}``.
    """

    decimals: Forms
    longs: Forms
    timestamps: Forms
    local_timestamps: Forms
    dates: Forms
    times: Forms
    bytes: Forms
    uuids: Forms
    enums: Forms
    nan: Forms
    absent: Forms
    null: Forms
    unknown_keys: UnknownKeys = UnknownKeys.REFUSE
    tagged: bool = False


def _of(*forms: Form) -> Forms:
    return frozenset(forms)


STRICT: Final = JsonRules(
    decimals=_of(Form.NUMBER, Form.TEXT),
    longs=_of(Form.NUMBER),
    timestamps=_of(Form.TEXT),
    local_timestamps=_of(Form.TEXT),
    dates=_of(Form.TEXT),
    times=_of(Form.TEXT),
    bytes=_of(Form.BASE64),
    uuids=_of(Form.DASHED),
    enums=_of(Form.NAME),
    nan=_of(Form.TEXT),
    absent=_of(),
    null=_of(),
)
CONVENTIONS: Final[Mapping[str, JsonRules]] = {
    "strict": STRICT,
    "jackson": replace(
        STRICT,
        longs=_of(Form.NUMBER, Form.TEXT),
        timestamps=_of(Form.TEXT, Form.FRACTIONAL_SECONDS),
        local_timestamps=_of(Form.TEXT, Form.ARRAY),
        dates=_of(Form.TEXT, Form.ARRAY),
        times=_of(Form.TEXT, Form.ARRAY),
        absent=_of(Form.NULL, Form.EMPTY),
    ),
    "go": replace(
        STRICT,
        longs=_of(Form.NUMBER, Form.TEXT),
        bytes=_of(Form.BASE64, Form.OCTETS),
        nan=_of(),
        absent=_of(Form.NULL, Form.EMPTY),
        null=_of(Form.EMPTY),
    ),
    "javascript": replace(
        STRICT,
        decimals=_of(Form.SAFE_NUMBER, Form.TEXT),
        longs=_of(Form.SAFE_NUMBER, Form.TEXT),
        bytes=_of(Form.BASE64, Form.BASE64URL, Form.BUFFER),
        absent=_of(Form.NULL),
    ),
    # Debezium's change events: the number of a time is in the unit that the contract's type has.
    "debezium": replace(
        STRICT,
        decimals=_of(Form.BASE64),
        timestamps=_of(Form.TEXT, Form.AVRO),
        local_timestamps=_of(Form.AVRO),
        dates=_of(Form.DAYS),
        times=_of(Form.AVRO),
    ),
}
# Avro's JSON encoding. NaN and infinities are texts, as Java writes them, or bare words, as Python does.
AVRO_JSON: Final = replace(
    STRICT,
    decimals=_of(Form.LATIN1),
    timestamps=_of(Form.AVRO),
    local_timestamps=_of(Form.AVRO),
    dates=_of(Form.AVRO),
    times=_of(Form.AVRO),
    bytes=_of(Form.LATIN1),
    nan=_of(Form.TEXT, Form.TOKEN),
    tagged=True,
)

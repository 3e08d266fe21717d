"""Conventions of producers of JSON: the forms in which they write each type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, TypeAlias

from headrace.schemas.json_encoding.forms import Form

Forms: TypeAlias = frozenset[Form]


class UnknownKeys(StrEnum):
    """What becomes of a key that the contract does not have."""

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


def _rules(**settings: tuple[Form, ...]) -> JsonRules:
    given = {
        "decimals": (Form.NUMBER, Form.TEXT),
        "longs": (Form.NUMBER,),
        "timestamps": (Form.TEXT,),
        "local_timestamps": (Form.TEXT,),
        "dates": (Form.TEXT,),
        "times": (Form.TEXT,),
        "bytes": (Form.BASE64,),
        "uuids": (Form.DASHED,),
        "enums": (Form.NAME,),
        "nan": (Form.TEXT,),
        "absent": (),
        "null": (),
    } | settings
    return JsonRules(**{name: frozenset(forms) for name, forms in given.items()})


STRICT: Final = _rules()
CONVENTIONS: Final[Mapping[str, JsonRules]] = {
    "strict": STRICT,
    "jackson": _rules(
        longs=(Form.NUMBER, Form.TEXT),
        timestamps=(Form.TEXT, Form.FRACTIONAL_SECONDS),
        local_timestamps=(Form.TEXT, Form.ARRAY),
        dates=(Form.TEXT, Form.ARRAY),
        times=(Form.TEXT, Form.ARRAY),
        absent=(Form.NULL, Form.EMPTY),
    ),
    "go": _rules(
        longs=(Form.NUMBER, Form.TEXT),
        bytes=(Form.BASE64, Form.OCTETS),
        nan=(),
        absent=(Form.NULL, Form.EMPTY),
        null=(Form.EMPTY,),
    ),
    "javascript": _rules(
        decimals=(Form.SAFE_NUMBER, Form.TEXT),
        longs=(Form.SAFE_NUMBER, Form.TEXT),
        bytes=(Form.BASE64, Form.BASE64URL, Form.BUFFER),
        absent=(Form.NULL,),
    ),
}
_AVRO: Final = {
    "decimals": (Form.LATIN1,),
    "timestamps": (Form.AVRO,),
    "local_timestamps": (Form.AVRO,),
    "dates": (Form.AVRO,),
    "times": (Form.AVRO,),
    "bytes": (Form.LATIN1,),
    "nan": (Form.TEXT, Form.TOKEN),
}
# Defaults in a schema are Avro's JSON without tags.
AVRO_DEFAULTS: Final = _rules(**_AVRO)
# Avro's JSON encoding. NaN and infinities are texts, as Java writes them, or bare words, as Python does.
AVRO_JSON: Final = replace(AVRO_DEFAULTS, tagged=True)

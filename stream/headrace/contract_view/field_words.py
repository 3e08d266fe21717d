"""Types, masks and defaults of fields in the words of a contract."""

from __future__ import annotations

import json
from decimal import Decimal as Number
from typing import Any

from headrace.schemas.classification import NotPersonal, Pii
from headrace.schemas.model import MISSING, NOTHING, Array, Enumeration, Map, Optional, Record, Recursive, Type, Union
from headrace.schemas.resolve import named_type


def type_words(type_: Type) -> str:
    """Return a type with the types within it, such as ``array of optional decimal(10, 2)``."""
    match type_:
        case Optional(item):
            return f"optional {type_words(item)}"
        case Array(items):
            return f"array of {type_words(items)}"
        case Map(values):
            return f"map of {type_words(values)}"
        case Enumeration(symbols, default):
            return f"enum of {', '.join(symbols)}" + (f" (unknown: {default})" if default else "")
        case Record() if type_ != NOTHING:
            return f"record {type_.full_name}"
        case Recursive():
            return f"record {type_.name}"
        case Union():
            return f"union of {', '.join('null' if each is None else each.name for each in type_.written)}"
        case _:
            return named_type(type_)


def mask_words(pii: Pii | NotPersonal | None) -> str:
    """Return the kind and the mask of personal data, such as ``phone: partial, keep_last 2``; empty without a mask."""
    if not isinstance(pii, Pii):
        return ""
    kept = [f"{name} {value}" for name in ("keep_first", "keep_last", "to", "size") if (value := getattr(pii, name))]
    return f"{pii.kind}: {', '.join([pii.mask, *kept])}"


def default_words(default: Any) -> str:
    """Return a default as JSON, with bytes as Avro's JSON has them; empty without a default."""
    return "" if default is MISSING else json.dumps(default, default=_plain, ensure_ascii=False)


def _plain(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return format(value, "f") if isinstance(value, Number) else str(value)

"""Types of a contract as annotations of Python, and defaults as its values: those that the SDK accepts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import date, datetime, time
from decimal import Decimal as Number
from typing import Any, Final, assert_never

from headrace.contract_code.python_text import bytes_literal, text_literal
from headrace.schemas.model import (
    Array,
    Decimal,
    Enumeration,
    Fixed,
    Kind,
    Map,
    Optional,
    Record,
    Recursive,
    Scalar,
    Type,
    Union,
)

_SCALARS: Final = {
    Kind.BOOLEAN: "bool",
    Kind.INT: "int",
    Kind.LONG: "int",
    Kind.FLOAT: "float",
    Kind.DOUBLE: "float",
    Kind.STRING: "str",
    Kind.BYTES: "bytes",
    Kind.UUID: "UUID",
    Kind.JSON: "str",
    Kind.DATE: "dt.date",
    Kind.TIME_MILLIS: "dt.time",
    Kind.TIME_MICROS: "dt.time",
    Kind.TIMESTAMP_MILLIS: "dt.datetime",
    Kind.TIMESTAMP_MICROS: "dt.datetime",
    Kind.LOCAL_TIMESTAMP_MILLIS: "dt.datetime",
    Kind.LOCAL_TIMESTAMP_MICROS: "dt.datetime",
}


@dataclass(frozen=True, slots=True)
class PythonTypes:
    """Annotations and values in one module, whose *classes* have names by the full names of their types.

    *attributes* are the names of the fields of each record. *used* gets what the module has to import.
    """

    classes: Mapping[str, str]
    attributes: Mapping[str, Mapping[str, str]]
    used: set[str] = dataclass_field(default_factory=set)

    def import_(self, name: str) -> str:
        """Return a name that the module imports."""
        self.used.add(name)
        return name

    def annotation(self, type_: Type) -> str:
        """Return the annotation of a type."""
        match type_:
            case Optional(item):
                return f"{self.annotation(item)} | None"
            case Array(items):
                return f"list[{self.annotation(items)}]"
            case Map(values):
                return f"dict[str, {self.annotation(values)}]"
            case Union():
                return self._union(type_)
            case Record():
                return self.classes[type_.full_name]
            case Recursive() | Enumeration():
                return self.classes[type_.name]
            case Fixed():
                return "bytes"
            case Decimal():
                return self.import_("Decimal")
            case Scalar(kind):
                return self._scalar(kind)
            case _:
                assert_never(type_)

    def value(self, type_: Type, value: Any) -> str:
        """Return the expression of a default, which is a checked value of *type_*."""
        match type_:
            case Optional(item):
                return "None" if value is None else self.value(item, value)
            case Array(items):
                return f"[{', '.join(self.value(items, each) for each in value)}]"
            case Map(values):
                return self._entries({key: self.value(values, each) for key, each in value.items()})
            case Union(branches):
                types = {each.name: each.type for each in branches}
                named = {name: self.value(types[name], each) for name, each in (value or {}).items()}
                return "None" if value is None else self._entries(named)
            case Record():
                return self._instance(type_, value)
            case Recursive():
                return self._instance(type_.record, value)
            case Enumeration() | Fixed() | Decimal() | Scalar():
                return self._literal(type_, value)
            case _:
                assert_never(type_)

    def _scalar(self, kind: Kind) -> str:
        name = _SCALARS[kind]
        module, _, within = name.partition(".")
        if within or name == "UUID":
            self.import_(module)
        return name

    def _union(self, union: Union) -> str:
        """Return a value alone or under the name of its type, and None for null."""
        alone = " | ".join(dict.fromkeys(self.annotation(each.type) for each in union.branches))
        named = f"{self.import_('Mapping')}[str, {alone}]"
        return f"{alone} | {named}" + (" | None" if union.null is not None else "")

    def _entries(self, entries: Mapping[str, str]) -> str:
        return "{" + ", ".join(f"{text_literal(key)}: {each}" for key, each in entries.items()) + "}"

    def _instance(self, record: Record, values: Mapping[str, Any]) -> str:
        names, types = self.attributes[record.full_name], {each.name: each.type for each in record.fields}
        given = [f"{names[name]}={self.value(types[name], value)}" for name, value in values.items()]
        return f"{self.classes[record.full_name]}({', '.join(given)})"

    def _literal(self, type_: Type, value: Any) -> str:
        match value:
            case bool() | int():
                return repr(value)
            case float():
                return repr(value) if math.isfinite(value) else f'float("{value}")'
            case bytes():
                return bytes_literal(value)
            case Number():
                return f'{self.import_("Decimal")}("{value}")'
            case datetime() | date() | time():
                return self._moment(value)
            case _ if type_ == Scalar(Kind.UUID):
                return f'{self.import_("UUID")}("{value}")'
            case _:
                return text_literal(value)

    def _moment(self, value: datetime | date | time) -> str:
        self.import_("dt")
        text = f"{value!r}".replace("datetime.timezone.utc", "dt.UTC")
        return text.replace("datetime.", "dt.", 1)

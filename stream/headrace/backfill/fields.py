"""Fields of an event from a line's columns, as a producer would pass them; and event ids from columns."""

from __future__ import annotations

import json
from collections.abc import Mapping as Table
from datetime import date, datetime, time
from typing import Any

from headrace.backfill.file_values import from_parts, from_text, from_time
from headrace.backfill.mapping import Mapping, Origin
from headrace.schemas.envelope import to_rfc3339
from headrace.schemas.errors import InvalidEventError
from headrace.schemas.from_json import convert, fields_from_json
from headrace.schemas.identity import id_of
from headrace.schemas.model import MISSING, Field
from headrace.schemas.registry import Contract
from headrace.schemas.validate import check, validate


class Fields:
    """Reader of the lines of one contract. *texts* means that all their values are texts, as in a CSV."""

    def __init__(self, contract: Contract, mapping: Mapping, texts: bool) -> None:
        self._contract = contract
        self._mapping = mapping
        self.texts = texts
        self._origins = [(each, mapping.origin(each.name)) for each in contract.record.fields]

    def read_one(self, each: Field, origin: Origin, value: Any) -> Any:
        """Return the value of one field, independent of the other fields; MISSING if its column is absent or empty.

        Raises:
            InvalidEventError: the value does not fit; the error never contains it.
        """
        value = self._one(each, origin, value)
        if value is not MISSING:
            value = check(each.type, convert(each.type, value, each.name), each.name)
        elif each.default is MISSING:
            raise InvalidEventError(each.name, "missing, and it has no default", "give it a value")
        return value

    def read(self, values: Table[str, Any]) -> dict[str, Any]:
        """Return the event's fields from *values*, which are by column.

        Raises:
            InvalidEventError: the values do not fit the contract; never contains a value.
        """
        return validate(self._contract.record, fields_from_json(self._contract.record, self._named(values)))

    def id_of_columns(self, values: Table[str, Any]) -> str:
        """Return the UUIDv5 of the JSON array of the subject and the columns' values, each as text or null."""
        named = []
        for name in self._mapping.identity:
            if name not in values:
                raise InvalidEventError(name, "no such column", "name columns in the mapping's identity")
            value = values[name]
            nothing = value is None or (self.texts and value in self._mapping.null)
            named.append("null" if nothing else json.dumps(_text(value), ensure_ascii=False))
        try:
            return id_of(self._contract.subject, named)
        except UnicodeEncodeError:
            raise InvalidEventError("identity", "text that is not UTF-8", "correct the file") from None

    def _named(self, values: Table[str, Any]) -> dict[str, Any]:
        fields = {} if self._mapping.given else dict(values)
        for each, origin in self._origins:
            value = self._one(each, origin, values.get(origin.column, MISSING))
            if value is not MISSING:
                fields[each.name] = value
            else:
                fields.pop(each.name, None)
        return fields

    def _one(self, each: Field, origin: Origin, value: Any) -> Any:
        if origin.constant:
            return origin.value
        if value is not MISSING:
            value = self._value(each, origin, value)
        elif each.optional and each.default is MISSING:
            return None  # BigQuery leaves nulls out of JSON
        nothing = value is None and not each.optional and each.default is not MISSING
        return MISSING if nothing else value  # the contract's default

    def _value(self, each: Field, origin: Origin, value: Any) -> Any:
        if self.texts:
            if value in self._mapping.null and (value or each.optional or each.default is not MISSING):
                return None
            if not origin.format and origin.zone is None:
                return from_text(each.type, value, each.name)
        if value is not None and (origin.format or origin.zone is not None):
            return from_time(each.type, value, origin, each.name)
        return value if self.texts else from_parts(each.type, value, each.name)


def _text(value: Any) -> str:
    match value:
        case datetime() if value.tzinfo is not None:
            return to_rfc3339(value)
        case datetime() | date() | time():
            return value.isoformat()
        case bytes():
            return value.hex()
        case _:
            return str(value)

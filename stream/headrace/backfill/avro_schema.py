"""Schema of an Avro object file: checked for bounds, and rewritten for fastavro.

fastavro recurses through the schema as deep as the data goes, and makes as many items of zero bytes as a count says. So
schemas that allow either are refused. A value that its type does not have would end the reading. So when a block is
read for the second time, such values become ``Unreadable``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fastavro.read import LOGICAL_READERS

from headrace.backfill.backfill_errors import BackfillError
from headrace.backfill.file_line import Unreadable, why_unreadable

MAX_DEPTH: Final = 64
MAX_FIELDS: Final = 100_000  # of a record, with those of nested records
MAX_DECIMAL_BYTES: Final = 64
_PRIMITIVES: Final = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
_BOUNDED: Final = "headrace-bounded-"
_CAREFUL: Final = "headrace-careful-"


def columns_of(schema: Any) -> tuple[str, ...]:
    """Return the columns of files with *schema*.

    Raises:
        BackfillError: the schema is not a record, or it allows data of any size.
    """
    if not isinstance(schema, dict) or schema.get("type") not in ("record", "error"):
        raise BackfillError("its schema is not a record")
    try:
        _Examination().examine(schema, 0)
        return tuple(each["name"] for each in schema["fields"])
    except (KeyError, TypeError, AttributeError) as error:
        raise BackfillError("its header has no Avro schema that can be read") from error


class _Examination:
    """Examination of a schema: the fewest bytes of a value and the number of fields. A named type is examined once."""

    def __init__(self) -> None:
        self._named: dict[str, tuple[int, int] | None] = {}

    def examine(self, schema: Any, depth: int) -> tuple[int, int]:
        if depth > MAX_DEPTH:
            raise BackfillError(f"its schema is nested more than {MAX_DEPTH} deep")
        if isinstance(schema, list):
            return 1, 1 + max((self.examine(each, depth + 1)[1] for each in schema), default=0)
        if isinstance(schema, str):
            return self._by_name(schema)
        match schema["type"]:
            case "record" | "error":
                return self._record(schema, depth)
            case "array" | "map" as kind:
                least, fields = self.examine(schema["items" if kind == "array" else "values"], depth + 1)
                if kind == "array" and not least:
                    raise BackfillError("its schema has an array of items that take no bytes")
                return 1, 1 + fields
            case "enum":
                return self._define(schema, 1, 1)
            case "fixed":
                return self._define(schema, int(schema["size"]), 1)
            case inner:
                return self.examine(inner, depth + 1)

    def _by_name(self, name: str) -> tuple[int, int]:
        if name in _PRIMITIVES:
            return int(name != "null"), 1
        found = self._named[name.rpartition(".")[2]]
        if found is None:
            raise BackfillError("its schema refers to itself; such values can be of any depth")
        return found

    def _record(self, schema: Any, depth: int) -> tuple[int, int]:
        self._named[schema["name"].rpartition(".")[2]] = None
        of_fields = [self.examine(each["type"], depth + 1) for each in schema["fields"]]
        least, fields = (sum(each) for each in zip((0, 1), *of_fields, strict=True))
        if fields > MAX_FIELDS:
            raise BackfillError(f"its schema has more than {MAX_FIELDS:,} fields")
        return self._define(schema, least, fields)

    def _define(self, schema: Any, least: int, fields: int) -> tuple[int, int]:
        """Record a named type by the last part of its name.

        Of types in two namespaces with one name, the later one counts.
        """
        self._named[schema["name"].rpartition(".")[2]] = least, fields
        return least, fields


def schema_to_read(schema: Any, careful: bool) -> Any:
    """Return *schema* for fastavro; if *careful*, values that a type does not have become ``Unreadable``."""
    return _Rewriting(careful).rewrite(schema)


class _Rewriting:
    def __init__(self, careful: bool) -> None:
        self._careful = careful

    def rewrite(self, schema: Any) -> Any:
        match schema:
            case list():
                return [self.rewrite(each) for each in schema]
            case str():
                return self._primitive(schema, {})
            case {"type": "record" | "error"}:
                return schema | {"fields": [each | {"type": self.rewrite(each["type"])} for each in schema["fields"]]}
            case {"type": "array"}:
                return {"type": "array", "items": self.rewrite(schema["items"])}
            case {"type": "map"}:
                return {"type": "map", "values": self.rewrite(schema["values"])}
            case {"type": "enum"}:
                return schema
            case {"type": "fixed"}:
                return schema | {"logicalType": self._logical("fixed", schema)}
            case {"type": str() as kind}:
                return self._primitive(kind, schema)
            case _:
                return self.rewrite(schema["type"])

    def _primitive(self, kind: str, schema: dict[str, Any]) -> Any:
        if kind == "string":  # the same for a uuid: the contract checks whether a text is one
            return {"type": "bytes", "logicalType": f"{_CAREFUL}text"} if self._careful else "string"
        if kind not in _PRIMITIVES:
            return kind
        return schema | {"type": kind, "logicalType": self._logical(kind, schema)}

    def _logical(self, kind: str, schema: dict[str, Any]) -> str:
        named = str(schema.get("logicalType", ""))
        if f"{kind}-{named}" not in LOGICAL_READERS:
            return named
        if self._careful:
            return f"{_CAREFUL}{named}"
        return f"{_BOUNDED}{named}" if named == "decimal" else named


def _bounded(read: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse decimals of many bytes: converting a number of many digits takes long."""

    def bounded(data: Any, schema: Any = None, reader: Any = None) -> Any:
        if isinstance(data, bytes) and len(data) > MAX_DECIMAL_BYTES:
            raise ValueError
        return read(data, schema, reader)

    return bounded


def _carefully(read: Callable[..., Any]) -> Callable[..., Any]:
    def careful(data: Any, schema: Any = None, reader: Any = None) -> Any:
        try:
            return read(data, schema, reader)
        except (ValueError, ArithmeticError) as error:
            why = "a decimal of too many digits" if isinstance(data, bytes) else why_unreadable(error)
            return Unreadable(why, data)

    return careful


def _text(data: bytes, schema: Any = None, reader: Any = None) -> Any:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        return Unreadable(why_unreadable(error), data)


def _register() -> None:
    """Register the readers under separate names, so that fastavro reads other files as before."""
    for key, read in list(LOGICAL_READERS.items()):
        kind, _, logical = key.partition("-")
        LOGICAL_READERS[f"{kind}-{_BOUNDED}{logical}"] = bounded = _bounded(read)
        LOGICAL_READERS[f"{kind}-{_CAREFUL}{logical}"] = _carefully(bounded)
    LOGICAL_READERS[f"bytes-{_CAREFUL}text"] = _text


_register()

"""Equality of Avro schemas by their parsed form, never by their text.

The parsed form is Avro's canonical form plus logical types, defaults, aliases and the defaults of enums, because these
change what a payload means. It leaves out the order of keys, white space, ``doc``, ``order`` and attributes that Avro
does not define. A named type is written out where it is first used, wherever its definition is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from headrace.errors import Exit, HeadraceError

MAX_DEPTH: Final = 100  # types within types
_TOO_DEEP: Final = "the schema is nested too deep"
_PRIMITIVES: Final = frozenset({"null", "boolean", "int", "long", "float", "double", "string", "bytes"})
_RECORDS: Final = frozenset({"record", "error"})
_NAMED: Final = _RECORDS | {"enum", "fixed"}


class UnreadableSchemaError(HeadraceError, ValueError, error_code="HR-130", exit_code=Exit.CONFIGURATION):
    """A schema of a registry or a file is not an Avro schema. The text gives the problem, without any value."""


class _Definition(NamedTuple):
    """A named type's JSON, and the namespace around it."""

    schema: Mapping[str, Any]
    around: str


def read_schema(text: str) -> Any:
    """Read a schema's JSON; raises UnreadableSchemaError if it is not JSON, or has a key twice."""
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except UnreadableSchemaError:
        raise
    except RecursionError:
        why = _TOO_DEEP
    except ValueError:
        why = "the schema is not JSON"
    raise UnreadableSchemaError(why)


def parsed_form(schema: Any, others: Iterable[Any] = ()) -> str:
    """Return the parsed form of *schema* as text; *others* are schemas that define types which it uses.

    >>> parsed_form({"type": "string", "doc": "ignored"}) == parsed_form("string")
    True
    >>> parsed_form({"type": "int", "logicalType": "date"}) == parsed_form("int")
    False

    Raises:
        UnreadableSchemaError: it is not an Avro schema, or a type is not defined, or defined in two ways.
    """
    definitions: dict[str, _Definition] = {}
    try:
        for each in (schema, *others):
            _define(each, "", definitions, 0)
        form = _Form(definitions).of(schema, "", 0)
        return json.dumps(form, sort_keys=True, separators=(",", ":"))
    except RecursionError:  # of a default, or of an attribute that two definitions of a type have
        pass
    raise UnreadableSchemaError(_TOO_DEEP)


def schema_hash(schema: Any, others: Iterable[Any] = ()) -> str:
    """Return the SHA-256 of the parsed form, in hexadecimal; equal schemas have equal hashes.

    Raises:
        UnreadableSchemaError: as in :func:`parsed_form`.
    """
    return hashlib.sha256(parsed_form(schema, others).encode()).hexdigest()


def _define(schema: Any, around: str, found: dict[str, _Definition], depth: int) -> None:
    """Add every named type within *schema* to *found*."""
    _check_depth(depth)
    if isinstance(schema, list):
        for branch in schema:
            _define(branch, around, found, depth + 1)
    elif isinstance(schema, Mapping):
        if _base(schema) in _NAMED:
            name = _name_of(schema, around)
            if name in found and found[name] != _Definition(schema, around):
                raise UnreadableSchemaError("the schema defines one name in two ways")
            found[name] = _Definition(schema, around)
            around = _namespace(name)
        for inner in _inner_types(schema):
            _define(inner, around, found, depth + 1)


def _inner_types(schema: Mapping[str, Any]) -> list[Any]:
    fields = schema.get("fields") if _base(schema) in _RECORDS else None
    inner = [field.get("type") for field in fields if isinstance(field, Mapping)] if isinstance(fields, list) else []
    return [*inner, *(schema[key] for key in ("type", "items", "values") if isinstance(schema.get(key), dict | list))]


class _Form:
    """Writer of one schema's parsed form, which writes each named type out once."""

    def __init__(self, definitions: Mapping[str, _Definition]) -> None:
        self._definitions = definitions
        self._written: set[str] = set()

    def of(self, schema: Any, around: str, depth: int) -> Any:
        _check_depth(depth)
        if isinstance(schema, str):
            return schema if schema in _PRIMITIVES else self._used(schema, around, depth)
        if isinstance(schema, list):
            return [self.of(branch, around, depth + 1) for branch in schema]
        if not isinstance(schema, Mapping):
            raise UnreadableSchemaError("the schema has something other than a type where a type belongs")
        return self._complex(schema, around, depth)

    def _complex(self, schema: Mapping[str, Any], around: str, depth: int) -> Any:
        base = _base(schema)
        if base in _NAMED:
            return self._named(_name_of(schema, around), depth)
        if base == "array":
            return {"type": base, "items": self.of(schema.get("items"), around, depth + 1)}
        if base == "map":
            return {"type": base, "values": self.of(schema.get("values"), around, depth + 1)}
        if base in _PRIMITIVES:
            logical = _logical(schema)
            return {"type": base, **logical} if logical else base
        return self.of(schema.get("type"), around, depth + 1)

    def _used(self, name: str, around: str, depth: int) -> Any:
        """Return the form of a type that is used by its name."""
        full = name if "." in name or not around else f"{around}.{name}"
        if full not in self._definitions and name in self._definitions:
            full = name  # defined without a namespace
        if full not in self._definitions:
            raise UnreadableSchemaError("the schema uses a type that is not defined")
        return self._named(full, depth)

    def _named(self, name: str, depth: int) -> Any:
        if name in self._written:
            return name
        self._written.add(name)
        schema = self._definitions[name].schema
        form: dict[str, Any] = {"name": name, "type": schema["type"]}
        aliases = _aliases(schema, _namespace(name))
        if aliases:
            form["aliases"] = aliases
        if schema["type"] in _RECORDS:
            form["fields"] = [self._field(each, _namespace(name), depth) for each in _list(schema, "fields")]
        elif schema["type"] == "enum":
            form["symbols"] = _list(schema, "symbols")
            form |= {"default": schema["default"]} if schema.get("default") is not None else {}
        else:
            form |= {"size": schema.get("size"), **_logical(schema)}
        return form

    def _field(self, field: Any, around: str, depth: int) -> dict[str, Any]:
        if not isinstance(field, Mapping) or not isinstance(field.get("name"), str):
            raise UnreadableSchemaError("the schema has a field without a name")
        form = {"name": field["name"], "type": self.of(field.get("type"), around, depth + 1)}
        if field.get("aliases"):
            form["aliases"] = sorted(_texts(field["aliases"]))
        if "default" in field:
            form["default"] = _by_value(field["default"])
        return form


def _base(schema: Mapping[str, Any]) -> str | None:
    """Return the name in ``type``; None if there is a type itself."""
    base = schema.get("type")
    return base if isinstance(base, str) else None


def _name_of(schema: Mapping[str, Any], around: str) -> str:
    name, namespace = schema.get("name"), schema.get("namespace", around)
    if not isinstance(name, str) or not name or not isinstance(namespace, str | None):
        raise UnreadableSchemaError("the schema has a type without a name")
    return name if "." in name or not namespace else f"{namespace}.{name}"


def _namespace(full_name: str) -> str:
    return full_name.rpartition(".")[0]


def _aliases(schema: Mapping[str, Any], namespace: str) -> list[str]:
    """Return the aliases of a named type by their full names, sorted."""
    names = _texts(schema.get("aliases") or [])
    return sorted(name if "." in name or not namespace else f"{namespace}.{name}" for name in names)


def _logical(schema: Mapping[str, Any]) -> dict[str, Any]:
    logical = schema.get("logicalType")
    if not isinstance(logical, str):
        return {}
    if logical != "decimal":
        return {"logicalType": logical}
    return {"logicalType": logical, "precision": schema.get("precision"), "scale": schema.get("scale", 0)}


def _list(schema: Mapping[str, Any], key: str) -> list[Any]:
    found = schema.get(key)
    if not isinstance(found, list):
        raise UnreadableSchemaError(f"the schema has a {schema['type']} without {key}")
    return found


def _texts(names: Any) -> Sequence[str]:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UnreadableSchemaError("the schema has aliases that are not names")
    return names


def _by_value(default: Any) -> Any:
    """Return a default in which ``1``, ``1.0`` and ``1e0`` are equal, but ``-0.0`` is not 0."""
    if isinstance(default, float) and default.is_integer() and str(default) != "-0.0":
        return int(default)
    if isinstance(default, list):
        return [_by_value(each) for each in default]
    if isinstance(default, Mapping):
        return {key: _by_value(each) for key, each in default.items()}
    return default


def _check_depth(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise UnreadableSchemaError(_TOO_DEEP)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnreadableSchemaError("the schema has a key twice in one object")
    return found

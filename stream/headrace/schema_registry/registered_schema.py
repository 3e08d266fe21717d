"""A schema as a registry has it, with its references."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from headrace.schema_registry.registry_errors import NotInRegistryError, UnusableSchemaError
from headrace.schemas.schema_equality import UnreadableSchemaError, read_schema, schema_hash

AVRO: Final = "AVRO"
MOST_REFERENCES: Final = 100  # schemas that one schema may need, however deep
MOST_LEVELS: Final = 16


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """A version of a subject of the registry which defines types that a schema uses."""

    subject: str
    version: int


@dataclass(frozen=True, slots=True)
class RegisteredSchema:
    """A schema's *text*, byte for byte, its *kind* (``AVRO``, ``JSON``, ``PROTOBUF``), and its references."""

    text: str = field(repr=False)
    kind: str = AVRO
    references: tuple[Reference, ...] = ()


Fetch: TypeAlias = Callable[[Reference], RegisteredSchema]


def check_is_avro(schema: RegisteredSchema) -> None:
    """Raise UnusableSchemaError for a schema that is not Avro; the text names its kind."""
    if schema.kind != AVRO:
        named = {"JSON": "a JSON Schema", "PROTOBUF": "a Protobuf schema"}.get(schema.kind, "a schema of another kind")
        raise UnusableSchemaError(f"{named}; only Avro schemas are read")


def referenced(schema: RegisteredSchema, fetch: Fetch) -> dict[Reference, RegisteredSchema]:
    """Return every schema that *schema* needs, those that others need first.

    Raises:
        UnusableSchemaError: the references are circular, too many or too deep, not Avro, or missing in the registry.
        RegistryError: the registry cannot be asked now.
    """
    found: dict[Reference, RegisteredSchema] = {}
    _collect(schema, fetch, found, ())
    return found


def hash_of(schema: RegisteredSchema, fetch: Fetch) -> str:
    """Return the hash of the schema's parsed form, with its references.

    Raises:
        UnusableSchemaError: it is not Avro, or its references cannot be resolved.
        RegistryError: the registry cannot be asked now.
    """
    check_is_avro(schema)
    others = referenced(schema, fetch)
    return _hash(schema, [_read(each) for each in others.values()])


def _hash(schema: RegisteredSchema, others: list[Any]) -> str:
    try:
        return schema_hash(_read(schema), others)
    except UnreadableSchemaError as error:
        raise UnusableSchemaError(str(error)) from None


def _read(schema: RegisteredSchema) -> Any:
    try:
        return read_schema(schema.text)
    except UnreadableSchemaError as error:
        raise UnusableSchemaError(str(error)) from None


def _collect(
    schema: RegisteredSchema, fetch: Fetch, found: dict[Reference, RegisteredSchema], path: tuple[Reference, ...]
) -> None:
    for reference in schema.references:
        if reference in path:
            raise UnusableSchemaError("a schema whose references are circular")
        if reference in found:
            continue
        if len(path) >= MOST_LEVELS or len(found) + len(path) >= MOST_REFERENCES:
            raise UnusableSchemaError(f"a schema with more than {MOST_REFERENCES} references, or {MOST_LEVELS} levels")
        try:
            needed = fetch(reference)
        except NotInRegistryError:
            raise UnusableSchemaError("a schema with a reference that the registry does not have") from None
        check_is_avro(needed)
        _collect(needed, fetch, found, (*path, reference))
        found[reference] = needed

"""References of a registry's schemas are resolved within bounds, and never in circles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from headrace.schema_registry.registered_schema import MOST_LEVELS
from headrace.schema_registry.registry_client import RegistryClient
from headrace.schema_registry.registry_errors import UnusableSchemaError
from headrace.schemas.id_space import IdSpace
from headrace.schemas.schema_equality import schema_hash
from tests.support.registry_server import RegistryServer, a_registry, a_schema_reply


@pytest.fixture
def registry() -> Iterator[RegistryServer]:
    with a_registry({}) as server:
        yield server


def client_of(server: RegistryServer) -> RegistryClient:
    return RegistryClient(server.access)


def a_record(name: str, *types: str) -> dict[str, Any]:
    fields = [{"name": f"f{number}", "type": type_} for number, type_ in enumerate(types)]
    return {"type": "record", "name": name, "namespace": "n", "fields": fields}


def a_version(server: RegistryServer, name: str, schema: Any, *needs: str) -> None:
    references = [{"name": f"n.{each}", "subject": each, "version": 1} for each in needs]
    server.answers(f"/subjects/{name}/versions/1", a_schema_reply(schema, references=references))


def needs(*names: str) -> list[dict[str, Any]]:
    return [{"name": f"n.{each}", "subject": each, "version": 1} for each in names]


def test_a_diamond_of_references_is_asked_for_once(registry: RegistryServer) -> None:
    a_version(registry, "D", a_record("D", "int"))
    a_version(registry, "B", a_record("B", "D"), "D")
    a_version(registry, "C", a_record("C", "D"), "D")
    registry.give_id(50, a_record("A", "B", "C"), references=needs("B", "C"))
    inline = a_record("A", "int", "int")
    inline["fields"][0]["type"] = a_record("B", "int")
    inline["fields"][0]["type"]["fields"][0]["type"] = a_record("D", "int")
    inline["fields"][1]["type"] = a_record("C", "D")
    assert client_of(registry).hash_of_id(IdSpace.CONTENT, 50) == schema_hash(inline)
    assert len(registry.paths("/subjects/D/")) == 1


@pytest.mark.parametrize("circle", [("B",), ("B", "C")])
def test_circular_references_are_refused(registry: RegistryServer, circle: tuple[str, ...]) -> None:
    for one, following in zip(circle, (*circle[1:], circle[0]), strict=True):
        a_version(registry, one, a_record(one, following), following)
    registry.give_id(50, a_record("A", "B"), references=needs("B"))
    with pytest.raises(UnusableSchemaError, match="circular"):
        client_of(registry).hash_of_id(IdSpace.CONTENT, 50)


def test_references_have_a_bound(registry: RegistryServer) -> None:
    for number in range(200):
        a_version(registry, f"R{number}", a_record(f"R{number}", "int"))
    a_version(registry, "deep0", a_record("deep0", "int"))
    for number in range(1, 40):
        a_version(registry, f"deep{number}", a_record(f"deep{number}", f"deep{number - 1}"), f"deep{number - 1}")
    registry.give_id(50, a_record("A", "int"), references=needs(*(f"R{number}" for number in range(200))))
    registry.give_id(51, a_record("A", "int"), references=needs("deep39"))
    for number in (50, 51):
        with pytest.raises(UnusableSchemaError, match="more than"):
            client_of(registry).hash_of_id(IdSpace.CONTENT, number)
    assert len(registry.paths("/subjects/R")) <= 100
    assert len(registry.paths("/subjects/deep")) <= MOST_LEVELS


def test_a_missing_reference_and_hostile_schemas_are_unusable(registry: RegistryServer) -> None:
    registry.give_id(50, a_record("A", "B"), references=needs("B"))
    registry.give_id(51, "not json")
    registry.give_id(52, "[" * 50_000)
    registry.give_id(53, a_record("A", "Unknown"))
    for number in (50, 51, 52, 53):
        with pytest.raises(UnusableSchemaError):
            client_of(registry).hash_of_id(IdSpace.CONTENT, number)

"""An import writes what the registry has, byte for byte, and replaces nothing that differs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headrace.schema_registry.contract_import import checked_subject, read_import, subject_for, write_import
from headrace.schema_registry.registry_client import RegistryClient
from headrace.schema_registry.registry_errors import ImportConflictError, NotInRegistryError, UnusableSchemaError
from tests.support.registry_answers import recorded_text
from tests.support.registry_server import RegistryServer, a_registry, a_reply, a_schema_reply

MONEY = {"type": "fixed", "name": "Money", "namespace": "ref", "size": 8}
CENTS = {**MONEY, "size": 4}


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with a_registry({}) as running:
        yield running


def has(server: RegistryServer, subject: str, *schemas: Any, needs: list[dict[str, Any]] | None = None) -> None:
    """Let the registry have these versions of a subject; *needs* are references of each."""
    server.answers(f"/subjects/{subject}/versions", a_reply([*range(1, len(schemas) + 1)]))
    for version, schema in enumerate(schemas, 1):
        reply = a_schema_reply(schema, subject=subject, version=version, references=needs or [])
        server.answers(f"/subjects/{subject}/versions/{version}", reply)


def a_sale(*more: str) -> dict[str, Any]:
    names = [{"name": "price", "type": "ref.Money"}, *({"name": name, "type": "int", "default": 0} for name in more)]
    return {"type": "record", "name": "Sale", "namespace": "ref", "fields": names}


def a_need(version: int = 1) -> dict[str, Any]:
    return {"name": "ref.Money", "subject": "money-value", "version": version}


def client_of(server: RegistryServer) -> RegistryClient:
    return RegistryClient(server.access)


def test_all_versions_are_written_byte_for_byte(server: RegistryServer, tmp_path: Path) -> None:
    has(server, "orders-value", recorded_text(6), recorded_text(7))
    folder = tmp_path / "new" / "contracts"
    done = write_import(read_import(client_of(server), "orders-value", "order_placed"), folder, force=False)
    assert done.written == ("order_placed.v1.avsc", "order_placed.v2.avsc")
    for version, number in ((1, 6), (2, 7)):
        assert (folder / f"order_placed.v{version}.avsc").read_bytes() == recorded_text(number).encode()
    assert len(list(folder.iterdir())) == 2


def test_chosen_versions_alone_are_read(server: RegistryServer) -> None:
    has(server, "orders-value", recorded_text(6), recorded_text(7))
    files = read_import(client_of(server), "orders-value", "order_placed", [2, 2])
    assert set(files.contracts) == {"order_placed.v2.avsc"}


def test_references_become_files_of_their_types(server: RegistryServer, tmp_path: Path) -> None:
    has(server, "money-value", MONEY)
    has(server, "sales-value", a_sale(), a_sale("count"), needs=[a_need()])
    files = read_import(client_of(server), "sales-value", "sale")
    assert write_import(files, tmp_path, force=False).written == ("ref.Money.avsc", "sale.v1.avsc", "sale.v2.avsc")
    assert json.loads((tmp_path / "ref.Money.avsc").read_text()) == MONEY


def test_versions_that_need_other_types_of_one_name_are_refused(server: RegistryServer) -> None:
    has(server, "money-value", MONEY, CENTS)
    has(server, "sales-value", a_sale(), a_sale(), needs=[a_need()])
    later = a_schema_reply(a_sale(), references=[a_need(2)])
    server.answers("/subjects/sales-value/versions/2", later)
    with pytest.raises(ImportConflictError, match=r"version 2 of sales-value: refers to another ref\.Money"):
        read_import(client_of(server), "sales-value", "sale")


def test_what_differs_is_replaced_only_by_force(server: RegistryServer, tmp_path: Path) -> None:
    has(server, "orders-value", recorded_text(6), recorded_text(7))
    files = read_import(client_of(server), "orders-value", "order_placed")
    (tmp_path / "order_placed.v2.avsc").write_text("of somebody else")
    with pytest.raises(ImportConflictError, match=r"order_placed\.v2\.avsc would change"):
        write_import(files, tmp_path, force=False)
    assert [each.name for each in tmp_path.iterdir()] == ["order_placed.v2.avsc"]
    assert write_import(files, tmp_path, force=True).written == ("order_placed.v1.avsc", "order_placed.v2.avsc")
    again = write_import(files, tmp_path, force=False)
    assert (again.written, again.unchanged) == ((), ("order_placed.v1.avsc", "order_placed.v2.avsc"))


@pytest.mark.parametrize("kind", ["JSON", "PROTOBUF"])
def test_other_kinds_are_refused_by_name(server: RegistryServer, kind: str) -> None:
    server.answers("/subjects/j-value/versions", a_reply([1]))
    server.answers("/subjects/j-value/versions/1", a_schema_reply("{}", schemaType=kind))
    with pytest.raises(UnusableSchemaError, match=r"version 1 of j-value: a (JSON Schema|Protobuf schema); only Avro"):
        read_import(client_of(server), "j-value", "jot")


def test_what_is_not_there_is_named(server: RegistryServer) -> None:
    with pytest.raises(NotInRegistryError, match="has no subject nobody-value"):
        read_import(client_of(server), "nobody-value", "nobody")
    with pytest.raises(NotInRegistryError, match="has no version 3 of nobody-value"):
        read_import(client_of(server), "nobody-value", "nobody", [3])


@pytest.mark.parametrize("name", ["../../escape", "/etc/passwd", "a/b", "", "a\n", None])
def test_a_hostile_name_of_a_type_names_no_file(server: RegistryServer, name: Any) -> None:
    has(server, "money-value", {**MONEY, "name": name, "namespace": ""})
    has(server, "sales-value", {"type": "record", "name": "Sale", "fields": []}, needs=[a_need()])
    with pytest.raises(UnusableSchemaError):
        read_import(client_of(server), "sales-value", "sale")


def test_a_schema_with_half_a_character_is_refused(server: RegistryServer) -> None:
    has(server, "sales-value", {"type": "record", "name": "Sale", "fields": [], "doc": "x"})
    broken = {"schema": '{"type": "record", "name": "Sale", "fields": [], "doc": "\ud800"}'}
    server.answers("/subjects/sales-value/versions/1", a_reply(broken))
    with pytest.raises(UnusableSchemaError, match="half a character"):
        read_import(client_of(server), "sales-value", "sale")


@pytest.mark.parametrize(
    ("registry_subject", "subject"),
    [
        ("orders-value", "orders"),
        ("Shop.Order-Placed-value", "shop_order_placed"),
        ("com.acme.OrderPlaced", "com_acme_orderplaced"),
    ],
)
def test_the_subject_follows_the_registry(registry_subject: str, subject: str) -> None:
    assert subject_for(registry_subject) == subject


@pytest.mark.parametrize("registry_subject", ["a-value", "1st-value", "googles-value", "-value", "x" * 200])
def test_a_name_that_is_no_subject_asks_for_one(registry_subject: str) -> None:
    with pytest.raises(ImportConflictError, match="--subject"):
        subject_for(registry_subject)
    with pytest.raises(ImportConflictError, match="--subject"):
        checked_subject("No", "--subject")

"""What a registry has published of a folder's contracts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headrace.contract_check.check_folder import Checked, check_contents
from headrace.contract_comparison.held_registry_versions import published_registry_versions
from headrace.schema_registry.contract_import import read_import, write_import
from headrace.schema_registry.registry_client import RegistryClient
from headrace.schema_registry.registry_errors import RegistryAnswerError, RegistryAwayError
from headrace.schemas.compatibility.rules import Rule
from headrace.schemas.registry import read_folder
from tests.support.builders import contract_json
from tests.support.contract_folders import write_version
from tests.support.registry_server import RegistryServer, Reply, a_registry, a_reply, a_schema_reply

EDITED = Rule.PUBLISHED_VERSION_EDITED
MONEY = {"type": "fixed", "name": "Money", "namespace": "ref", "size": 8}
ANNOTATION = json.dumps(contract_json(("n", "int"))["headrace"] | {"table": "orders"})


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with a_registry({}) as running:
        yield running


def has(server: RegistryServer, subject: str, *schemas: Any, numbers: tuple[int, ...] = (), **more: Any) -> None:
    """Let the registry have these versions of a subject, and no other subject."""
    numbered = numbers or tuple(range(1, len(schemas) + 1))
    server.answers("/subjects", a_reply([subject, "1-value", "other"]))
    server.answers(f"/subjects/{subject}/versions", a_reply([*numbered]))
    for version, schema in zip(numbered, schemas, strict=True):
        reply = a_schema_reply(schema, subject=subject, version=version, **more)
        server.answers(f"/subjects/{subject}/versions/{version}", reply)


def an_order(*more: Any) -> dict[str, Any]:
    """A schema as a team has it, without annotations."""
    schema = contract_json(("n", "int"), *more)
    del schema["headrace"]
    return schema


def a_folder(server: RegistryServer, folder: Path, registry_subject: str = "orders-value") -> Path:
    """The versions of the registry as contracts, with a sidecar for each."""
    done = write_import(read_import(RegistryClient(server.access), registry_subject, "orders"), folder, force=False)
    for name in (each for each in done.written if each.startswith("orders.v")):
        (folder / name.replace(".avsc", ".headrace.json")).write_text(ANNOTATION)
    return folder


def checked(folder: Path, server: RegistryServer) -> tuple[Checked, str]:
    """The findings, and the sentence that says what was compared."""
    found, said = read_folder(folder), list[str]()
    published = published_registry_versions(found, RegistryClient(server.access), said.append)
    (sentence,) = said
    return check_contents(found, published, lambda contract: None), sentence


def places(found: Checked) -> list[tuple[Rule, str]]:
    return [(each.rule, each.path) for each in found.findings]


def test_imported_versions_are_those_of_the_registry(server: RegistryServer, tmp_path: Path) -> None:
    has(server, "orders-value", an_order(), an_order({"name": "m", "type": "int", "default": 0}))
    found, sentence = checked(a_folder(server, tmp_path), server)
    assert found.findings == []
    assert sentence == f"compared with 2 versions of 1 subject in {server.url}"


def test_types_of_other_subjects_are_compared_too(server: RegistryServer, tmp_path: Path) -> None:
    needs = [{"name": "ref.Money", "subject": "money-value", "version": 1}]
    has(server, "orders-value", an_order(("price", "ref.Money")), references=needs)
    server.answers("/subjects/money-value/versions/1", a_schema_reply(MONEY))
    folder = a_folder(server, tmp_path)
    assert checked(folder, server)[0].findings == []

    (folder / "ref.Money.avsc").write_text(json.dumps({**MONEY, "size": 4}))
    assert places(checked(folder, server)[0]) == [(EDITED, "orders.v1")]


def test_an_edited_version_is_found_by_its_number(server: RegistryServer, tmp_path: Path) -> None:
    has(server, "orders-value", an_order(), an_order({"name": "m", "type": "int", "default": 0}), numbers=(2, 5))
    folder = a_folder(server, tmp_path)
    (folder / "orders.v5.avsc").write_text(json.dumps(an_order({"name": "m", "type": "int", "default": 1})))

    found, _ = checked(folder, server)

    assert places(found) == [(EDITED, "orders.v5")]
    assert f"published as version 5 of orders-value in {server.url}" in found.findings[0].why


def test_a_version_that_only_the_registry_has_is_found_and_compared_with(
    server: RegistryServer, tmp_path: Path
) -> None:
    has(server, "orders-value", an_order(), an_order({"name": "m", "type": "int", "default": 0}))
    folder = a_folder(server, tmp_path)
    (folder / "orders.v2.avsc").rename(folder / "orders.v3.avsc")
    (folder / "orders.v2.headrace.json").rename(folder / "orders.v3.headrace.json")
    (folder / "orders.v3.avsc").write_text(json.dumps(an_order({"name": "m", "type": "string", "default": ""})))

    assert places(checked(folder, server)[0]) == [(EDITED, "orders.v2"), (Rule.TYPE_CHANGED, "orders.v3.m")]


@pytest.mark.parametrize("more", [{"schemaType": "PROTOBUF"}, {"references": [{"subject": "gone", "version": 1}]}])
def test_what_is_no_avro_schema_is_a_finding(server: RegistryServer, tmp_path: Path, more: dict[str, Any]) -> None:
    has(server, "orders-value", an_order())
    folder = a_folder(server, tmp_path)
    has(server, "orders-value", "a schema", **more)
    assert places(checked(folder, server)[0]) == [(EDITED, "orders.v1")]


def test_a_subject_of_another_name_is_known_by_the_ids_that_contracts_list(
    server: RegistryServer, tmp_path: Path
) -> None:
    has(server, "team.events-value", contract_json(("n", "string")))
    server.answers("/schemas/ids/7/versions", a_reply([{"subject": "team.events-value", "version": 1}]))
    write_version(tmp_path, 1, ("n", "int"))
    found, sentence = checked(tmp_path, server)
    assert found.findings == []
    assert sentence.endswith("; it has no subject for thing_happened")

    write_version(tmp_path, 1, ("n", "int"), schema_ids=[7])
    assert places(checked(tmp_path, server)[0]) == [(EDITED, "thing_happened.v1")]


def test_a_registry_that_cannot_be_asked_is_an_error_and_no_pass(server: RegistryServer, tmp_path: Path) -> None:
    write_version(tmp_path, 1, ("n", "int"))
    for reply in (a_reply({"error_code": 40401}, 404), a_reply([1]), a_reply({}), Reply(200, b"<html>")):
        server.answers("/subjects", reply)
        with pytest.raises(RegistryAnswerError):
            checked(tmp_path, server)
    server.away = True
    with pytest.raises(RegistryAwayError):
        checked(tmp_path, server)

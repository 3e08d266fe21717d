"""The client reads what a real registry has answered, and stands what a bad one may do."""

from __future__ import annotations

import contextlib
import json
import socket
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.schema_registry.bounded_http import Answer, BoundedHttp, TimeLimits
from headrace.schema_registry.registered_schema import Reference
from headrace.schema_registry.registry_access import RegistryAccess, basic
from headrace.schema_registry.registry_client import RegistryClient
from headrace.schema_registry.registry_errors import (
    NotInRegistryError,
    RegistryAnswerError,
    RegistryAwayError,
    RegistryError,
    RegistryRefusedError,
    UnusableSchemaError,
)
from headrace.schemas.id_space import IdSpace
from headrace.schemas.schema_equality import read_schema, schema_hash
from tests.support.certificates import make_certificates
from tests.support.registry_answers import recorded_schema, recorded_text, schema_text
from tests.support.registry_server import RegistryServer, Reply, a_registry, a_reply

QUICK = TimeLimits(connect=0.5, read=0.5, whole=0.8)
SECRET = "do-not-print-this"


@pytest.fixture
def registry() -> Iterator[RegistryServer]:
    with a_registry() as server:
        yield server


def client_of(server: RegistryServer, **changes: Any) -> RegistryClient:
    access = replace(server.access, **changes)
    return RegistryClient(access, BoundedHttp(access, QUICK))


def test_a_schema_is_read_byte_for_byte(registry: RegistryServer) -> None:
    schema = client_of(registry).schema_of_id(6)
    assert schema.text == recorded_text(6)
    assert (schema.kind, schema.references) == ("AVRO", ())


def test_ids_and_versions_are_read(registry: RegistryServer) -> None:
    client = client_of(registry)
    client.reach()
    assert client.versions_of("money-value") == [1]
    assert client.uses_of_id(6) == [Reference("orders-value", 1)]
    assert Reference("go-orders-value", 2) in client.uses_of_id(7)


def test_one_id_names_other_schemas_in_the_two_spaces(registry: RegistryServer) -> None:
    client = client_of(registry)
    v1 = schema_hash(read_schema(schema_text("order_placed.v1.avsc")))
    sensor = schema_hash(recorded_schema(24))
    assert client.hash_of_id(IdSpace.CONTENT, 6) == client.hash_of_id(IdSpace.GLOBAL, 6) == v1
    assert client.hash_of_id(IdSpace.CONTENT, 24) == sensor
    assert client.hash_of_id(IdSpace.GLOBAL, 23) == sensor
    assert client.hash_of_id(IdSpace.GLOBAL, 24) != sensor


def test_references_are_resolved(registry: RegistryServer) -> None:
    client = client_of(registry)
    money = json.loads(json.loads(registry.replies["/apis/ccompat/v7/subjects/money-value/versions/1"].body)["schema"])
    assert client.hash_of_id(IdSpace.CONTENT, 12) == schema_hash(recorded_schema(12), [money])


@pytest.mark.parametrize(("number", "kind"), [(13, "JSON Schema"), (14, "Protobuf")])
def test_other_kinds_are_refused_by_name(registry: RegistryServer, number: int, kind: str) -> None:
    with pytest.raises(UnusableSchemaError, match=kind):
        client_of(registry).hash_of_id(IdSpace.CONTENT, number)
    with pytest.raises(UnusableSchemaError):
        client_of(registry).hash_of_id(IdSpace.GLOBAL, number)


@pytest.mark.parametrize("number", [0, 23, 999_999, 2**31, 2**32 - 1, -1])
def test_an_id_that_does_not_exist_is_not_found(registry: RegistryServer, number: int) -> None:
    with pytest.raises(NotInRegistryError):
        client_of(registry).schema_of_id(number)


@pytest.mark.parametrize("number", [2**63, -1])
def test_global_ids_have_bounds(registry: RegistryServer, number: int) -> None:
    with pytest.raises(NotInRegistryError):
        client_of(registry).hash_of_id(IdSpace.GLOBAL, number)


def test_a_global_id_that_does_not_exist_is_not_found(registry: RegistryServer) -> None:
    missing = a_reply({"error_code": 404, "name": "ArtifactNotFoundException"}, 404, media_type="application/json")
    registry.replies["/apis/registry/v2/ids/globalIds/99"] = missing
    with pytest.raises(NotInRegistryError):
        client_of(registry).hash_of_id(IdSpace.GLOBAL, 99)


def test_unknown_subjects_and_versions_are_not_found(registry: RegistryServer) -> None:
    client = client_of(registry)
    with pytest.raises(NotInRegistryError):
        client.versions_of("nobody-value")
    with pytest.raises(NotInRegistryError):
        client.schema_of(Reference("money-value", 99))


def test_names_of_subjects_are_escaped(registry: RegistryServer) -> None:
    with pytest.raises(NotInRegistryError):
        client_of(registry).versions_of("../a/b?c#d")
    assert registry.paths() == ["/apis/ccompat/v7/subjects/..%2Fa%2Fb%3Fc%23d/versions"]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(500), RegistryAwayError),
        (Reply(503), RegistryAwayError),
        (Reply(429), RegistryAwayError),
        (Reply(401), RegistryRefusedError),
        (Reply(403), RegistryRefusedError),
        (Reply(404, b"<html>", media_type="text/html"), RegistryAnswerError),
        (a_reply({"error_code": 404, "message": "HTTP 404 Not Found"}, 404), RegistryAnswerError),
        (a_reply({"error_code": [], "message": ""}, 404), RegistryAnswerError),
        (a_reply([], 404), RegistryAnswerError),
        (Reply(400), RegistryAnswerError),
        (Reply(200, b"<html>", media_type="text/html"), RegistryAnswerError),
        (Reply(200, b"{"), RegistryAnswerError),
        (Reply(200, b"\xff\xfe"), RegistryAnswerError),
        (Reply(200, b"[" * 100_000), RegistryAnswerError),
        (a_reply([]), RegistryAnswerError),
        (a_reply({"schema": 7}), RegistryAnswerError),
        (a_reply({"schema": "{}", "schemaType": 7}), RegistryAnswerError),
        (a_reply({"schema": "{}", "references": 7}), RegistryAnswerError),
        (a_reply({"schema": "{}", "references": [{"subject": "a"}]}), RegistryAnswerError),
        (a_reply({"schema": "{}", "references": [{"subject": "a", "version": True}]}), RegistryAnswerError),
        (Reply(200, b"{}", headers={"Content-Encoding": "gzip"}), RegistryAnswerError),
        (Reply(302, headers={"Location": "http://127.0.0.1:1/elsewhere"}), RegistryAnswerError),
        (a_reply({"schema": '"int"', "more": "x" * 5_000_000}), RegistryAnswerError),
        (Reply(200, b'{"schema"', claimed=500), RegistryAwayError),
        (Reply(200, b"{}", delay=2.0), RegistryAwayError),
        (Reply(200, b"{" * 100, drip=0.1), RegistryAwayError),
    ],
)
def test_a_bad_answer_is_an_error_that_refuses_no_message(
    registry: RegistryServer, reply: Reply, error: type[RegistryError]
) -> None:
    registry.answers("/schemas/ids/6", reply)
    begun = time.monotonic()
    with pytest.raises(RegistryError) as caught:
        client_of(registry).schema_of_id(6)
    assert type(caught.value) is error
    assert time.monotonic() - begun < 1.8
    assert str(caught.value).startswith(f"{registry.url}: ")
    assert "; " in str(caught.value)


def test_redirects_take_no_credentials_elsewhere(registry: RegistryServer) -> None:
    with a_registry({}) as other:
        registry.answers("/schemas/ids/6", Reply(307, headers={"Location": f"{other.url}/schemas/ids/6"}))
        with pytest.raises(RegistryAnswerError, match="redirects"):
            client_of(registry, authorization=lambda: basic("me", SECRET)).schema_of_id(6)
        assert other.asked == []


def test_a_registry_that_is_not_there_is_away() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(RegistryAwayError, match="no connection"):
            RegistryClient(RegistryAccess(url)).reach()


def test_after_it_was_away_the_client_goes_on(registry: RegistryServer) -> None:
    client = client_of(registry)
    registry.away = True
    with pytest.raises(RegistryAwayError):
        client.reach()
    registry.away = False
    client.reach()


@pytest.mark.parametrize("header", [basic("me", SECRET), f"Bearer {SECRET}"])
def test_credentials_are_sent_and_never_shown(
    registry: RegistryServer, header: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login other password other\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    client = client_of(registry, authorization=lambda: header)
    client.reach()
    assert registry.asked[0][1]["Authorization"] == header
    registry.answers("/schemas/types", Reply(401))
    with pytest.raises(RegistryRefusedError) as caught:
        client.reach()
    shown = "".join(traceback.format_exception(caught.value)) + repr(client) + repr(registry.access)
    assert SECRET not in shown
    assert caught.value.__context__ is None


def test_without_credentials_none_are_sent(
    registry: RegistryServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login other password other\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    client_of(registry).reach()
    assert "Authorization" not in registry.asked[0][1]


def test_tls_takes_an_authority_and_a_client_certificate(tmp_path: Path) -> None:
    made = make_certificates(tmp_path)
    with a_registry(tls=made.server_context(ask_client=True)) as server:
        client_of(server, ca_file=made.authority, client_certificate=made.client).reach()
        with pytest.raises(RegistryAwayError):
            client_of(server, ca_file=made.authority).reach()
        with pytest.raises(RegistryAwayError, match=r"TLS fails; set schema_registry\.ca_file"):
            client_of(server, client_certificate=made.client).reach()
        with pytest.raises(RegistryAnswerError, match="files of certificates"):
            client_of(server, ca_file=tmp_path / "absent.pem").reach()


class Answering(BoundedHttp):
    """Answers everything with one body."""

    def __init__(self, status: int, body: bytes) -> None:
        self._answer_is = Answer(status, "application/json", body)

    def get(self, url: str) -> Answer:
        return self._answer_is


_WORDS = st.sampled_from(
    ["schema", "schemaType", "references", "subject", "version", "error_code", "AVRO", '"int"', "{}"]
)
_ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _WORDS | st.just(40403) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=4),
    max_leaves=15,
)


@given(st.sampled_from([200, 404]), _ANY_JSON.map(lambda value: json.dumps(value).encode()) | st.binary())
def test_any_answer_is_read_or_refused(status: int, body: bytes) -> None:
    client = RegistryClient(RegistryAccess("http://a", "http://b"), Answering(status, body))
    questions: list[Callable[[], object]] = [
        client.reach,
        lambda: client.hash_of_id(IdSpace.CONTENT, 6),
        lambda: client.hash_of_id(IdSpace.GLOBAL, 6),
        lambda: client.versions_of("a"),
        lambda: client.uses_of_id(6),
    ]
    for question in questions:
        with contextlib.suppress(NotInRegistryError, RegistryAnswerError, UnusableSchemaError):
            question()


def test_a_registry_without_types_is_a_wrong_address_and_no_missing_id(registry: RegistryServer) -> None:
    registry.answers("/schemas/types", a_reply({"error_code": 40403, "message": "not found"}, 404))
    with pytest.raises(RegistryAnswerError, match=rf"{registry.url}/subjects must be a list"):
        client_of(registry).reach()

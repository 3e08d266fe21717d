"""The doctor asks the registry, and compares its answers with the pins on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headrace.config.settings import load_settings
from headrace.doctor.check_registry import look_at_registry
from headrace.doctor.findings import Finding, Level
from headrace.schema_registry.pin_file import PinFile, PinKey, SubjectPins
from headrace.schemas.id_space import IdSpace
from tests.support.registry_answers import CCOMPAT, recorded_schema
from tests.support.registry_ids import SUBJECT, V1
from tests.support.registry_server import RegistryServer, Reply, a_registry

pytestmark = pytest.mark.usefixtures("nothing_set")


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with a_registry() as running:
        yield running


def look(server: RegistryServer | None, **more: Any) -> list[Finding]:
    given = {"url": server.url, **more} if server is not None else more
    return list(look_at_registry(load_settings(project="a-project", journal=Path("journal"), schema_registry=given)))


def pinned(server: RegistryServer, broken: str | None = None) -> PinFile:
    file = PinFile(Path("journal"), server.url)
    file.change(lambda table: {SUBJECT: SubjectPins({PinKey(IdSpace.CONTENT, 6): V1}, broken)})
    return file


def test_without_a_registry_nothing_is_asked() -> None:
    (found,) = look(None)
    assert (found.level, found.what) == (Level.OK, "none is named")


def test_right_pins_are_fine(server: RegistryServer) -> None:
    pinned(server)
    answers, pins = look(server)
    assert (answers.level, answers.subject, answers.what) == (Level.OK, server.url, "answers")
    assert (pins.subject, pins.what) == (SUBJECT, "1 schema ids pinned, all as the registry has them")


def test_an_id_of_another_schema_is_a_problem_before_the_engine_sees_it(server: RegistryServer) -> None:
    pinned(server)
    server.give_id(6, recorded_schema(24))
    _, found = look(server)
    assert (found.level, found.subject) == (Level.PROBLEM, SUBJECT)
    assert f"headrace contracts pin {SUBJECT}" in found.remedy


def test_a_halt_is_a_problem_even_if_the_ids_are_right_again(server: RegistryServer) -> None:
    pinned(server, broken="order_placed: it broke; run `headrace contracts pin order_placed`")
    _, found = look(server)
    assert (found.level, found.what) == (Level.PROBLEM, "it broke")


def test_a_missing_id_is_a_warning(server: RegistryServer) -> None:
    pinned(server)
    server.replies.pop(f"{CCOMPAT}/schemas/ids/6")
    assert [each.level for each in look(server)] == [Level.OK, Level.WARNING]


@pytest.mark.parametrize("reply", [Reply(503), Reply(401), Reply(404, b"<html>", media_type="text/html")])
def test_a_registry_that_does_not_answer_is_a_problem_with_its_remedy(server: RegistryServer, reply: Reply) -> None:
    server.answers("/schemas/types", reply)
    (found,) = look(server)
    assert (found.level, found.subject) == (Level.PROBLEM, server.url)
    assert found.remedy


def test_damaged_pins_are_a_problem(server: RegistryServer) -> None:
    pinned(server).path.write_text("{")
    assert look(server)[-1].level is Level.PROBLEM


def test_credentials_without_encryption_are_a_warning(server: RegistryServer) -> None:
    secret = Path("token")
    secret.write_text("s3cret")
    secret.chmod(0o600)
    found = look(server, token_file=secret)
    assert [each.level for each in found] == [Level.WARNING, Level.OK]
    assert "s3cret" not in str(found)
    secret.chmod(0o644)
    (refused,) = look(server, token_file=secret)
    assert (refused.level, "chmod 600" in refused.remedy) == (Level.PROBLEM, True)

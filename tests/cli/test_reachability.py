"""Every command that talks prints a notice within ten seconds without an answer, and ends with a sentence."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.api_core.exceptions import RetryError

from headrace.cli.app import app
from headrace.cli.commands import run
from headrace.config.key_files import write_key_file
from headrace.config.settings import SettingsError
from headrace.errors import Exit
from headrace.runtime import google_clients
from headrace.runtime import reachability as reaching
from headrace.runtime.exit_codes import explain
from headrace.runtime.google_clients import (
    BIGQUERY,
    BIGQUERY_STORAGE,
    PUBSUB,
    STORAGE,
    describe_emulators,
    emulator_host,
    open_bigquery,
)
from headrace.runtime.reachability import JOB, NOTICE_SECONDS, Service, UnreachableError, reach
from headrace.schemas.samples import SAMPLES
from tests.support.failing_bigquery import FAILURE, failing_bigquery

SPEAK_SECONDS = 10.0


@pytest.fixture
def black_hole() -> Iterator[str]:
    """An address that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def nowhere() -> str:
    """An address without a listener."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return f"127.0.0.1:{port}"


@pytest.fixture
def pointed(monkeypatch: pytest.MonkeyPatch, black_hole: str) -> str:
    for name in (PUBSUB, BIGQUERY, BIGQUERY_STORAGE):
        monkeypatch.setenv(name, black_hole)
    monkeypatch.setenv(STORAGE, f"http://{black_hole}")
    return black_hole


COMMANDS = [
    ["provision"],
    ["provision", "--dry-run"],
    ["publish", "flight_departed", "events.ndjson"],
    ["audit"],
    ["tallies", "compact"],
    ["cost", "measure"],
    ["replay", "--dry-run"],
    ["backfill", "flight_departed", "lines.ndjson"],
    ["backfill", "flight_departed", "lines.ndjson", "--replace-partition", "2026-11-20"],
    ["backfill", "flight_departed", "gs://history/lines.ndjson"],
    ["backfill", "flight_departed", "gs://history/*.ndjson", "--dry-run"],
    ["backfill", "flight_departed", "lines.ndjson", "--dry-run", "--mapping", "gs://history/mapping.toml"],
    ["dead-letters", "list"],
    ["dead-letters", "show", "a" * 32],
    ["dead-letters", "edit", "a" * 32, "--patch", "{}", "--why", "test"],
    ["dead-letters", "discard", "a" * 32, "--why", "test"],
    ["dead-letters", "reopen", "a" * 32, "--why", "test"],
    ["dead-letters", "export", "--file", "out.ndjson", "--why", "test"],
    ["dead-letters", "import", "letters.ndjson", "--why", "test"],
    ["dead-letters", "history"],
    ["dead-letters", "collect"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_names_the_service_that_it_waits_for_and_ends(
    command: list[str],
    nothing_set: None,
    pointed: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("masking", "archive"):
        write_key_file(tmp_path / f"{name}.key", bytes(32))
        monkeypatch.setenv(f"HEADRACE_{name.upper()}_KEY_FILE", f"{name}.key")
    for name in ("events", "lines", "letters"):
        (tmp_path / f"{name}.ndjson").touch()
    monkeypatch.setenv("HEADRACE_PROJECT", "a-project")
    monkeypatch.setenv("HEADRACE_CONTRACTS", str(SAMPLES))
    monkeypatch.setattr(reaching, "NOTICE_SECONDS", 0.2)
    monkeypatch.setattr(reaching, "REACH_SECONDS", 0.5)

    with pytest.raises(UnreachableError, match=f"at {pointed} does not answer"):
        app(command, standalone_mode=False)

    assert f"at {pointed} ..." in capsys.readouterr().err


def test_the_job_says_what_is_away_and_waits_for_it(
    pointed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "AWAY_SECONDS", 0.2)

    run._log_unreachable()

    output = capsys.readouterr()
    assert [service.place in output.out + output.err for service in JOB] == [True, True, True]


def test_an_unreachable_service_is_reported_within_ten_seconds() -> None:
    assert NOTICE_SECONDS < SPEAK_SECONDS
    assert run.AWAY_SECONDS * len(JOB) < SPEAK_SECONDS


@pytest.mark.parametrize("flags", [[], ["--dry-run"]])
def test_nothing_is_provisioned_without_named_contracts(
    flags: list[str], nothing_set: None, pointed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADRACE_PROJECT", "a-project")

    with pytest.raises(SettingsError, match=r"contracts: missing; .* --contracts"):
        app(["provision", *flags], standalone_mode=False)


@pytest.mark.parametrize("service", Service)
@pytest.mark.parametrize("kind", ["black_hole", "nowhere"])
def test_what_does_not_answer_is_an_error_with_its_remedy(
    service: Service, kind: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    host = request.getfixturevalue(kind)
    monkeypatch.setenv(service.value[1], host)

    with pytest.raises(UnreachableError, match=rf"{service.place} does not answer .*start the emulator") as seen:
        reach(service, seconds=0.5)

    assert explain(seen.value)[0] == Exit.UNREACHABLE


@pytest.mark.parametrize("service", Service)
def test_only_what_up_emulates_is_offered_as_an_emulator_of_up(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(service.value[1], raising=False)
    monkeypatch.setattr(reaching, "_answers", lambda *_: "no connection")

    with pytest.raises(UnreachableError, match=f"set {service.value[1]} to use an emulator") as seen:
        reach(service)

    assert ("headrace up" in str(seen.value)) is (service is not Service.STORAGE)


@pytest.mark.emulators
def test_an_emulator_answers_with_and_without_a_scheme(
    emulators: object, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reach(*JOB)
    for scheme in ("http://", ""):
        host = f"{scheme}{emulator_host(BIGQUERY)}"
        monkeypatch.setenv(BIGQUERY, host)
        reach(Service.BIGQUERY)
        assert list(open_bigquery(project).list_datasets()) == []


@pytest.mark.parametrize(
    "given", ["localhost:9050", "http://localhost:9050", "http://localhost:9050/", " localhost:9050"]
)
@pytest.mark.parametrize("name", [PUBSUB, BIGQUERY, BIGQUERY_STORAGE])
def test_a_variable_may_have_a_scheme(given: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, given)
    assert emulator_host(name) == "localhost:9050"
    assert "localhost:9050" in (describe_emulators() or "")
    assert name != PUBSUB or os.environ[PUBSUB] == "localhost:9050", "the SDK takes it as it is"


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch, nothing_set: None) -> Iterator[str]:
    """The address of an emulator that answers each call with 500, and a short time for attempts."""
    monkeypatch.setattr(google_clients, "EMULATOR_SECONDS", 1.0)
    monkeypatch.setenv("HEADRACE_PROJECT", "a-project")
    monkeypatch.setenv("HEADRACE_CONTRACTS", str(SAMPLES))
    with failing_bigquery() as address:
        monkeypatch.setenv(BIGQUERY, address)
        yield address


@pytest.mark.parametrize("command", [["audit"], ["tallies", "compact"], ["cost", "measure"]], ids=" ".join)
def test_a_command_that_asks_ends_soon_when_each_query_fails(command: list[str], failing: str) -> None:
    began = time.monotonic()
    with pytest.raises(RetryError, match=FAILURE) as raised:
        app(command, standalone_mode=False)

    assert time.monotonic() - began < SPEAK_SECONDS
    assert explain(raised.value)[0] == Exit.UNREACHABLE


def test_a_query_that_fails_says_what_the_emulator_answered(failing: str) -> None:
    began = time.monotonic()
    with pytest.raises(UnreachableError) as raised:
        app(["query", "SELECT column_name FROM INFORMATION_SCHEMA.COLUMNS"], standalone_mode=False)

    assert time.monotonic() - began < SPEAK_SECONDS
    assert str(raised.value) == (
        f"BigQuery at {failing} answers with a failure (500: {FAILURE}); the emulator cannot run this query; its log "
        "has the reason: .headrace/bigquery-emulator.log"
    )

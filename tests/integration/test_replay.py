"""Dead letters sent again: each ends as one row or as the same letter, on the emulators."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from headrace.audit.reconcile import count_subjects
from headrace.config.key_files import write_key_file
from headrace.console.archive_access import open_archive, open_collector, open_reader
from headrace.dead_letters.edit_event import LetterChange, edit_event
from headrace.dead_letters.facts import Action, Fact, State
from headrace.dead_letters.filters import Filter
from headrace.dead_letters.letter import Letter
from headrace.dead_letters.replay_context import OperationInfo, ReplayContext, ReplayResult
from headrace.dead_letters.replay_forecast import Forecast
from headrace.dead_letters.replay_letters import replay
from headrace.dead_letters.replay_plan import SENT_BY_DEFAULT, ReplayPlan, plan_replay
from headrace.dead_letters.replay_rate import RateLimit
from headrace.engine.embedded import Embedded
from headrace.errors import Exit
from headrace.runtime.failpoints import REPLAY
from headrace.runtime.google_clients import open_bigquery, open_gapic_publisher, open_subscriber
from headrace.schemas.envelope import to_rfc3339
from headrace.schemas.registry import Registry
from headrace.schemas.samples import SAMPLES
from tests.integration.test_service import Wire, a_message
from tests.support.builders import BOOKING, FLIGHT, PACKAGE, a_booking, a_flight, encode
from tests.support.jobs import COMMAND
from tests.support.letters import a_letter, keep, with_attributes
from tests.support.pipes import without_reader
from tests.support.service import a_service

pytestmark = pytest.mark.emulators
KNOWS_ONE_VERSION = Registry({each.ref: each for each in PACKAGE if each.ref != BOOKING.ref})
NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)


def a_wire(name: str, **changes: Any) -> Wire:
    return a_message(BOOKING, a_booking(created_at=NOW, **changes), name)


def a_timely_letter(name: str, **changes: Any) -> Letter:
    data, attributes = a_wire(name)
    given: dict[str, Any] = {"data": data, "attributes": attributes, "first_published_at": NOW} | changes
    return a_letter(name, **given)


class Office:
    """A service with an archive, and its operator."""

    def __init__(self, project: str, folder: Path, registry: Registry = PACKAGE, **settings: Any) -> None:
        self.key = write_key_file(folder / "archive.key", os.urandom(32))
        self.registry = registry
        self.service = a_service(project, registry, archive_key_file=self.key, **settings)
        self.reader = open_reader(self.service.settings)
        self.collector = open_collector(self.service.settings, threading.Event())
        self.context = ReplayContext(
            self.reader,
            open_archive(self.service.settings),
            open_gapic_publisher(),
            registry,
            self.service.names,
            lambda: datetime.now(UTC),
            time.monotonic,
        )

    def ingest(self, acknowledged: int, letters: int = 0, registry: Registry | None = None) -> Embedded:
        """Run the engine until so many messages are done; collect so many letters."""
        self.service.registry = registry or self.registry
        engine = self.service.run_until(acknowledged)
        assert engine.progress.acknowledged == acknowledged
        until = self.collector.collected + letters
        while self.collector.collected < until:
            self.collector.collect()
        return engine

    def plan_replay(self, wanted: Filter | None = None, **more: Any) -> ReplayPlan:
        return plan_replay(self.reader, self.registry, wanted or Filter(), datetime.now(UTC), **more)

    def replay(self, wanted: Filter | None = None, **more: Any) -> ReplayResult:
        return self.send(self.plan_replay(wanted, **more))

    def send(self, made: ReplayPlan) -> ReplayResult:
        return replay(
            made,
            self.context,
            OperationInfo("op", "ada", "a test"),
            RateLimit(None, time.monotonic, lambda seconds: False),
        )

    def command(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        settings = self.service.settings
        return subprocess.run(
            [*COMMAND, *arguments, "--project", settings.project],
            env={
                **os.environ,
                "HEADRACE_CONTRACTS": str(SAMPLES),
                "HEADRACE_ARCHIVE_KEY_FILE": str(self.key),
                **variables,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def letters(self) -> list[tuple[str, int, State]]:
        return sorted((each.event_id, each.attempt, each.state) for each in self.reader.find(Filter(), 1000))

    def rows(self) -> list[str]:
        return sorted(row["_event_id"] for row in self.service.rows("bookings", "_event_id"))

    def only(self) -> Letter:
        (kept,) = self.reader.read(self.reader.ids(Filter()))
        return kept.current

    def edit(self, letter: Letter, patch: Mapping[str, Any] | None, payload: Any = None, **attributes: str) -> None:
        change = LetterChange(patch=patch or None, payload=payload, set_attributes=attributes)
        edited = edit_event(letter, change, self.registry).letter
        fact = Fact(letter.id, letter.attempt, Action.EDITED, datetime.now(UTC), "ada", "edit", "", edited)
        self.context.archive.append_facts([fact])

    def check(self) -> None:
        client = open_bigquery(self.service.settings.project)
        assert [each.differences for each in count_subjects(self.registry, self.service.names, client)] == [
            [] for _ in self.registry.subjects
        ]


@pytest.fixture
def office(project: str, tmp_path: Path) -> Office:
    return Office(project, tmp_path)


def test_letters_of_a_version_that_was_unknown_pass_once_it_is_known(office: Office) -> None:
    names = [f"b{number}" for number in range(20)]
    office.service.publish("booking_created", [a_wire(name) for name in names])
    office.ingest(20, letters=20, registry=KNOWS_ONE_VERSION)
    assert office.rows() == []

    made = office.plan_replay()
    assert (made.matching, made.count(Forecast.PASSES), made.causes) == (20, 20, {})
    assert office.send(made).sent == 20
    office.ingest(20)

    assert office.rows() == sorted(names)
    assert {state for _, _, state in office.letters()} == {State.REPLAYED}
    assert office.replay().sent == 0
    office.check()
    trail = [(each["action"], each["letters"], each["outcome"] or "") for each in office.reader.trail(10)]
    assert sorted(trail) == [("replay", 0, ""), ("replay", 20, "done")]

    audited = json.loads(office.command("audit", "--json", "--grace", "0s").stdout)
    bookings = {each["subject"]: each for each in audited["subjects"]}["booking_created"]
    assert (bookings["received"], bookings["written"], bookings["dead_lettered"]) == (40, 20, {"unknown_schema": 20})
    assert bookings["letters"] == {"open": 0, "replayed": 20, "discarded": 0}
    assert audited["reconciled"]
    elsewhere = office.command("audit", "--json", HEADRACE_ARCHIVE_DATASET="not_there")
    assert [each["letters"] for each in json.loads(elsewhere.stdout)["subjects"]] == [None, None]


def test_what_would_fail_today_stays_and_when_it_is_sent_it_is_the_same_letter_again(office: Office) -> None:
    data, attributes = a_wire("b1")
    office.service.publish("booking_created", [(data[:-2], attributes)])
    office.ingest(1, letters=1)
    letter = office.only()

    made = office.plan_replay()
    assert (made.count(Forecast.FAILS), made.chosen) == (1, [])
    ((_, reason, why),) = made.causes
    assert (reason, why) == ("undecodable_payload", letter.detail)

    made = office.plan_replay(forecasts=SENT_BY_DEFAULT | {Forecast.FAILS})
    assert office.send(made).sent == 1
    office.ingest(1, letters=1)
    again = office.only()
    assert (again.id, again.attempt, again.first_published_at) == (letter.id, 2, letter.first_published_at)
    assert (again.data, again.attributes) == (letter.data, letter.attributes)
    assert office.letters() == [("b1", 2, State.OPEN)]
    assert office.send(made).sent == 0, "it is back since the plan was made, and is no part of it"
    office.check()


def test_an_edited_letter_is_sent_as_it_was_edited(office: Office) -> None:
    data, attributes = a_wire("b1", notes="as it was")
    office.service.publish("booking_created", [(data, attributes | {"ce-time": "2020-01-01T00:00:00Z"})])
    office.ingest(1, letters=1)
    assert office.plan_replay().count(Forecast.FAILS) == 1

    office.edit(office.only(), {"currency": "USD"}, **{"ce-time": to_rfc3339(NOW)})
    assert office.replay().sent == 1
    office.ingest(1)

    (row,) = office.service.rows("bookings", "_event_id, currency")
    assert (row["_event_id"], row["currency"]) == ("b1", "USD")
    office.check()


def test_a_conflict_stays_refused_until_it_has_an_id_of_its_own(office: Office) -> None:
    office.service.publish("booking_created", [a_wire("b1")])
    office.service.publish("booking_created", [a_wire("b1", currency="USD")])
    office.ingest(2, letters=1)
    assert office.plan_replay().count(Forecast.UNKNOWN) == 1
    assert office.replay(forecasts={Forecast.PASSES}).sent == 0

    assert office.replay().sent == 1
    office.ingest(1, letters=1)
    assert office.letters() == [("b1", 2, State.OPEN)]
    assert office.only().reason == "id_conflict"

    office.edit(office.only(), {}, **{"ce-id": "b2"})
    assert office.replay().sent == 1
    office.ingest(1)
    assert office.rows() == ["b1", "b2"]
    office.check()


def test_lateness_is_measured_against_the_first_publish_time(office: Office) -> None:
    long_ago = datetime.now(UTC).replace(microsecond=0) - timedelta(days=500)
    letter = a_letter(
        "old",
        FLIGHT,
        first_published_at=long_ago + timedelta(days=1),
        data=encode(FLIGHT, a_flight(scheduled_at=long_ago, departed_at=long_ago)),
    )
    attributes = {**letter.attributes, "ce-time": to_rfc3339(long_ago)}
    keep(office.service.settings, [replace(letter, attributes=attributes)])
    assert office.replay().sent == 1
    office.ingest(1)
    assert len(office.service.rows("flights", "_event_id")) == 1


@pytest.mark.parametrize("remembered", [2, 2_000_000], ids=["beyond the horizon", "within it"])
def test_what_was_written_is_a_duplicate_whenever_it_is_replayed(project: str, tmp_path: Path, remembered: int) -> None:
    #  refused | replayed, written | others written, its id forgotten | replayed again
    office = Office(project, tmp_path, ids_remembered=remembered)
    office.service.publish("booking_created", [a_wire("b1")])
    office.ingest(1, letters=1, registry=KNOWS_ONE_VERSION)
    office.replay()
    office.ingest(1)
    for name in ("b2", "b3", "b4", "b5"):
        office.service.publish("booking_created", [a_wire(name)])
        office.ingest(1)

    assert office.replay(Filter(states=(State.REPLAYED,))).sent == 1
    office.ingest(1)
    assert office.rows() == ["b1", "b2", "b3", "b4", "b5"]
    office.check()


def test_letters_of_many_ordering_keys_keep_theirs(office: Office) -> None:
    letters = [a_timely_letter(f"m{number}", ordering_key=f"k{number % 3}") for number in range(9)]
    keep(office.service.settings, letters)
    assert office.replay().sent == 9
    subscriber, subscription = open_subscriber(), office.service.names.subscription("booking_created")
    found: list[str] = []
    while len(found) < 9:
        pulled = subscriber.pull(subscription=subscription, max_messages=100, timeout=30)
        found += [each.message.ordering_key for each in pulled.received_messages]
    assert sorted(found) == ["k0"] * 3 + ["k1"] * 3 + ["k2"] * 3


def test_letters_that_can_never_be_sent_are_reported_with_their_causes(office: Office) -> None:
    many = {f"n{number}": "x" for number in range(98)}
    letters = [
        a_timely_letter("m1", attributes=many),
        a_timely_letter("m2", subject="no_such_thing"),
        with_attributes(a_timely_letter("m3"), googclient_x="BINARY"),
    ]
    keep(office.service.settings, letters)
    made = office.plan_replay()
    assert made.count(Forecast.UNSENDABLE) == 2
    causes = " | ".join(why for _, _, why in made.causes)
    assert "too many attributes" in causes
    assert "unknown subject" in causes
    assert made.stamped == 1


@pytest.mark.parametrize("failpoint", sorted(REPLAY))
def test_killed_at_a_failpoint_it_goes_on_when_it_is_run_again(office: Office, failpoint: str) -> None:
    names = [f"b{number}" for number in range(12)]
    office.service.publish("booking_created", [a_wire(name) for name in names])
    office.ingest(12, letters=12, registry=KNOWS_ONE_VERSION)

    died = office.command("replay", "--yes", "--json", "--rate", "400", HEADRACE_CRASH_AT=f"{failpoint}:1")
    assert died.returncode == -9, died.stderr
    went_on = office.command("replay", "--yes", "--json")
    assert went_on.returncode == 0, went_on.stderr
    sent = office_sent(json.loads(went_on.stdout))
    waiting = 12 + (12 if failpoint in ("replay_sent", "replay_published") else 0)
    assert sent == (0 if failpoint in ("replay_noted", "replay_ended") else 12)

    office.ingest(waiting)
    assert office.rows() == sorted(names)
    assert office.replay().sent == 0
    office.check()


def office_sent(shown: Mapping[str, Any]) -> int:
    return 0 if shown["result"] is None else int(shown["result"]["sent"])


def test_two_replays_at_once_end_as_one(office: Office) -> None:
    names = [f"b{number}" for number in range(30)]
    office.service.publish("booking_created", [a_wire(name) for name in names])
    office.ingest(30, letters=30, registry=KNOWS_ONE_VERSION)

    plans = [office.plan_replay(), office.plan_replay()]
    results: list[ReplayResult] = []
    threads = [threading.Thread(target=lambda made=made: results.append(office.send(made))) for made in plans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    office.ingest(sum(result.sent for result in results))
    assert office.rows() == sorted(names)
    assert {state for _, _, state in office.letters()} == {State.REPLAYED}
    office.check()


def test_without_a_reader_a_replay_is_sent_only_if_the_user_has_agreed(office: Office) -> None:
    office.service.publish("booking_created", [a_wire("b1"), a_wire("b2")])
    office.ingest(2, letters=2, registry=KNOWS_ONE_VERSION)
    variables = {"HEADRACE_CONTRACTS": str(SAMPLES), "HEADRACE_ARCHIVE_KEY_FILE": str(office.key)}
    replay_all = [*COMMAND, "replay", "--project", office.service.settings.project]

    shown = without_reader([*replay_all, "--dry-run"], variables)
    assert shown.returncode == Exit.READER_GONE
    refused = without_reader(replay_all, variables)
    assert (refused.returncode, "--yes" in refused.stderr) == (Exit.USAGE, True), refused.stderr
    assert {state for _, _, state in office.letters()} == {State.OPEN}

    sent = without_reader([*replay_all, "--yes", "--max", "1"], variables)
    assert (sent.returncode, "replayed 1 letter" in sent.stderr) == (Exit.DONE, True), sent.stderr
    in_json = without_reader([*replay_all, "--yes", "--json"], variables)
    assert (in_json.returncode, "replayed 1 letter" in in_json.stderr) == (Exit.READER_GONE, True), in_json.stderr
    assert {state for _, _, state in office.letters()} == {State.REPLAYED}


def test_the_command_says_what_would_be_done_within_eighty_columns(office: Office) -> None:
    office.service.publish("booking_created", [a_wire("b1"), a_wire("b2")])
    data, attributes = a_wire("b3")
    office.service.publish("booking_created", [(data[:-2], attributes)])
    office.ingest(3, letters=3, registry=KNOWS_ONE_VERSION)

    shown = office.command("replay", "--dry-run", COLUMNS="80")
    assert shown.returncode == 0, shown.stderr
    for word in ("unknown_schema", "would fail", "undecodable_payload"):
        assert word in shown.stdout
    assert "dead-letters edit" in shown.stderr
    lines = [line for line in (shown.stdout + shown.stderr).splitlines() if not line.startswith("using emulators")]
    assert max(map(len, lines)) <= 80
    assert office.letters() == [(name, 1, State.OPEN) for name in ("b1", "b2", "b3")]
    refused = office.service.settings.model_copy(update={"archive_dataset": "not_there"})
    assert "provision" in office.command("replay", "--dry-run", HEADRACE_ARCHIVE_DATASET=refused.archive_dataset).stderr

"""F17 to F30: what may be wrong with messages, alone and among good ones."""

from __future__ import annotations

import base64
import struct
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from tests.faults.mix import Message
from tests.faults.world import World, until
from tests.support.builders import BOOKING, a_booking, encode

pytestmark = [pytest.mark.emulators, pytest.mark.faults]


def run(world: World, messages: list[Message], **settings: str) -> None:
    """Publish everything, let the engine come to rest, and check."""
    world.publish(messages)
    world.check(world.settle(world.start(wait=True, **settings)))


@pytest.mark.faults_quick
def test_f17_the_same_event_twice_in_one_batch_and_across_batches(world: World) -> None:
    messages = [world.mix.flight() for _ in range(150)]
    near = [world.mix.again(message) for message in messages[:50]]
    far = [world.mix.again(message) for message in messages[:50]]
    world.publish([message for pair in zip(messages[:50], near, strict=True) for message in pair] + messages[50:])
    engine = world.start()
    until(world.is_settled, engine)
    world.publish(far)
    world.check(world.settle(engine))
    assert world.tallied()["flight_departed", "duplicate", None] == 100


def test_f17_the_same_event_before_and_after_a_restart_without_a_journal(world: World) -> None:
    messages = [world.mix.flight() for _ in range(150)]
    run(world, messages)
    run(world, [world.mix.again(message) for message in messages], journal=str(world.folder / "another-journal"))
    assert world.tallied()["flight_departed", "duplicate", None] == 150


@pytest.mark.faults_quick
def test_f18_one_id_and_two_payloads(world: World) -> None:
    messages = [world.mix.flight() for _ in range(100)]
    conflicting = [world.mix.conflicting(message) for message in messages[:20]]
    run(world, [*messages, *conflicting])
    assert world.tallied()["flight_departed", "dead_lettered", "id_conflict"] == 20


def test_f18_a_conflict_is_written_when_its_rival_goes_with_the_table_before_the_letter_is_counted(
    world: World,
) -> None:
    messages = [world.mix.flight() for _ in range(20)]
    run(world, messages)
    world.publish([world.mix.conflicting(message) for message in messages])
    world.crash("letters_published:1")
    world.removing_rows_at_work("flight_departed", owed=True)
    world.bigquery.delete_table(world.names.sql("flights").strip("`"))
    world.provision()
    evidence = world.settle(world.start())
    world.check(evidence)
    conflicts = evidence.tallies.get(("flight_departed", "dead_lettered", "id_conflict"), 0)
    assert (len(evidence.rows), conflicts, len(evidence.letters)) == (20, 0, 20)


@pytest.mark.faults_quick
def test_f20_late_events_go_to_the_partition_of_their_own_time(world: World) -> None:
    ages = [timedelta(seconds=1), timedelta(hours=1), timedelta(days=30), timedelta(days=399)]
    late = [world.mix.flight(scheduled_at=world.mix.now - age, departed_at=None) for age in ages]
    run(world, [world.mix.flight(), *late, *(world.mix.late() for _ in range(3)), world.mix.flight()])
    query = (
        f"SELECT COUNT(DISTINCT DATE(_event_time)) AS days FROM {world.names.sql('flights')} WHERE departed_at IS NULL"
    )
    assert world.query(query)[0]["days"] == len({(world.mix.now - age).date() for age in ages})


@pytest.mark.faults_quick
def test_f21_times_out_of_bounds_affect_no_other_events(world: World) -> None:
    mix = world.mix
    now = datetime.now(UTC).replace(microsecond=0)
    ahead = [now + timedelta(hours=1), now + timedelta(days=365), datetime(9999, 12, 31, tzinfo=UTC)]
    early = [mix.flight(outcome="in_the_future", scheduled_at=at, departed_at=None) for at in ahead]
    ancient = mix.flight(outcome="too_late", scheduled_at=datetime(1950, 1, 1, tzinfo=UTC), departed_at=None)
    beyond = [
        mix.faulty(mix.flight(), "undecodable_payload", _moved(mix.flight(), micros)) for micros in (2**62, -(2**62))
    ]
    run(world, [mix.flight(), *early, ancient, *beyond, *(mix.flight() for _ in range(50))])


def _moved(message: Message, micros: int) -> bytes:
    """The payload with another ``scheduled_at``: the first long after five fields."""
    from tests.support.hostile import long

    at = message.sent.row["_event_time"] if message.sent.row else 0
    old = long(round(at * 1_000_000))
    assert message.data.count(old) == 1
    return message.data.replace(old, long(micros))


def test_f23_a_payload_that_would_overflow_a_decoders_stack(world: World) -> None:
    deep = b"\x02" * 5_000 + b"\x00"
    good = [world.mix.flight() for _ in range(50)]
    run(world, [*good, world.mix.faulty(good[0], "undecodable_payload", deep)])


@pytest.mark.faults_quick
def test_f24_truncated_everywhere_longer_and_empty(world: World) -> None:
    good = [world.mix.flight() for _ in range(20)]
    model = good[0]
    cut = [model.data[:length] for length in range(len(model.data))]
    longer = [model.data + b"\x00" * extra for extra in (1, 7, 300)]
    bad = [world.mix.faulty(model, "undecodable_payload", data) for data in [*cut, *longer]]
    run(world, [*good, *bad])


@pytest.mark.faults_quick
def test_f25_hostile_counts_and_lengths(world: World) -> None:
    good = [world.mix.flight() for _ in range(20)]
    huge = [
        struct.pack("10s", b"\xff" * 9 + b"\x01"),
        b"\x80" * 11 + b"\x01",
        b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    ]
    flights = [world.mix.faulty(good[0], "undecodable_payload", prefix + good[0].data) for prefix in huge]
    run(world, [*good, *flights, *_hostile_bookings(world)])


def _hostile_bookings(world: World) -> list[Message]:
    """A booking cut before its arrays, with counts there that promise the world."""
    fields = a_booking(created_at=world.mix.now - timedelta(days=1))
    model = world.mix.booking(2, fields)
    whole = encode(BOOKING, fields)
    start = whole.index(b"X1234567") - 20
    counts = [b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\x80\x80\x80\x80\x80\x40", b"\x01", b"\xff" * 9 + b"\x01"]
    return [world.mix.faulty(model, "undecodable_payload", whole[:start] + count * 8) for count in counts]


@pytest.mark.faults_quick
def test_f26_unknown_schemas(world: World) -> None:
    good = [world.mix.flight() for _ in range(60)]
    refs = ["headrace:flight_departed:99", "headrace:no_such_thing:1", "headrace:booking_created:2"]
    bad = [world.mix.faulty(good[0], "unknown_schema", ce_dataschema=ref, ce_type=ref.split(":")[1]) for ref in refs]
    run(world, [*good, *bad])


@pytest.mark.faults_quick
def test_f27_missing_and_odd_attributes(world: World) -> None:
    mix = world.mix
    good = [mix.flight() for _ in range(30)]
    model = good[0]
    changes: list[dict[str, str | None]] = [
        {"ce_id": None},
        {"ce_id": ""},
        {"ce_time": None},
        {"ce_time": "yesterday"},
        {"ce_source": None},
        {"ce_dataschema": None},
        {"content_type": "application/json"},
    ]
    bad = [mix.faulty(model, "malformed_envelope", None, **change) for change in changes]
    upper = {"ce_id": None, "CE_ID": "upper-case"}
    bad.append(mix.faulty(model, "malformed_envelope", None, **upper))
    text = mix.faulty(model, "undecodable_payload", base64.b64encode(b"\xff\xfe" * 40))
    run(world, [*good, *bad, text])


PRODUCER = """
import os, sys
from datetime import UTC, datetime, timedelta
from headrace.producers import EventProducer, PubSubPublisher
from tests.support.builders import PACKAGE, a_flight

producer = EventProducer(PubSubPublisher(sys.argv[1]), source="/faults", contracts=PACKAGE)
start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=3)
for number in range(100_000):
    at = start + timedelta(seconds=number)
    sent = producer.publish("flight_departed", a_flight(flight=number, scheduled_at=at, departed_at=None))
    note = lambda future, number=number: os.write(1, f"{number} {future.exception() is None}\\n".encode())
    sent.add_done_callback(note)  # one write a line: callbacks come from several threads
"""


def test_f28_a_producer_is_killed_while_it_publishes(world: World) -> None:
    producer = subprocess.Popen(
        [sys.executable, "-c", PRODUCER, world.project],
        env={**world.environment, **world.places.environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert producer.stdout is not None
    confirmed = [next(producer.stdout) for _ in range(world.mix.chance.randrange(200, 1_500))]
    producer.kill()
    confirmed += producer.stdout.readlines()
    producer.wait()
    sure = {int(line.split()[0]) for line in confirmed if line.split()[1:] == ["True"]}

    engine = world.start()
    query = f"SELECT flight FROM {world.names.sql('flights')}"
    until(lambda: sure <= {row["flight"] for row in world.query(query)}, engine)
    assert engine.drain() == 0
    flights = [row["flight"] for row in world.query(query)]
    assert len(flights) == len(set(flights))


def test_f30_rows_over_the_limit_and_batches_over_the_limit(world: World) -> None:
    mix = world.mix
    small = [mix.flight() for _ in range(30)]
    wide = [mix.flight(tail_number="w" * 250_000) for _ in range(60)]
    over = mix.flight(outcome="row_too_large", tail_number="o" * 9_200_000)  # a request has 9 MB at most
    for message in [*small, over, *wide]:
        world.publish([message])
    world.check(world.settle(world.start(round_messages="1000")))

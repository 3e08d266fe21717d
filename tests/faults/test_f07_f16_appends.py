"""F07 to F16: what BigQuery may answer to an append; scripted answers in front of the emulator's tables."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import grpc
import pytest

from tests.faults import scripted_answers as answers
from tests.faults.mix import Message
from tests.faults.proxy import a_proxy
from tests.faults.scripted_behind import streams_behind
from tests.faults.scripted_streams import ScriptedServer, a_client, a_scripted_server
from tests.faults.world import ACK_SECONDS, World, until

pytestmark = [pytest.mark.emulators, pytest.mark.faults]
FLIGHTS = "flights"
OFFENDING = 66_666  # a flight number that the scripted BigQuery refuses


@contextmanager
def scripted(world: World) -> Iterator[ScriptedServer]:
    """A server with a script between the engine and the emulator."""
    with streams_behind(world.places.grpc) as behind, a_scripted_server(behind) as server:
        world.route = replace(world.route, grpc=server.address)
        yield server


def offending(world: World) -> Message:
    return world.mix.flight(outcome="refused_by_bigquery", flight=OFFENDING)


def guilty_among(world: World, good: int) -> list[Message]:
    messages = [world.mix.flight() for _ in range(good)]
    messages.insert(world.mix.chance.randrange(good), offending(world))
    return messages


@pytest.mark.faults_quick
def test_f07_unavailable_for_a_while(world: World) -> None:
    with scripted(world) as server:
        server.script.add(answers.abort(grpc.StatusCode.UNAVAILABLE), times=4, table=FLIGHTS)
        world.publish(world.mix.everything(flights=240, booked=60))
        engine = world.start()
        world.check(world.settle(engine))
        assert server.script.applied == 4
        assert engine.has_logged("blocked", FLIGHTS)


def test_f08_resource_exhausted_longer_than_a_lease(world: World) -> None:
    with scripted(world) as server:
        server.script.add(answers.answer(grpc.StatusCode.RESOURCE_EXHAUSTED), times=None, table=FLIGHTS)
        world.publish(world.mix.everything(flights=600, booked=0))
        engine = world.start()
        until(lambda: engine.has_logged("blocked", FLIGHTS), engine)
        memory, began = engine.memory, time.monotonic()
        until(lambda: time.monotonic() - began > ACK_SECONDS + 4, engine)
        assert engine.memory < memory * 1.5
        assert world.count("flight_departed") == 0
        server.script.clear()
        until(world.is_settled, engine)
        assert engine.counted("flight_departed", "redelivered") == 0, "leases were kept"
        world.check(world.settle(engine))


@pytest.mark.faults_quick
def test_f09_the_answer_is_lost_although_the_rows_are_written(world: World) -> None:
    with a_proxy(world.places.grpc) as proxy:
        world.route = replace(world.places, grpc=proxy.address)
        engine = world.start()
        world.publish([world.mix.flight()])
        until(lambda: world.count("flight_departed") == 1, engine)  # its write stream is open
        proxy.swallow_answers = True
        world.publish(world.mix.everything(flights=240, booked=20))
        until(lambda: world.count("flight_departed") > 1, engine)
        until(lambda: engine.has_logged("blocked"), engine)
        proxy.heal()
        world.check(world.settle(engine))


@pytest.mark.faults_quick
def test_f10_one_row_of_a_batch_is_refused_by_its_index(world: World) -> None:
    with scripted(world) as server:
        server.script.add(answers.refuse_rows(lambda row: row["flight"] == OFFENDING), times=None, table=FLIGHTS)
        world.publish(guilty_among(world, 499))
        world.check(world.settle(world.start(round_messages="1000")))


@pytest.mark.faults_quick
def test_f11_a_batch_is_refused_and_no_row_is_named(world: World) -> None:
    with scripted(world) as server:
        server.script.add(answers.refuse_batch(lambda row: row["flight"] == OFFENDING), times=None, table=FLIGHTS)
        world.publish(guilty_among(world, 499))
        world.check(world.settle(world.start(round_messages="1000")))
        holding = [
            append for append in server.script.seen if append.table == FLIGHTS and OFFENDING in append.values("flight")
        ]
        assert 1 < len(holding) <= 2 * math.log2(500) + 1


def test_f11_killed_while_the_guilty_row_is_looked_for(world: World) -> None:
    with scripted(world) as server:
        server.script.add(answers.refuse_batch(lambda row: row["flight"] == OFFENDING), times=None, table=FLIGHTS)
        world.publish(guilty_among(world, 199))
        world.crash("refusal_published:1", round_messages="1000")
        world.check(world.settle(world.start(round_messages="1000")))


@pytest.mark.faults_quick
def test_f12_a_column_that_the_table_lacks_is_never_dropped_in_silence(world: World) -> None:
    with scripted(world) as server:
        extra = answers.answer(grpc.StatusCode.INVALID_ARGUMENT, "SCHEMA_MISMATCH_EXTRA_FIELDS")
        server.script.add(extra, times=None, table=FLIGHTS)
        world.publish(world.mix.everything(flights=120, booked=20))
        engine = world.start()
        until(lambda: engine.has_logged("blocked", FLIGHTS), engine)
        assert world.count("flight_departed") == 0
        server.script.clear()
        world.check(world.settle(engine))


def test_f13_the_service_mentions_a_new_column(world: World) -> None:
    with scripted(world) as server:
        server.script.add(answers.with_updated_schema("gate"), times=None, table=FLIGHTS)
        world.publish(world.mix.everything(flights=240, booked=20))
        world.check(world.settle(world.start()))
        assert server.script.applied >= 1  # rounds that wait are appended together


@pytest.mark.faults_quick
def test_f14_a_stream_is_finalised_under_us(world: World) -> None:
    world.publish(world.mix.everything(flights=400, booked=40))
    engine = world.start()
    until(lambda: world.count("flight_departed") > 0, engine)
    with a_client(world.places.grpc) as client:
        for stream in world.announced_streams():
            client.finalize_write_stream(name=stream, retry=None)
    world.publish(world.mix.everything(flights=400, booked=40))
    world.check(world.settle(engine))


@pytest.mark.parametrize("storage", ["STREAM_FINALIZED", "STREAM_NOT_FOUND", "INVALID_STREAM_STATE"])
def test_f14_a_stream_is_reported_gone(world: World, storage: str) -> None:
    with scripted(world) as server:
        server.script.add(answers.answer(grpc.StatusCode.INVALID_ARGUMENT, storage), times=2, table=FLIGHTS)
        world.publish(world.mix.everything(flights=240, booked=20))
        world.check(world.settle(world.start()))
        assert server.script.applied == 2


@pytest.mark.faults_quick
def test_f15_an_offset_out_of_range_halts_and_nothing_is_acknowledged(world: World) -> None:
    with scripted(world) as server:
        out = answers.answer(grpc.StatusCode.OUT_OF_RANGE, "OFFSET_OUT_OF_RANGE")
        server.script.add(out, times=None, table=FLIGHTS)
        world.publish([world.mix.flight() for _ in range(100)])
        engine = world.start(wait=False)
        assert engine.wait() == 6
        assert engine.has_logged("streams/", "offset 0"), engine.tail()
        world.mourn()
        evidence = world.owed()
        assert evidence.pending == {message.probe for message in world.sent}
        world.check(evidence)


@pytest.mark.faults_quick
def test_f16_a_missing_table_blames_no_event(world: World) -> None:
    table = f"{world.project}.headrace.flights"
    kept = world.bigquery.get_table(table)
    world.bigquery.delete_table(table)
    world.publish([world.mix.flight() for _ in range(100)])
    engine = world.start()
    until(lambda: engine.has_logged("blocked", FLIGHTS), engine)
    world.bigquery.create_table(kept)
    world.check(world.settle(engine))


@pytest.mark.parametrize("status", [grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.NOT_FOUND])
def test_f16_a_missing_permission_blames_no_event(world: World, status: grpc.StatusCode) -> None:
    with scripted(world) as server:
        server.script.add(answers.abort(status), times=4, table=FLIGHTS)
        world.publish(world.mix.everything(flights=100, booked=20))
        world.check(world.settle(world.start()))
        assert server.script.applied == 4


def test_f16_a_permission_taken_away_for_longer(world: World) -> None:
    with scripted(world) as server:
        server.script.add(answers.answer(grpc.StatusCode.PERMISSION_DENIED), times=None, table=FLIGHTS)
        world.publish(world.mix.everything(flights=100, booked=20))
        engine = world.start()
        until(lambda: engine.has_logged("blocked", FLIGHTS, "updateData"), engine)
        world.publish(world.mix.everything(flights=100, booked=20))
        assert world.count("flight_departed") == 0
        server.script.clear()
        world.check(world.settle(engine))

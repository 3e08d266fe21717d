"""F05 and F06: Pub/Sub or BigQuery is killed under a running engine, and comes back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from headrace.dev.pubsub_services import PubsubService
from tests.faults.oracle import Sent
from tests.faults.places import Places
from tests.faults.servers import BigQuery, PubSub, a_bigquery, a_pubsub
from tests.faults.world import a_world, until
from tests.support.google_emulator import NEEDS_GOOGLE_EMULATOR

pytestmark = [pytest.mark.emulators, pytest.mark.faults]


@pytest.fixture
def mortal_pubsub(tmp_path: Path) -> Iterator[PubSub]:
    with a_pubsub(tmp_path / "pubsub", PubsubService.GOOGLE_EMULATOR) as server:
        yield server


@pytest.fixture
def mortal_bigquery(tmp_path: Path) -> Iterator[BigQuery]:
    with a_bigquery(tmp_path / "bigquery") as server:
        yield server


@NEEDS_GOOGLE_EMULATOR
def test_f05_pubsub_comes_back_empty(
    tmp_path: Path, seed: int, project: str, places: Places, mortal_pubsub: PubSub
) -> None:
    print(f"FAULTS_SEED={seed}")
    with a_world(tmp_path, seed, project, replace(places, pubsub=mortal_pubsub.address)) as world:
        engine = world.start()
        world.publish(world.mix.everything(flights=120, booked=20))
        until(world.is_settled, engine)
        world.collect_letters()
        world.publish([world.mix.flight() for _ in range(200)])
        mortal_pubsub.kill()
        lost_by_the_broker: list[Sent] = world.sent[-200:]
        world.sent[-200:] = [replace(each, indeterminate=True) for each in lost_by_the_broker]
        mortal_pubsub.start()
        gone = "subscriptions/headrace-flight_departed: the subscription does not exist"
        until(lambda: engine.has_logged("blocked", gone), engine)
        world.provision()
        received, fresh = world.received(), world.mix.everything(flights=120, booked=20)
        world.publish(fresh)
        until(lambda: world.received() >= received + len(fresh), engine)  # counts of what was lost must not hide it
        evidence = world.settle(engine)
        world.check(replace(evidence, letters_may_repeat=True))


@pytest.mark.timeout(120)
def test_f06_bigquery_is_killed_in_the_middle_of_appends(
    tmp_path: Path, seed: int, project: str, places: Places, mortal_bigquery: BigQuery
) -> None:
    print(f"FAULTS_SEED={seed}")
    own = replace(places, rest=mortal_bigquery.rest, grpc=mortal_bigquery.grpc)
    with a_world(tmp_path, seed, project, own) as world:
        world.publish(world.mix.everything(flights=1_500, booked=60))
        engine = world.start()
        until(lambda: world.count("flight_departed") > world.mix.chance.randrange(0, 600), engine)
        mortal_bigquery.kill()
        until(lambda: engine.has_logged("blocked"), engine)
        mortal_bigquery.start()
        world.check(world.settle(engine))

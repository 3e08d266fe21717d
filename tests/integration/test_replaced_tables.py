"""A table recreated, emptied or restored under an engine's journal: what was remembered of it no longer holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.cloud import bigquery

from headrace.audit.reconcile import SubjectAudit, count_subjects
from headrace.backfill.build_backfill import Reading, build_backfill
from headrace.engine import loops
from headrace.engine.embedded import Embedded, Progress
from headrace.engine.journal_errors import JournalError
from headrace.engine.table_watch import TableReplacedError
from headrace.runtime.google_clients import open_bigquery
from tests.integration.test_backfill import Place
from tests.integration.test_backfill import flights as flights_of_history
from tests.integration.test_service import flight_message
from tests.support.builders import FLIGHT
from tests.support.files import as_csv
from tests.support.jobs import a_key, wait_for
from tests.support.service import Service, a_service

pytestmark = pytest.mark.emulators
MESSAGES = [flight_message(f"flight-{number}", flight=number) for number in range(40)]


def client_of(service: Service) -> bigquery.Client:
    return open_bigquery(service.settings.project)


def recreate_table(service: Service) -> None:
    client_of(service).delete_table(service.names.sql("flights").strip("`"))
    service.provision()


def recreate_dataset(service: Service) -> None:
    client_of(service).delete_dataset(f"{service.settings.project}.headrace", delete_contents=True)
    service.provision()


def emptied(service: Service) -> None:
    client_of(service).query_and_wait(f"TRUNCATE TABLE {service.names.sql('flights')}")


def restored_to_an_earlier_state(service: Service) -> None:
    #  |flights 0 to 19|copied|flights 20 to 39|the copy in the place of the table|
    client, table = client_of(service), service.names.sql("flights")
    client.query_and_wait(f"CREATE TABLE {table[:-1]}_copy` AS SELECT * FROM {table} WHERE flight < 20")
    client.delete_table(table.strip("`"))
    service.provision()
    client.query_and_wait(f"INSERT INTO {table} SELECT * FROM {table[:-1]}_copy`")


def audited(service: Service) -> SubjectAudit:
    audits = count_subjects(service.registry, service.names, client_of(service))
    return next(each for each in audits if each.subject == "flight_departed")


def flights(service: Service) -> list[int]:
    return sorted(row["flight"] for row in service.rows("flights", "flight"))


@pytest.mark.parametrize("happens", [recreate_table, recreate_dataset, emptied, restored_to_an_earlier_state])
def test_events_that_are_published_again_are_written_to_a_table_without_them(
    project: str, happens: Callable[[Service], None]
) -> None:
    service = a_service(project)
    service.publish("flight_departed", MESSAGES[:20])
    service.run_until(acknowledged=20)
    service.publish("flight_departed", MESSAGES[20:])
    service.run_until(acknowledged=20)
    happens(service)
    kept = flights(service)

    service.publish("flight_departed", MESSAGES)
    engine = service.run_until(acknowledged=40)

    assert flights(service) == list(range(40))
    (notice,) = engine.status.subjects["flight_departed"].notices.values()
    assert "flights`: " in notice
    assert "looked up in it from now on" in notice
    found = audited(service)
    assert found.duplicates == len(kept)
    if happens is not recreate_dataset:
        assert [each.partition(" (")[0] for each in found.differences] == [f"lost: {40 - len(kept)} in 1 window"]


def test_a_recreated_table_is_noticed_by_a_running_engine(project: str) -> None:
    service = a_service(project)
    service.publish("flight_departed", MESSAGES)
    messages: list[str] = []
    steps = iter(("gone", "recreated", "noticed"))
    step = next(steps)

    def next_step(engine: Embedded) -> bool:
        nonlocal step
        status = engine.status.subjects["flight_departed"]
        if step == "gone" and engine.progress.acknowledged >= 40:
            client_of(service).delete_table(service.names.sql("flights").strip("`"))
            step = next(steps)
        elif step == "recreated" and any("does not exist" in each for each in status.in_the_way.values()):
            messages.extend(status.in_the_way.values())
            assert not engine.status.ready
            service.provision()
            step = next(steps)
        elif step == "noticed" and status.notices and not status.in_the_way:
            service.publish("flight_departed", MESSAGES)
            step = ""
        return engine.progress.acknowledged >= 80

    engine = run_looking_often(service, next_step)

    assert flights(service) == list(range(40))
    assert engine.status.subjects["flight_departed"].counts["duplicate"] == 0
    assert any("provision" in each for each in messages)


def test_a_table_emptied_under_a_running_engine_is_noticed(project: str) -> None:
    service = a_service(project)
    service.publish("flight_departed", MESSAGES)
    steps = iter(("emptied", "noticed"))
    step = next(steps)

    def next_step(engine: Embedded) -> bool:
        nonlocal step
        if step == "emptied" and engine.progress.acknowledged >= 40:
            emptied(service)
            step = next(steps)
        elif step == "noticed" and engine.status.subjects["flight_departed"].notices:
            service.publish("flight_departed", MESSAGES)
            step = ""
        return engine.progress.acknowledged >= 80

    run_looking_often(service, next_step)
    assert flights(service) == list(range(40))


@pytest.mark.parametrize("happens", [recreate_table, emptied])
def test_a_table_not_checked_for_long_is_checked_before_messages_are_decided_on(
    project: str, monkeypatch: pytest.MonkeyPatch, happens: Callable[[Service], None]
) -> None:
    #  as with hundreds of subjects: 40 written|recreated, and no look|40 again
    monkeypatch.setattr(loops, "watch_on", lambda watches, stop, seconds: stop.wait())
    service = a_service(project)
    service.publish("flight_departed", MESSAGES)
    again = False

    def next_step(engine: Embedded) -> bool:
        nonlocal again
        watch = engine._loops._tasks._watched["flight_departed"]
        if engine.progress.acknowledged >= 40 and not again:
            happens(service)
            wait_for(lambda: watch.seen(2 * engine.look_seconds) is None)
            service.publish("flight_departed", MESSAGES)
            again = True
        return engine.progress.acknowledged >= 80

    run_looking_often(service, next_step)
    assert flights(service) == list(range(40))


def run_looking_often(service: Service, done: Callable[[Embedded], bool]) -> Embedded:
    def settings(engine: Embedded) -> Any:
        engine.look_seconds = engine.witness_seconds = 0.2

    return service.run_when(done, settings)


def test_rows_that_are_gone_with_their_tallies_are_still_reported_lost(project: str) -> None:
    #  |40 written|whole dataset recreated|10 of them again|whole dataset recreated|nothing|
    service = a_service(project)
    service.publish("flight_departed", MESSAGES)
    service.run_until(acknowledged=40)

    recreate_dataset(service)
    service.publish("flight_departed", MESSAGES[:10])
    service.run_until(acknowledged=10)
    found = audited(service)
    assert (found.received, found.written, found.rows) == (10, 10, 10)
    assert found.differences == ["lost: 40 in 1 window (tallied as written, but without a row)"]

    recreate_dataset(service)
    service.publish("flight_departed", MESSAGES[:1])
    service.run_until(acknowledged=1)
    assert [each.partition(" in")[0] for each in audited(service).differences] == ["lost: 10"]


def test_a_recreated_table_of_tallies_leaves_rows_unexplained_and_loses_nothing_that_waits(project: str) -> None:
    service = a_service(project)
    service.publish("flight_departed", MESSAGES[:30])
    service.run_until(acknowledged=30)
    client_of(service).delete_table(service.names.sql("headrace_tallies").strip("`"))
    service.provision()

    service.publish("flight_departed", MESSAGES)
    engine = service.run_until(acknowledged=40)

    assert "headrace_tallies" in engine.status.subjects["tallies"].notices["table"]
    found = audited(service)
    assert (found.received, found.written, found.duplicates, found.rows) == (40, 10, 30, 40)
    assert [each.partition(" in")[0] for each in found.differences] == ["unexplained: 30"]


def test_a_journal_of_another_dataset_is_refused_and_nothing_in_it_lands_elsewhere(project: str) -> None:
    service = a_service(project)
    service.run_when(lambda engine: engine.status.ready)
    other = a_service(f"{project}-other", journal=service.settings.journal)
    with pytest.raises(JournalError, match=f"the journal of projects/{project}/datasets/headrace, and the settings"):
        other.engine().run()


def test_a_backfill_starts_again_for_a_recreated_table(project: str, tmp_path: Path) -> None:
    place = Place(project, tmp_path)
    file = tmp_path / "history.csv"
    as_csv(file, FLIGHT, flights_of_history(60))
    assert place.backfill(file).counts["written"] == 60
    assert place.backfill(file).counts["settled_before"] == 60

    recreate_table(place.service)
    counts = place.backfill(file).counts
    assert (counts["settled_before"], counts["written"], counts["duplicates"]) == (0, 60, 0)


def test_a_backfill_ends_when_its_table_is_recreated_meanwhile(project: str, tmp_path: Path) -> None:
    service = a_service(project)
    file = tmp_path / "history.csv"
    as_csv(file, FLIGHT, flights_of_history(3_000))
    key = a_key(tmp_path)
    changes = {"masking_key_file": key, "journal": tmp_path / "backfill", "round_messages": 10}
    settings = service.settings.model_copy(update=changes)

    def reading() -> Reading:
        return Reading.of(settings, "flight_departed", [str(file)], None)

    engine, _ = build_backfill(settings, reading())
    done: list[int] = []

    def recreate(progress: Progress) -> None:
        if progress.acknowledged >= 10 and not done:
            done.append(progress.acknowledged)
            recreate_table(service)

    engine.on_progress, engine.look_seconds = recreate, 0.2
    with pytest.raises(TableReplacedError, match="run the command again: it begins at the first line"):
        engine.run()
    engine.journal.close()

    again, source = build_backfill(settings.model_copy(update={"round_messages": 1_000}), reading())
    again.run()
    assert source.settled_before == 0
    ids = [row["_event_id"] for row in service.rows("flights", "_event_id")]
    assert (len(ids), len(set(ids))) == (3_000, 3_000)

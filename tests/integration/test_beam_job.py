"""The job that Dataflow gets, run on both emulators: state, timers, committed streams, dead letters and tallies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pyarrow as pa
import pytest
from google.cloud import bigquery
from google.rpc import code_pb2

from headrace.audit.reconcile import SubjectAudit, audit, count_subjects
from headrace.audit.scope import Scope
from headrace.beam import pages
from headrace.beam.pages import PagedQueue, PlacedBatch
from headrace.bigquery.append_result import Answer, AppendResult, interpret
from headrace.bigquery.write_streams import Rows, WriteStreams
from headrace.core.dead_letter import PREFIX
from headrace.engine.continuity import Continuity
from headrace.engine.pubsub_calls import Subscription
from headrace.engine.puller import Puller
from headrace.engine.status import SubjectStatus
from headrace.job import Job, job_for
from headrace.runtime.clock import now_micros
from headrace.runtime.google_clients import open_bigquery, open_subscriber, open_write
from headrace.schemas.sequence import ATTRIBUTE, SequenceNumber
from tests.integration.test_service import flight_message
from tests.support.beam_engine import BeamEngine, NamedKey
from tests.support.service import Service, a_service

pytestmark = pytest.mark.emulators
SHARDS = 4


def the_job(service: Service) -> Job:
    return replace(job_for(service.settings, service.registry, NamedKey("masking"), now_micros), shards=SHARDS)


def the_pullers(service: Service) -> list[Puller]:
    subscriber = open_subscriber()
    return [
        Puller(
            Subscription(subscriber, service.names.subscription(subject)),
            subject,
            status=SubjectStatus(subject),
            continuity=Continuity(service.names.topic(subject), lambda: 0),
        )
        for subject in service.registry.subjects
    ]


def run_until(service: Service, acknowledged: int) -> None:
    engine = BeamEngine(the_job(service), NamedKey("sealing"), the_pullers(service), acknowledged)
    accounted: list[tuple[int, int]] = []

    def account(count: int) -> None:
        accounted.append((count, sum(map(accounted_for, counts(service).values()))))

    engine.on_acknowledged = account
    engine.run()
    assert engine.acknowledged == acknowledged
    assert [each for each in accounted if each[0] > each[1]] == [], "acknowledged before it was accounted for"


def accounted_for(subject: SubjectAudit) -> int:
    """How many of its messages have their outcome."""
    return subject.written + subject.duplicates + subject.dropped + subject.dead_lettered.total()


def counts(service: Service) -> dict[str, SubjectAudit]:
    found = count_subjects(service.registry, service.names, open_bigquery(service.settings.project))
    return {each.subject: each for each in found}


def test_the_beam_job_writes_each_event_once_and_accounts_for_every_message(project: str) -> None:
    service = a_service(project)
    messages = [flight_message(f"flight-{number}", flight=number) for number in range(900)]
    conflict = flight_message("flight-7", flight=70_007)
    truncated = (messages[0][0][:-2], messages[0][1])
    service.publish("flight_departed", [*messages, *messages[:40], conflict, truncated])

    run_until(service, acknowledged=942)

    rows = service.rows("flights", "_event_id, flight")
    assert sorted(row["flight"] for row in rows) == list(range(900))
    letters = {letter.attributes[f"{PREFIX}reason"]: letter.data for letter in service.dead_letters(2)}
    assert letters == {"id_conflict": conflict[0], "undecodable_payload": truncated[0]}
    flights = counts(service)["flight_departed"]
    assert (flights.received, flights.written, flights.duplicates) == (942, 900, 40)
    assert flights.dead_lettered == {"id_conflict": 1, "undecodable_payload": 1}
    assert flights.differences == []


def test_what_waits_in_pages_after_a_stall_is_written_once(project: str, monkeypatch: pytest.MonkeyPatch) -> None:
    #  pages of a few rows, and no append is answered at first; some of them arrive
    service = a_service(project)
    service.publish("flight_departed", [flight_message(f"flight-{number}", flight=number) for number in range(1200)])
    monkeypatch.setattr(pages, "APPEND_BYTES", 10_000)
    monkeypatch.setattr(WriteStreams, "append", _unanswered(WriteStreams.append, times=16))
    stored = Counter[int]()
    monkeypatch.setattr(PagedQueue, "_put", _noting(PagedQueue._put, stored))

    run_until(service, acknowledged=1200)

    assert sorted(row["flight"] for row in service.rows("flights", "flight")) == list(range(1200))
    assert max(stored) > 3, "several pages waited at a key"
    flights = counts(service)["flight_departed"]
    assert (flights.written, flights.differences) == (1200, [])


def _unanswered(append: Callable[..., Answer], times: int) -> Callable[..., Answer]:
    """The first so many answers are lost, and of every second one the request too."""
    calls = count()

    def lossy(self: WriteStreams, stream: str, offset: int, rows: Rows) -> Answer:
        call = next(calls)
        if call >= times:
            return append(self, stream, offset, rows)
        if call % 2:
            append(self, stream, offset, rows)
        return Answer(code_pb2.UNAVAILABLE)

    return lossy


def _noting(put: Callable[..., None], stored: Counter[int]) -> Callable[..., None]:
    def noting(self: PagedQueue, placed: Iterable[PlacedBatch]) -> None:
        taken = list(placed)
        stored.update(each.number for each in taken)
        put(self, taken)

    return noting


def test_events_that_an_earlier_job_has_written_are_not_written_again(project: str) -> None:
    service = a_service(project)
    messages = [flight_message(f"flight-{number}", flight=number) for number in range(60)]
    service.publish("flight_departed", messages)
    run_until(service, acknowledged=60)

    conflict = flight_message("flight-7", flight=70_007)
    service.publish("flight_departed", [*messages[:40], conflict, flight_message("flight-60", flight=60)])
    run_until(service, acknowledged=42)  # its state is new

    assert sorted(row["flight"] for row in service.rows("flights", "flight")) == list(range(61))
    flights = counts(service)["flight_departed"]
    assert (flights.written, flights.duplicates, flights.dead_lettered) == (61, 40, {"id_conflict": 1})
    assert flights.differences == []


def test_streams_of_the_emulator_answer_as_the_ledger_expects(project: str) -> None:
    table = bigquery.Table(f"{project}.headrace.numbers", [bigquery.SchemaField("number", "INT64")])
    service = a_service(project)
    open_bigquery(project).create_table(table)
    streams = WriteStreams(open_write(project), append_seconds=30)
    rows = Rows.of(pa.RecordBatch.from_pydict({"number": [1, 2]}))

    stream = streams.create(service.names.table("numbers"))
    results = [interpret(streams.append(stream, offset, rows), attempted=True) for offset in (0, 0, 5)]
    assert results == [AppendResult.WRITTEN, AppendResult.WRITTEN, AppendResult.HALT]
    assert [streams.finalise(stream), streams.finalise(stream)] == [2, 2]
    assert interpret(streams.append(stream, 2, rows), attempted=True) is AppendResult.STREAM_GONE
    assert streams.finalise(f"{stream}-never") is None
    streams.close_all()
    assert len(service.rows("numbers")) == 2


def test_the_beam_job_tallies_the_numbers_of_every_message_that_arrives(project: str) -> None:
    #  written, a duplicate, a dead letter, one whose number cannot be read, and number 4 never sent
    service = a_service(project)
    messages = [flight_message(f"flight-{number}", flight=number) for number in range(7)]
    numbered = [
        (data, attributes | {ATTRIBUTE: str(SequenceNumber("a1", number))})
        for number, (data, attributes) in enumerate(messages, 1)
    ]
    numbered[2] = (b"\xff", numbered[2][1])
    numbered[6] = (numbered[6][0], numbered[6][1] | {ATTRIBUTE: "seven"})
    del numbered[3]
    service.publish("flight_departed", [*numbered, numbered[0]])

    run_until(service, acknowledged=7)

    scope = Scope(now_micros(), timedelta(minutes=1), grace=timedelta(0), sequences=True)
    audits = audit(service.registry, service.names, open_bigquery(project), scope)
    flights = {each.subject: each for each in audits}["flight_departed"]
    assert [(each.first, each.last, each.awaited) for each in flights.missing] == [(4, 4, False)]
    assert flights.differences == ["missing: 1 in 1 window (numbers of a source's sequence that never arrived)"]
    assert flights.excused == ["unnumbered: 1 in 1 window (events whose ce-sequence cannot be read)"]

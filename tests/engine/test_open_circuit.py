"""When a subject of which too much is unreadable waits, what it looks at meanwhile, and when it goes on."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import ServiceUnavailable
from structlog.testing import capture_logs

from headrace.core.dead_letter import Reason
from headrace.core.message import Message
from headrace.engine.journal import Journal
from headrace.engine.open_circuit import LONGEST_SAMPLE_SECONDS, POLL_SECONDS, SAMPLE_MESSAGES, SubjectCircuit
from headrace.engine.retry import StoppedError
from headrace.engine.status import SubjectStatus
from headrace.engine.task_steps import Steps
from headrace.runtime.bucket_objects import BucketUnreachableError
from headrace.schema_registry.registry_errors import PinBrokenError, RegistryAwayError
from headrace.schemas.data_reference import DataReference, Unread
from headrace.schemas.registry import Registry
from headrace.steps.circuit_breaker import FLOOR, WINDOW, CircuitOpenError, CircuitState
from headrace.steps.decode.decode_messages import Decoder
from headrace.steps.decode.large_payloads import ReadObjects, reads_nothing
from headrace.steps.decode.openers import opener_of
from tests.support.one_subject import NOW, SUBJECT, a_job, an_event, an_unreadable, things

BAD = [an_unreadable(str(number)) for number in range(2 * FLOOR)]
GOOD = [an_event(f"e{number}") for number in range(200)]
LATE = NOW + 400 * 86_400 * 1_000_000


@dataclass
class Samples:
    """What is in the subscription at each look: a list of messages, or an error; nothing afterwards."""

    clock: Clock
    found: deque[Sequence[Message] | Exception] = field(default_factory=deque)
    looked_at: list[float] = field(default_factory=list)
    needs = "the subscription: the job needs to read it"

    def sample(self, at_most: int) -> Sequence[Message]:
        assert len(self.looked_at) < 100, "again and again"
        self.looked_at.append(self.clock.now)
        found = self.found.popleft() if self.found else []
        if isinstance(found, Exception):
            raise found
        return found[:at_most]


@dataclass
class Clock:
    """Time that passes only during waits; in the place of the module ``time``."""

    now: float = 1000.0

    def monotonic(self) -> float:
        return self.now


@dataclass
class Behind:
    """A circuit, and what it looks at."""

    circuit: SubjectCircuit
    journal: Journal
    samples: Samples
    status: SubjectStatus
    stop: threading.Event
    clock: Clock
    served_at: list[float] = field(default_factory=list)
    reported: list[str | None] = field(default_factory=list)
    later: dict[float, Callable[[], None]] = field(default_factory=dict)  # what happens at a moment

    def note(self, state: CircuitState) -> None:
        with self.journal.transaction() as transaction:
            transaction.note_circuit(SUBJECT, state)

    def run(self, *serve: Callable[[], object], seconds: float = 600.0) -> None:
        """Serve in these ways, one after the other, and stop; or after so many seconds.

        Keeps what is in the way whenever it waits, and the moments at which it began to serve.
        """
        self.stop.clear()
        ways, end = deque(serve), self.clock.now + seconds

        def once() -> Steps[None]:
            assert len(self.served_at) < 20, "again and again"
            self.served_at.append(self.clock.now)
            yield 0.0
            if not ways:
                self.stop.set()
            else:
                ways.popleft()()

        for wait in self.circuit.run(once):
            if wait:
                self.reported.append(self.status.in_the_way.get("circuit"))
            self.clock.now += wait or 0.0
            self.later.pop(self.clock.now, lambda: None)()
            if self.clock.now >= end:
                self.stop.set()

    def flood(self) -> None:
        """A round of which nothing can be read."""
        self.circuit.prepare(BAD[:FLOOR], NOW)


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Behind]]:
    """Makes a circuit, as a process does when it begins; the journal and the clock outlive it."""
    journal, clock = Journal.open(tmp_path / "journal"), Clock()
    journal.claim("a test", 0, 3600)
    monkeypatch.setattr("headrace.engine.open_circuit.time", clock)
    monkeypatch.setattr("headrace.engine.task_steps.time", clock)
    contract = things()
    job = a_job(Registry({contract.ref: contract}))

    def make(read_objects: ReadObjects = reads_nothing) -> Behind:
        samples, status, stop = Samples(clock), SubjectStatus(SUBJECT), threading.Event()
        puller: Any = samples
        decoder = Decoder(job.registry, SUBJECT, opener_of(job.registry, SUBJECT, read_objects=read_objects))
        circuit = SubjectCircuit(
            job, SUBJECT, journal=journal, source=puller, status=status, stop=stop, decoder=decoder
        )
        return Behind(circuit, journal, samples, status, stop, clock)

    yield make
    journal.close()


@pytest.fixture
def behind(made: Callable[[], Behind]) -> Behind:
    return made()


def test_what_can_be_read_is_prepared_and_the_journal_is_not_asked(behind: Behind) -> None:
    behind.journal.close()
    prepared = behind.circuit.prepare([*GOOD[:3], BAD[0]], NOW)
    assert prepared.batch is not None
    assert len(prepared.batch) == 3
    assert [letter.reason for letter in prepared.letters] == [Reason.MALFORMED_ENVELOPE]


def test_of_too_much_that_cannot_be_read_nothing_is_given_and_the_journal_knows(behind: Behind) -> None:
    late = an_event("late")
    late = Message(SUBJECT, late.data, late.attributes, "late", LATE)
    with pytest.raises(CircuitOpenError) as raised:
        behind.circuit.prepare([late, *BAD[:FLOOR]], NOW)
    assert str(raised.value) == (
        "1,000 of 1,001 messages refused (malformed_envelope 1,000); at most 50% may be; for example: ce-id is missing"
    )
    assert behind.journal.circuits() == {SUBJECT: CircuitState.OPEN}


def test_messages_that_are_left_for_the_next_round_are_no_share_of_this_one(
    behind: Behind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headrace.steps.decode.decode_messages.MAX_BATCH_BYTES", 1)
    with pytest.raises(CircuitOpenError, match="1,000 of 1,001 messages"):
        behind.circuit.prepare([*BAD[:FLOOR], *GOOD, *BAD], NOW)


def test_it_waits_until_a_sample_can_be_read_and_then_serves_again(behind: Behind) -> None:
    behind.samples.found.extend([BAD, GOOD])
    behind.run(behind.flood)
    assert behind.samples.looked_at == [1002.0, 1006.0]
    assert behind.served_at == [1000.0, 1006.0]
    assert behind.journal.circuits() == {}
    assert not behind.status.is_circuit_open
    first, last = behind.reported[0], behind.reported[-1]
    assert first is not None
    assert first.startswith("1,000 of 1,000 messages refused")
    assert f"headrace resume {SUBJECT}" in first
    assert last is not None
    assert last.startswith(f"a sample: {SAMPLE_MESSAGES} of {SAMPLE_MESSAGES} messages refused")


def test_a_closed_circuit_serves_at_once_and_looks_at_no_sample(behind: Behind) -> None:
    with capture_logs() as logs:
        behind.run(lambda: None)
    assert behind.served_at == [1000.0, 1000.0]
    assert (behind.samples.looked_at, behind.reported, logs) == ([], [], [])


def test_one_that_was_open_before_the_start_looks_at_a_sample_first(made: Callable[[], Behind]) -> None:
    behind = made()
    behind.note(CircuitState.OPEN)
    behind.clock.now = 0.0
    behind.samples.found.extend([[], GOOD])
    behind.run()
    assert behind.samples.looked_at == [0.0, 2.0]
    assert behind.served_at == [2.0]
    assert behind.reported[0] is not None
    assert behind.reported[0].startswith("its circuit was open before this start")


def test_it_looks_ever_less_often(behind: Behind) -> None:
    behind.samples.found.extend([BAD] * 9)
    behind.run(behind.flood, seconds=300.0)
    moments = [1000.0, *behind.samples.looked_at]
    gaps = [after - before for before, after in pairwise(moments)]
    assert gaps == [2.0, 4.0, 8.0, 16.0, 32.0, LONGEST_SAMPLE_SECONDS, LONGEST_SAMPLE_SECONDS, LONGEST_SAMPLE_SECONDS]
    assert behind.served_at == [1000.0]


@pytest.mark.parametrize(
    ("served_seconds", "next_sample"), [(0.0, 8.0), (WINDOW.total_seconds(), 8.0), (WINDOW.total_seconds() + 1, 2.0)]
)
def test_after_it_served_for_a_whole_window_it_looks_as_often_as_at_first(
    behind: Behind, served_seconds: float, next_sample: float
) -> None:
    #  flood|2 s: bad|4 s: good|serves so long|flood
    def flood_later() -> None:
        behind.clock.now += served_seconds
        behind.flood()

    behind.samples.found.extend([BAD, GOOD, GOOD])
    behind.run(behind.flood, flood_later)
    assert behind.samples.looked_at[-1] - behind.samples.looked_at[-2] == served_seconds + next_sample


def test_a_sample_is_judged_by_what_was_read_of_it(behind: Behind, monkeypatch: pytest.MonkeyPatch) -> None:
    #  three that cannot be read, one that can, and 96 that were not looked at
    behind.note(CircuitState.OPEN)
    monkeypatch.setattr("headrace.steps.decode.decode_messages.MAX_BATCH_BYTES", 1)
    behind.samples.found.append([*BAD[:3], *GOOD])
    behind.run(seconds=1.0)
    assert behind.served_at == []
    assert behind.reported[0] is not None
    assert behind.reported[0].startswith("a sample: 3 of 4 messages refused")


@pytest.mark.parametrize("error", [BucketUnreachableError("no"), RegistryAwayError("no"), PinBrokenError("no")])
def test_a_sample_whose_bucket_or_registry_does_not_answer_is_tried_again(
    made: Callable[..., Behind], error: Exception
) -> None:
    def read(references: Sequence[DataReference]) -> Sequence[bytes | Unread]:
        raise error

    behind = made(read)
    behind.note(CircuitState.OPEN)
    reference = DataReference("acme-large", "an-object", "0" * 64).to_attributes()
    in_a_bucket = replace(GOOD[0], data=b"", attributes={**GOOD[0].attributes, **reference})
    behind.samples.found.extend([[in_a_bucket], GOOD])
    behind.run()
    assert "a sample: no; deploy" in str(behind.reported[0])
    assert len(behind.samples.looked_at) == 2
    assert len(behind.served_at) == 1
    assert behind.status.in_the_way == {}


def test_a_sample_that_cannot_be_pulled_is_tried_again(behind: Behind) -> None:
    behind.note(CircuitState.OPEN)
    behind.samples.found.extend([ServiceUnavailable("no"), GOOD])
    behind.run()
    assert len(behind.samples.looked_at) == 2
    assert len(behind.served_at) == 1
    assert behind.status.in_the_way == {}


def test_the_command_is_seen_soon_and_lets_all_through(behind: Behind) -> None:
    #  flood|no correction|resume: the flood becomes letters
    behind.later[1000.0 + POLL_SECONDS] = lambda: behind.journal.force_circuit_closed(SUBJECT)
    behind.run(behind.flood, behind.flood, behind.flood)
    assert behind.served_at == [1000.0] + [1000.0 + POLL_SECONDS] * 3
    assert behind.samples.looked_at == []


def test_what_was_let_through_is_so_after_a_restart_until_the_share_has_fallen(made: Callable[[], Behind]) -> None:
    made().note(CircuitState.FORCED_CLOSED)
    behind = made()
    states: list[dict[str, CircuitState]] = []

    def prepare(messages: Sequence[Message]) -> None:
        behind.circuit.prepare(messages, NOW)
        states.append(behind.journal.circuits())

    behind.run(lambda: prepare(BAD[:FLOOR]), lambda: prepare(BAD[FLOOR:]), lambda: prepare(GOOD * 5))
    assert states == [{SUBJECT: CircuitState.FORCED_CLOSED}, {SUBJECT: CircuitState.FORCED_CLOSED}, {}]
    with pytest.raises(CircuitOpenError):
        behind.flood()


def test_a_sample_that_lets_it_go_on_lets_no_flood_through(behind: Behind) -> None:
    behind.samples.found.extend([GOOD, GOOD])
    behind.run(behind.flood, behind.flood)
    assert len(behind.samples.looked_at) == 2
    assert behind.journal.circuits() == {}


def test_a_subject_that_is_stopped_while_it_waits_does_not_serve(behind: Behind) -> None:
    behind.note(CircuitState.OPEN)
    behind.run(seconds=5.0)
    assert behind.served_at == []
    assert behind.clock.now == 1005.0


def test_a_wait_for_a_sample_that_cannot_be_pulled_can_be_stopped(behind: Behind) -> None:
    behind.note(CircuitState.OPEN)
    behind.samples.found.extend([ServiceUnavailable("no")] * 50)
    with pytest.raises(StoppedError):
        behind.run(seconds=20.0)


def test_an_open_circuit_and_its_closing_are_logged(behind: Behind) -> None:
    behind.samples.found.extend([BAD, BAD, BAD, GOOD])
    with capture_logs() as logs:
        behind.run(behind.flood, lambda: None)
    assert [(each["event"], each.get("by")) for each in logs] == [
        ("circuit_opened", None),
        ("circuit_opened", None),
        ("circuit_closed", "sample"),
    ]

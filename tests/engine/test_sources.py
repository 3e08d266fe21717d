"""Each subject is pulled from its own subscription, and no connection is shared by too many."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from google.pubsub_v1.types import PubsubMessage, PullResponse, ReceivedMessage

from headrace.engine.journal import Journal
from headrace.engine.live_contracts import LiveContracts
from headrace.engine.origins import SUBSCRIPTIONS_A_CONNECTION
from headrace.engine.sources import from_subscriptions
from headrace.engine.status import SubjectStatus
from headrace.schemas.registry import Registry
from headrace.steps.circuit_breaker import CircuitState
from tests.support.builders import a_contract
from tests.support.one_subject import NAMES, Publisher, a_job

STRAYS: dict[str, Any] = {"open_publisher": Publisher, "status_of": SubjectStatus}


class Subscriber:
    """A connection: it is the client, its transport and its channel. Each subscription holds one message."""

    def __init__(self) -> None:
        self.pulled: list[str] = []
        self.transport = self.grpc_channel = self

    def unary_unary(self, method: str, **_: Any) -> Callable[..., Any]:
        def call(request: Any, **_: Any) -> Any:
            if method.endswith("/Pull"):
                self.pulled.append(request.subscription)
            message = PubsubMessage(message_id=f"of {request.subscription}")
            return PullResponse.pb(PullResponse(received_messages=[ReceivedMessage(ack_id="1", message=message)]))

        return call


def test_each_subject_is_pulled_from_its_own_subscription_over_a_connection_of_not_too_many(tmp_path: Path) -> None:
    count = 2 * SUBSCRIPTIONS_A_CONNECTION + 1
    contracts = [a_contract(subject=f"s{number:03}", table=f"t{number:03}") for number in range(count)]
    job = a_job(Registry({each.ref: each for each in contracts}))
    connections: list[Subscriber] = []

    def open_subscriber() -> Any:
        connections.append(Subscriber())
        return connections[-1]

    journal = Journal.open(tmp_path / "journal")
    open_source = from_subscriptions(LiveContracts(job), NAMES, journal, open_subscriber, lambda _: 0, **STRAYS)
    for subject in job.registry.subjects:
        source: Any = open_source(job, subject, SubjectStatus(subject), threading.Event())[0]
        (message,) = source.sample(1)
        assert (message.subject, message.message_id) == (subject, f"of {NAMES.subscription(subject)}")

    assert [len(each.pulled) for each in connections] == [SUBSCRIPTIONS_A_CONNECTION, SUBSCRIPTIONS_A_CONNECTION, 1]
    journal.close()


def test_a_subject_of_which_too_much_is_unreadable_waits(tmp_path: Path) -> None:
    contract = a_contract(subject="s", table="t")
    journal = Journal.open(tmp_path / "journal")
    journal.claim("a test", 0, 3600)
    with journal.transaction() as transaction:
        transaction.note_circuit("s", CircuitState.OPEN)
    status, stop = SubjectStatus("s"), threading.Event()
    subscriber: Any = Subscriber()
    job = a_job(Registry({contract.ref: contract}))
    open_source = from_subscriptions(LiveContracts(job), NAMES, journal, lambda: subscriber, lambda _: 0, **STRAYS)
    _, preparer = open_source(job, "s", status, stop)

    next(preparer.run(lambda: iter(())))  # type: ignore[arg-type, return-value]

    assert status.is_circuit_open
    assert subscriber.pulled == [NAMES.subscription("s")], "a sample, which cannot be read"
    journal.close()

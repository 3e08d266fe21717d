"""Existing subscriptions on Dataflow: a branch each, lists of one subject, and letters of strays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from apache_beam.io.gcp.pubsub import PubsubMessage

from headrace.beam.decode_dofn import _DecodeFn
from headrace.beam.outputs import DEAD_LETTERS, TALLIES
from headrace.beam.read_messages import by_subject, to_routed_message
from headrace.config.secrets import HeldKey
from headrace.core.message import Message
from headrace.core.resource_names import Names
from headrace.core.routes import Route, Routes
from headrace.deploy.graph import build
from headrace.schemas.registry import Registry
from headrace.steps.decode.decode_messages import Decoder
from headrace.steps.decode.subject_routers import AttributeRouter
from tests.beam.test_pipeline import LABELS, SEALING, a_job, labels
from tests.support.builders import BOOKING, PACKAGE, a_booking, an_envelope, encode

ALL = Route("projects/acme-shop/subscriptions/all", attribute="kind", subjects={"B": "booking_created"})
FLIGHTS = Route("projects/acme-shop/subscriptions/flights-to-bq", "flight_departed")
TOPICS = {"flight_departed": "projects/acme-shop/topics/flights"}


def read(kind: str | None, data: bytes = b"x") -> Message:
    attributes = None if kind is None else {"kind": kind}
    sent = PubsubMessage(data, attributes, message_id="1", publish_time=datetime(2026, 1, 2, tzinfo=UTC))
    return to_routed_message(sent, ALL.subscription, AttributeRouter(ALL))


def test_a_message_has_the_subject_of_its_attribute_and_the_name_of_its_subscription() -> None:
    assert [(each.subject, each.subscription) for each in (read("B"), read("X"), read(None))] == [
        ("booking_created", ALL.subscription),
        (ALL.subscription, ALL.subscription),
        (ALL.subscription, ALL.subscription),
    ]


def test_lists_are_of_one_subject_in_the_order_of_the_messages() -> None:
    messages = [Message(subject, b"", {}, str(number), 0) for number, subject in enumerate("abab")]
    assert [[each.message_id for each in one] for one in by_subject(messages)] == [["0", "2"], ["1", "3"]]


def decoded(messages: Sequence[Message], registry: Registry = PACKAGE) -> list[Any]:
    step = _DecodeFn(
        registry,
        Routes({}, (ALL, FLIGHTS)),
        window=timedelta(minutes=1),
        clock=lambda: 0,
        sealing=HeldKey(b"k" * 32),
        decoder=Decoder,
    )
    step.setup()
    return list(step.process(messages))


def test_a_message_of_no_subject_is_a_letter_of_its_subscription_and_counted() -> None:
    found = decoded([read("X"), read(None)])
    letters = [each.value for each in found if getattr(each, "tag", "") == DEAD_LETTERS]
    tallies = [each.value for each in found if getattr(each, "tag", "") == TALLIES]
    assert [(each.reason, each.stage, each.message.subscription) for each in letters] == [
        ("unknown_schema", "decode", ALL.subscription)
    ] * 2
    assert [each.detail.partition(";")[0] for each in letters] == ["kind is of no subject", "kind is missing"]
    counted = [(row["subject"], row["outcome"], row["events"]) for each in tallies for row in each.counts.to_pylist()]
    assert counted == [(ALL.subscription, "received", 2), (ALL.subscription, "dead_lettered", 2)]


def test_a_message_of_a_subject_is_read_by_its_contract() -> None:
    data = encode(BOOKING, a_booking())
    attributes = an_envelope(schema=BOOKING.ref).to_attributes() | {"kind": "B"}
    sent = PubsubMessage(data, attributes, message_id="1", publish_time=datetime(2026, 1, 2, tzinfo=UTC))
    batches = [
        each
        for each in decoded([to_routed_message(sent, ALL.subscription, AttributeRouter(ALL))])
        if not hasattr(each, "tag")
    ]
    assert [each.subject for each in batches] == ["booking_created"]


def graph_labels(routes: Routes) -> list[str]:
    pipeline = build(a_job(routes=routes), SEALING, Names("a-project", routes=routes), 500, ["--streaming"])
    return labels({each.unique_name: each for each in pipeline.to_runner_api().components.transforms.values()})


def test_each_existing_subscription_is_a_branch_of_its_own_beside_the_others() -> None:
    more = set(graph_labels(Routes({}, (ALL, FLIGHTS)))) - set(LABELS)
    shared, whole = "acme-shop:all", "acme-shop:flights-to-bq"
    steps = [f"Read/{step}[{label}]" for label in (shared, whole) for step in ("Batch", "Read", "ToMessage")]
    assert more == {*steps, f"Read/BySubject[{shared}]"}


def test_a_subject_whose_topic_and_subscription_exist_has_no_branch_of_its_own() -> None:
    gone = set(LABELS) - set(graph_labels(Routes(TOPICS, (FLIGHTS,))))
    assert gone == {f"Read/{step}[flight_departed]" for step in ("Batch", "Read", "ToMessage")}

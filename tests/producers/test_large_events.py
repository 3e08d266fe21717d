"""Events that are too large for a message: uploaded once, before a reference to them is published."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from google.api_core.exceptions import Forbidden
from google.cloud import storage

from headrace.dev.emulators import free_ports
from headrace.producers import (
    AsyncEventProducer,
    EventProducer,
    LargeEventError,
    MessageTooLargeError,
    ProducerConfigError,
    large_events,
)
from headrace.producers.event_messages import EventMessage
from headrace.producers.large_events import LargeEvents
from headrace.producers.outbox import Outbox
from headrace.producers.testing import FakePublisher, PublishedMessage
from headrace.schemas.data_reference import DataReference
from headrace.schemas.registry import Registry
from tests.support.buckets import VARIABLE, a_bucket
from tests.support.builders import MOMENT, a_contract, encode

CONTRACT = a_contract(("text", "string"))
COMPRESSIBLE = a_contract(("text", "string"), encoding={"kind": "datum", "compression": "content-encoding"})
LONG = "x" * 9_000_001


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[storage.Bucket]:
    with a_bucket(tmp_path_factory.mktemp("bucket")) as bucket:
        yield bucket


def options(bucket: storage.Bucket | str, contract: Any = CONTRACT) -> dict[str, Any]:
    name = bucket if isinstance(bucket, str) else bucket.name
    return {
        "source": "/test",
        "contracts": Registry({contract.ref: contract}),
        "large_events": f"gs://{name}/large",
    }


def published(text: str, bucket: storage.Bucket, contract: Any = CONTRACT, **more: Any) -> PublishedMessage:
    fake = FakePublisher()
    with EventProducer(fake, **options(bucket, contract), **more) as producer:
        producer.publish(contract.subject, {"text": text, "at": MOMENT}, event_id="e1").result()
    (message,) = fake.messages
    return message


def uploaded(message: PublishedMessage, bucket: storage.Bucket) -> bytes:
    reference = DataReference.of_attributes(message.attributes)
    assert reference is not None
    assert reference.bucket == bucket.name
    data: bytes = bucket.blob(reference.name).download_as_bytes(raw_download=True)
    assert reference.is_of(data)
    return data


def test_a_large_event_is_in_the_bucket_and_its_message_small(bucket: storage.Bucket) -> None:
    message = published(LONG, bucket)
    assert message.data == b""
    assert message.attributes["ce-id"] == "e1"
    assert message.attributes["ce-dataref"].startswith(f"gs://{bucket.name}/large/thing_happened/")
    assert uploaded(message, bucket) == encode(CONTRACT, {"text": LONG, "at": MOMENT})


class BucketWithoutReplacing:
    """Client that may create objects alone: Google may answer 403 for an object that is there. Emulators allow all."""

    def __init__(self, refuses_all: bool = False) -> None:
        self.names: list[str] = []
        self._refuses_all = refuses_all

    def bucket(self, name: str) -> BucketWithoutReplacing:
        return self

    def blob(self, name: str) -> Any:
        return SimpleNamespace(upload_from_string=lambda *_, **__: self._upload(name))

    def _upload(self, name: str) -> None:
        if self._refuses_all or name in self.names:
            raise Forbidden("no storage.objects.delete")
        self.names.append(name)


def test_an_object_that_is_there_and_may_not_be_replaced_gets_another_name() -> None:
    client: Any = BucketWithoutReplacing()
    uploads = LargeEvents("gs://acme-large/orders", lambda: client)
    message = EventMessage("thing_happened", b"payload", {"ce-id": "e1"}, "")
    first, again = (uploads.upload(message).attributes["ce-dataref"] for _ in range(2))
    assert [f"gs://acme-large/{name}" for name in client.names] == [first, again]
    assert again.startswith(f"{first}-")


def test_a_bucket_that_refuses_every_object_is_an_error_with_the_role() -> None:
    client: Any = BucketWithoutReplacing(refuses_all=True)
    uploads = LargeEvents("gs://acme-large/orders", lambda: client)
    with pytest.raises(LargeEventError, match=r"\(Forbidden\); .* grant the producer roles/storage.objectCreator"):
        uploads.upload(EventMessage("thing_happened", b"payload", {"ce-id": "e1"}, ""))


def test_an_event_that_fits_is_sent_as_it_is(bucket: storage.Bucket) -> None:
    message = published(LONG[:8_999_900], bucket)
    assert len(message.data) > 8_000_000
    assert "ce-dataref" not in message.attributes


def test_an_event_that_fits_when_it_is_compressed_is_sent(bucket: storage.Bucket) -> None:
    message = published(LONG, bucket, COMPRESSIBLE)
    assert message.attributes["content-encoding"] == "zstd"
    assert "ce-dataref" not in message.attributes
    incompressible = os.urandom(8_000_000).hex()[:15_900_000]
    large = published(incompressible * 1, bucket, COMPRESSIBLE)
    assert ("ce-dataref" in large.attributes) == (not large.data)


def test_another_try_leaves_one_object_and_other_events_have_others(bucket: storage.Bucket) -> None:
    def count() -> int:
        return len(list(bucket.list_blobs()))

    before = count()
    first, again, other = (published(text, bucket) for text in ("y" + LONG, "y" + LONG, "z" + LONG))
    assert count() == before + 2
    assert first.attributes["ce-dataref"] == again.attributes["ce-dataref"] != other.attributes["ce-dataref"]


def test_coroutines_go_on_while_an_event_is_uploaded(bucket: storage.Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks: list[int] = []
    upload = large_events.LargeEvents.upload

    async def tick(done: asyncio.Event) -> None:
        while not done.is_set():
            ticks.append(len(ticks))
            await asyncio.sleep(0)

    def counting(self: Any, message: Any) -> Any:
        before = len(ticks)
        found = upload(self, message)
        assert len(ticks) > before, "the event loop stood still"
        return found

    async def run() -> PublishedMessage:
        fake, done = FakePublisher(), asyncio.Event()
        ticking = asyncio.create_task(tick(done))
        async with AsyncEventProducer(fake, **options(bucket)) as producer:
            await (await producer.publish(CONTRACT.subject, {"text": LONG, "at": MOMENT}))
        done.set()
        await ticking
        (message,) = fake.messages
        return message

    monkeypatch.setattr(large_events.LargeEvents, "upload", counting)
    assert len(uploaded(asyncio.run(run()), bucket)) > 9_000_000


def test_an_outbox_keeps_the_reference(bucket: storage.Bucket, tmp_path: Path) -> None:
    message = published(LONG, bucket, outbox=Outbox(tmp_path / "orders.outbox"))
    assert message.data == b""
    assert uploaded(message, bucket)


def test_an_event_that_cannot_be_uploaded_is_not_published(monkeypatch: pytest.MonkeyPatch) -> None:
    (port,) = free_ports(1)
    monkeypatch.setenv(VARIABLE, f"http://127.0.0.1:{port}")
    monkeypatch.setattr(large_events, "RETRY_SECONDS", 0.5)
    fake = FakePublisher()
    with (
        EventProducer(fake, **options("acme-large")) as producer,
        pytest.raises(LargeEventError, match=r"gs://acme-large/large: the object cannot be written \(.*objectCreator"),
    ):
        producer.publish(CONTRACT.subject, {"text": LONG, "at": MOMENT})
    assert fake.messages == []


@pytest.mark.parametrize("address", ["", "acme-large", "/folder", "https://acme-large", "gs://"])
def test_what_is_no_bucket_is_refused_when_the_producer_is_made(address: str) -> None:
    given = options("acme-large") | {"large_events": address}
    with pytest.raises(ProducerConfigError, match="large_events: not the address of a bucket; write gs://BUCKET"):
        EventProducer(FakePublisher(), **given)


def test_without_a_bucket_nothing_takes_what_cannot_be_sent(tmp_path: Path) -> None:
    given = options("acme-large") | {"large_events": None}
    event = {"text": LONG + "x" * 1_000_000, "at": MOMENT}
    outboxes: list[Outbox | None] = [None, Outbox(tmp_path / "orders.outbox")]
    for outbox in outboxes:
        fake = FakePublisher()
        with (
            EventProducer(fake, outbox=outbox, **given) as producer,
            pytest.raises(MessageTooLargeError, match=r"10,000,000 can be sent; split it, or give .* large_events="),
        ):
            producer.publish(CONTRACT.subject, event)
        assert fake.messages == []

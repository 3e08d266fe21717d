"""What a producer compresses: large payloads, where the contract allows it."""

from __future__ import annotations

import builtins
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headrace.core.message import Message
from headrace.producers import EventProducer, ProducerConfigError
from headrace.producers.compression import COMPRESS_FROM
from headrace.producers.outbox import Outbox
from headrace.producers.testing import FakeProducer, FakePublisher, PublishedMessage
from headrace.schemas.registry import Contract, Registry
from headrace.steps.decode.decode_messages import Decoder, decode
from tests.support.builders import MOMENT, a_contract

COMPRESSIBLE = {"kind": "datum", "compression": "content-encoding"}
ALLOWING = a_contract(("text", "string"), encoding=COMPRESSIBLE)
FORBIDDING = a_contract(("text", "string"))
LONG = "a text of some bytes, " * 200


def published(text: str, contract: Contract = ALLOWING, **options: Any) -> PublishedMessage:
    fake = FakePublisher()
    with EventProducer(fake, source="/test", contracts=Registry({contract.ref: contract}), **options) as producer:
        producer.publish(contract.subject, {"text": text, "at": MOMENT}).result()
    (message,) = fake.messages
    return message


def read_by_the_job(message: PublishedMessage, contract: Contract = ALLOWING) -> str:
    received = Message(message.subject, message.data, message.attributes, "m1", 0)
    decoded = decode([received], Decoder(Registry({contract.ref: contract}), contract.subject), 0)
    assert decoded.batch is not None
    (text,) = decoded.batch.rows.column("text").to_pylist()
    return str(text)


def test_a_large_payload_is_compressed_and_the_job_reads_it() -> None:
    message = published(LONG)
    assert message.attributes["content-encoding"] == "zstd"
    assert len(message.data) < 200
    assert read_by_the_job(message) == LONG


def test_a_payload_is_compressed_from_the_stated_size_on() -> None:
    (at_most, beyond) = (published("x" * (COMPRESS_FROM - 30)), published("x" * COMPRESS_FROM))
    assert "content-encoding" not in at_most.attributes
    assert "content-encoding" in beyond.attributes
    assert "content-encoding" in published("x" * 200, compress_from=100).attributes


@pytest.mark.parametrize(
    ("text", "contract", "options"),
    [
        (LONG, FORBIDDING, {}),
        (LONG, ALLOWING, {"compress_from": None}),
        (LONG, ALLOWING, {"compress_from": 1_000_000}),
        (os.urandom(2000).hex()[:20], ALLOWING, {"compress_from": 0}),
    ],
    ids=["the contract does not allow it", "never", "from a larger size on", "it would be larger"],
)
def test_other_payloads_stay_as_they_are(text: str, contract: Contract, options: Any) -> None:
    message = published(text, contract, **options)
    assert "content-encoding" not in message.attributes
    assert text.encode() in message.data


def test_a_size_below_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="compress_from: below 0; give bytes, such as 1024, or None"):
        published(LONG, compress_from=-1)


def test_without_the_package_only_contracts_that_allow_compression_are_affected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known: Callable[..., Any] = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "zstandard":
            raise ImportError(name)
        return known(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(
        ProducerConfigError, match=r"pip install 'headrace-producers\[compression\]', or give compress_"
    ):
        published("short")
    assert published(LONG, FORBIDDING).attributes
    assert published(LONG, compress_from=None).attributes


def test_threads_compress_at_the_same_time() -> None:
    producer = FakeProducer(Registry({ALLOWING.ref: ALLOWING}))
    texts = [f"{number} " + LONG for number in range(80)]

    def publish(mine: list[str]) -> None:
        for text in mine:
            producer.publish(ALLOWING.subject, {"text": text, "at": MOMENT})

    threads = [threading.Thread(target=publish, args=[texts[number::8]]) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert {read_by_the_job(each) for each in producer.publisher.messages} == set(texts)
    assert {each["text"] for each in producer.published(ALLOWING.subject)} == set(texts)
    assert {each["fields"]["text"] for each in producer.as_json()} == set(texts)


def test_an_outbox_keeps_a_payload_compressed(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "orders.outbox")
    message = published(LONG, outbox=outbox)
    assert message.attributes["content-encoding"] == "zstd"
    assert read_by_the_job(message) == LONG

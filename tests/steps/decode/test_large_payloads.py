"""Messages whose payloads lie in buckets: read together within bounds, and refused with the remedy."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pyarrow as pa
import pytest

from headrace.core.dead_letter import Reason
from headrace.core.message import Message
from headrace.runtime.retry_policy import RetryableError
from headrace.schemas.data_reference import DataReference, Unread
from headrace.schemas.envelope import Envelope, to_micros
from headrace.schemas.registry import Contract, Registry
from headrace.steps.decode.decode_messages import DecodedMessages, Decoder, decode, decode_all
from headrace.steps.decode.large_payloads import AT_ONCE, NOT_READ, ReadObjects, reads_nothing
from headrace.steps.decode.openers import opener_of
from tests.support.builders import MOMENT, a_contract, encode

FOREIGN = {"kind": "attributes", "id": "message_id", "version": 1}
CONTRACT = a_contract(("text", "string"))


class Objects(dict[str, bytes]):
    """A bucket in memory, which notes what is read together."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[int] = []

    def read(self, references: Sequence[DataReference]) -> list[bytes | Unread]:
        self.reads.append(len(references))
        return [self.get(each.name) or Unread("it is gone") for each in references]


def a_reference(objects: Objects, text: str, number: int, contract: Contract = CONTRACT, **more: str) -> Message:
    data = encode(contract, {"text": text, "at": MOMENT})
    if "content_encoding" in more:
        data = bytes(pa.compress(data, codec="zstd", asbytes=True))
    objects[str(number)] = data
    reference = DataReference("acme-large", str(number), hashlib.sha256(data).hexdigest())
    envelope = Envelope(f"e{number}", contract.ref, MOMENT, "/test").to_attributes() | reference.to_attributes()
    named = {name.replace("_", "-"): value for name, value in more.items()}
    return Message(contract.subject, b"", envelope | named, f"m{number}", to_micros(MOMENT))


def a_decoder(read: ReadObjects, contract: Contract = CONTRACT) -> Decoder:
    registry = Registry({contract.ref: contract})
    return Decoder(registry, contract.subject, opener_of(registry, contract.subject, read_objects=read))


def texts(decoded: DecodedMessages) -> list[str]:
    return [] if decoded.batch is None else [str(each) for each in decoded.batch.rows.column("text").to_pylist()]


@pytest.mark.parametrize(
    "contract", [CONTRACT, a_contract(("text", "string"), envelope=FOREIGN)], ids=["own", "foreign"]
)
def test_payloads_in_a_bucket_become_rows_beside_others_in_their_order(contract: Contract) -> None:
    objects = Objects()
    messages = [a_reference(objects, f"t{number}", number, contract) for number in range(10)]
    plain = Message(CONTRACT.subject, objects.pop("4"), {**messages[4].attributes}, "m4", 0)
    decoded = decode([*messages[:4], plain, *messages[5:]], a_decoder(objects.read, contract), 0)
    assert texts(decoded) == [f"t{number}" for number in range(10)]
    assert max(objects.reads) == AT_ONCE
    assert sum(objects.reads) == 9


def test_an_object_may_be_compressed_as_the_message_says() -> None:
    contract = a_contract(("text", "string"), encoding={"kind": "datum", "compression": "content-encoding"})
    objects = Objects()
    message = a_reference(objects, "words " * 99, 1, contract, content_encoding="zstd")
    assert texts(decode([message], a_decoder(objects.read, contract), 0)) == ["words " * 99]


def test_what_cannot_be_read_is_refused_alone() -> None:
    objects = Objects()
    messages = [a_reference(objects, f"t{number}", number) for number in range(6)]
    del objects["1"]
    wrong = dict(messages[3].attributes, **{"ce-dataref": "https://evil.example/x"})
    messages[3] = Message(CONTRACT.subject, b"", wrong, "m3", 0)
    decoded = decode(messages, a_decoder(objects.read), 0)
    assert texts(decoded) == ["t0", "t2", "t4", "t5"]
    assert [(each.index, each.reason) for each in decoded.refusals] == [
        (1, Reason.UNREADABLE_REFERENCE),
        (3, Reason.UNREADABLE_REFERENCE),
    ]
    assert "evil" not in decoded.refusals[1].detail


def test_a_job_that_names_no_bucket_says_how_to_name_one() -> None:
    (refused,) = decode([a_reference(Objects(), "t", 1)], a_decoder(reads_nothing), 0).refusals
    assert (refused.reason, refused.detail) == (Reason.UNREADABLE_REFERENCE, NOT_READ)
    assert 'large_events = ["gs://' in refused.detail


def test_a_bucket_that_does_not_answer_refuses_nothing() -> None:
    class AwayError(RetryableError, error_code="HR-999", exit_code=1):  # type: ignore[arg-type]
        pass

    def away(references: Sequence[DataReference]) -> Sequence[bytes | Unread]:
        raise AwayError

    objects = Objects()
    message = a_reference(objects, "t", 1)
    with pytest.raises(AwayError):
        decode([message], a_decoder(away), 0)


def test_a_batch_of_large_objects_is_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headrace.steps.decode.native_messages.MAX_UNPACKED_BYTES", 100_000)
    objects = Objects()
    messages = [a_reference(objects, "x" * 30_000, number) for number in range(20)]
    parts = [len(part) for part, decoded in decode_all(messages, a_decoder(objects.read), 0) if decoded.batch]
    assert sum(parts) == 20
    assert max(parts) == 4

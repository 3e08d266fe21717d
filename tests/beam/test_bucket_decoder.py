"""The decoder of a worker reads payloads of buckets; a job that names no bucket keeps its graph."""

from __future__ import annotations

import hashlib
import pickle
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from headrace.beam.bucket_decoder import bucket_decoder
from headrace.beam.decode_dofn import _DecodeFn
from headrace.config.secrets import HeldKey
from headrace.core.message import Message
from headrace.core.micro_batch import MicroBatch
from headrace.core.routes import Routes
from headrace.runtime import bucket_objects
from headrace.runtime.bucket_objects import BucketUnreachableError
from headrace.schemas.data_reference import DataReference
from headrace.schemas.envelope import Envelope, to_micros
from headrace.schemas.registry import Registry
from tests.support.buckets import a_bucket
from tests.support.builders import FLIGHT, MOMENT, a_flight, encode

DATA = encode(FLIGHT, a_flight())


def a_message(bucket: str) -> Message:
    reference = DataReference(bucket, "orders/1", hashlib.sha256(DATA).hexdigest())
    envelope = Envelope("e1", FLIGHT.ref, MOMENT, "/test").to_attributes()
    return Message(FLIGHT.subject, b"", envelope | reference.to_attributes(), "m1", to_micros(MOMENT))


def a_step(bucket: str) -> _DecodeFn:
    decoder = partial(bucket_decoder, (f"gs://{bucket}/orders",))
    step = _DecodeFn(
        Registry({FLIGHT.ref: FLIGHT}),
        Routes(),
        window=timedelta(minutes=1),
        clock=partial(to_micros, MOMENT),
        sealing=HeldKey(b"wide".ljust(32)),
        decoder=pickle.loads(pickle.dumps(decoder)),
    )
    step.setup()
    return step


def test_a_worker_reads_the_payload_in_the_bucket(tmp_path: Path) -> None:
    with a_bucket(tmp_path) as bucket:
        bucket.blob("orders/1").upload_from_string(DATA, "application/octet-stream")
        batches = [
            each for each in a_step(bucket.name).process([a_message(bucket.name)]) if isinstance(each, MicroBatch)
        ]
    assert [len(each) for each in batches] == [1]


def test_a_bucket_that_does_not_answer_fails_the_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket_objects, "RETRY_SECONDS", 0.5)
    with a_bucket(tmp_path) as bucket:
        step = a_step(bucket.name)
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
        with pytest.raises(BucketUnreachableError):
            list(step.process([a_message(bucket.name)]))

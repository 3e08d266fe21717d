"""Objects of buckets as the job reads them: within the folders of its settings, whole, and with the right hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
from google.cloud import storage

from headrace.dev.emulators import free_ports
from headrace.runtime import bucket_objects
from headrace.runtime.bucket_objects import BucketReader, BucketUnreachableError
from headrace.schemas.data_reference import DataReference, Unread
from tests.support.buckets import VARIABLE, a_bucket


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[storage.Bucket]:
    with a_bucket(tmp_path_factory.mktemp("bucket")) as bucket:
        yield bucket


def stored(bucket: storage.Bucket, name: str, data: bytes) -> DataReference:
    bucket.blob(name).upload_from_string(data, "application/octet-stream")
    return DataReference(bucket.name, name, hashlib.sha256(data).hexdigest())


def why(found: bytes | Unread) -> str:
    assert isinstance(found, Unread)
    return found.why


def test_objects_are_read_in_the_order_of_their_references(bucket: storage.Bucket) -> None:
    references = [stored(bucket, f"orders/{number}", b"%d" % number) for number in range(9)]
    assert BucketReader([f"gs://{bucket.name}/orders"])(references) == [b"%d" % number for number in range(9)]


@pytest.mark.parametrize(
    ("folders", "name", "is_read"),
    [
        (["gs://{0}"], "x", True),
        (["gs://{0}/orders"], "orders/x", True),
        (["gs://other", "gs://{0}/orders/"], "orders/deep/x", True),
        (["gs://{0}/orders"], "orders-of-others/x", False),
        (["gs://{0}/orders"], "x", False),
        (["gs://{0}-2"], "x", False),
        ([], "x", False),
    ],
)
def test_nothing_outside_the_folders_is_asked_for(
    bucket: storage.Bucket, folders: list[str], name: str, is_read: bool
) -> None:
    reference = stored(bucket, name, b"data")
    (found,) = BucketReader([each.format(bucket.name) for each in folders])([reference])
    assert (found == b"data") == is_read
    if not is_read:
        assert "large_events = [" in why(found)


def test_a_missing_object_and_another_content_are_told_apart(
    bucket: storage.Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket_objects, "_MOST_BYTES", 10)
    present = stored(bucket, "a", b"data")
    found = BucketReader([f"gs://{bucket.name}"])(
        [present._replace(name="b"), present._replace(sha256="0" * 64), stored(bucket, "c", bytes(11))]
    )
    assert [why(each).partition(";")[0] for each in found] == [
        "the object in ce-dataref does not exist",
        "the object in ce-dataref has other bytes than ce-datarefsha256 says",
        "the object in ce-dataref has more than 10 bytes",
    ]


def test_a_bucket_that_does_not_answer_is_an_error_that_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    (port,) = free_ports(1)
    monkeypatch.setenv(VARIABLE, f"http://127.0.0.1:{port}")
    monkeypatch.setattr(bucket_objects, "RETRY_SECONDS", 0.5)
    with pytest.raises(BucketUnreachableError, match=r"gs://acme-large: .*needs roles/storage\.objectViewer on it"):
        BucketReader(["gs://acme-large"])([DataReference("acme-large", "x", "0" * 64)])

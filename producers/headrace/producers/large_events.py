"""Payloads that are too large for a message: they are uploaded to a bucket, and the message has a reference."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import uuid_utils

from headrace.producers.bucket_client import open_storage
from headrace.producers.config import ProducerConfigError
from headrace.producers.errors import LargeEventError
from headrace.producers.event_messages import EventMessage
from headrace.producers.transport.limits import MAX_MESSAGE_BYTES, check_size
from headrace.schemas.bucket_folder import bucket_folder
from headrace.schemas.data_reference import MAX_ADDRESS_BYTES, MAX_INLINE_BYTES, DataReference

if TYPE_CHECKING:
    from google.cloud import storage

_NEW_NAME_BYTES: Final = 37  # that a second name is longer
UPLOAD_SECONDS: Final = 60.0  # for one request
RETRY_SECONDS: Final = 120.0  # for which an upload is tried again


def check_fits(message: EventMessage) -> None:
    """Raise MessageTooLargeError for a message that Pub/Sub would refuse, before anything keeps it."""
    if len(message.data) > MAX_INLINE_BYTES:
        check_size(message.size, MAX_MESSAGE_BYTES)


class LargeEvents:
    """Uploads payloads of more than 9,000,000 bytes to the folder *address* of a bucket. Thread-safe.

    Raises:
        ProducerConfigError: *address* is not a folder of a bucket.
    """

    def __init__(
        self, address: str, open_client: Callable[[], storage.Client] = lambda: open_storage("large_events")
    ) -> None:
        place = bucket_folder(address)
        if place is None:
            raise ProducerConfigError("large_events: not the address of a bucket; write gs://BUCKET/FOLDER")
        self._place, self._open = place, open_client
        self._client: tuple[int, storage.Client] | None = None  # with the process that opened it

    def upload(self, message: EventMessage) -> EventMessage:
        """Return *message* with a reference in place of its payload, once that is in the bucket.

        The object is named by the event's id and its payload, so another try does not leave a second one. Without the
        permission to replace objects, Google may refuse an object that is there already like one that may not be
        written. So a refused object is tried once more with a name that is new.

        Raises:
            LargeEventError: the bucket does not answer or refuses the object.
            ProducerConfigError: Google's client for buckets is not installed.
        """
        from google.api_core.exceptions import Forbidden, GoogleAPIError
        from google.auth.exceptions import GoogleAuthError

        reference = self._reference(message)
        try:
            try:
                self._store(reference, message.data)
            except Forbidden:
                reference = reference._replace(name=f"{reference.name}-{uuid_utils.uuid7()}")
                self._store(reference, message.data)
        except (GoogleAPIError, GoogleAuthError, OSError) as error:
            raise LargeEventError(
                f"{self._place.address}: the object cannot be written ({type(error).__name__}); check that the bucket "
                "exists, grant the producer roles/storage.objectCreator on it, and publish the event again"
            ) from error
        attributes = message.attributes | reference.to_attributes()
        return message._replace(data=b"", attributes=attributes)

    def _reference(self, message: EventMessage) -> DataReference:
        sha256 = hashlib.sha256(message.data).hexdigest()
        named = hashlib.sha256(f"{sha256} {message.attributes['ce-id']}".encode()).hexdigest()
        reference = DataReference(self._place.bucket, f"{self._place.prefix}{message.subject}/{named}", sha256)
        if len(reference.address.encode()) > MAX_ADDRESS_BYTES - _NEW_NAME_BYTES:
            raise ProducerConfigError("large_events: a folder whose name is too long; name a shorter one")
        return reference

    def _store(self, reference: DataReference, data: bytes) -> None:
        from google.api_core.exceptions import PreconditionFailed
        from google.cloud.storage.retry import DEFAULT_RETRY

        try:
            blob = self._of_this_process().bucket(reference.bucket).blob(reference.name)
            blob.upload_from_string(
                data,
                "application/octet-stream",
                if_generation_match=0,  # a new object: so a request may be sent again
                checksum="crc32c",
                timeout=UPLOAD_SECONDS,
                retry=DEFAULT_RETRY.with_timeout(RETRY_SECONDS),
            )
        except PreconditionFailed:
            return  # an earlier try has uploaded these bytes

    def _of_this_process(self) -> storage.Client:
        """Return the client; a forked child gets one of its own."""
        if self._client is None or self._client[0] != os.getpid():
            self._client = (os.getpid(), self._open())
        return self._client[1]

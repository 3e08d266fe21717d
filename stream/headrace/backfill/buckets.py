"""Objects of Cloud Storage, read piece by piece; an object is never held in memory as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import BinaryIO, Final, NamedTuple, cast

from google.api_core.exceptions import GoogleAPIError, NotFound
from google.auth.exceptions import GoogleAuthError
from google.cloud import storage
from google.cloud.storage.fileio import BlobReader, BlobWriter

from headrace.backfill.backfill_errors import BackfillError
from headrace.backfill.file_places import bucket_and_name, checked_address
from headrace.runtime.reachability import Service, reach_storage

PIECE_BYTES: Final = 8 * 1024 * 1024  # read by one request
_WRITTEN_BYTES: Final = 16 * 1024 * 1024  # written by one request
_PACKED_TYPES: Final = frozenset({"application/gzip", "application/x-gzip"})


class Seen(NamedTuple):
    """State of an object when it was examined; *version* changes with its content, *modified_at* is in microseconds."""

    version: str
    modified_at: int
    size: int


def look_at_object(address: str, project: str) -> Seen:
    """Return the state of the object at ``gs://BUCKET/NAME``.

    Raises:
        BackfillError: the object does not exist, or it may not be read.
        UnreachableError: Cloud Storage does not answer.
    """
    bucket, name = checked_address(address)
    reach_storage(Service.STORAGE.place)
    try:
        blob = storage.Client(project=project).bucket(bucket).get_blob(name)
    except (GoogleAPIError, GoogleAuthError, OSError) as error:
        raise _unreadable(address, error) from error
    if blob is None:
        raise _unreadable(address, NotFound("no such object"))
    if blob.content_encoding == "gzip" and blob.content_type in _PACKED_TYPES:
        raise BackfillError(
            f"{address}: Cloud Storage cannot send an object in pieces that has both Content-Encoding gzip and "
            f"Content-Type {blob.content_type}; remove its Content-Encoding"
        )
    return Seen(
        f"{blob.generation} {blob.md5_hash or blob.crc32c}", int(blob.updated.timestamp() * 1_000_000), blob.size
    )


def matching(pattern: str, project: str) -> list[str]:
    """Return the addresses of all objects whose name matches *pattern*, sorted.

    Raises:
        BackfillError: no object matches, or the bucket may not be read.
        UnreachableError: Cloud Storage does not answer.
    """
    bucket, glob = checked_address(pattern)
    reach_storage(Service.STORAGE.place)
    try:
        found = sorted(blob.name for blob in storage.Client(project=project).list_blobs(bucket, match_glob=glob))
    except (GoogleAPIError, GoogleAuthError, OSError) as error:
        raise _unreadable(pattern, error) from error
    if not found:
        raise _unreadable(pattern, NotFound("no such object"))
    return [f"gs://{bucket}/{name}" for name in found]


def open_object(address: str, project: str) -> BinaryIO:
    """Open an object for reading. The file can seek, and holds one piece in memory.

    Its bytes are those stored: a compressed object is not decompressed.
    """
    blob = _blob(address, project)
    blob.reload()  # a reader of stored bytes cannot seek before the size is known
    return cast(BinaryIO, BlobReader(blob, chunk_size=PIECE_BYTES, raw_download=True))


def create_object(address: str, project: str) -> BinaryIO:
    """Open a new object for writing; it exists once the file is closed."""
    return cast(BinaryIO, _writer(_blob(address, project)))


def delete_objects(addresses: Sequence[str], project: str) -> None:
    """Delete objects; ignore those that do not exist."""
    client = storage.Client(project=project)
    for address in addresses:
        bucket, name = bucket_and_name(address)
        with suppress(NotFound):
            client.bucket(bucket).blob(name).delete()


def read_object(address: str, project: str) -> bytes:
    """Return the content of a small object; raises BackfillError as :func:`look_at_object` does."""
    look_at_object(address, project)
    with open_object(address, project) as file:
        return file.read()


def _blob(address: str, project: str) -> storage.Blob:
    bucket, name = bucket_and_name(address)
    blob: storage.Blob = storage.Client(project=project).bucket(bucket).blob(name)
    return blob


def _writer(blob: storage.Blob) -> BlobWriter:
    return BlobWriter(blob, chunk_size=_WRITTEN_BYTES, ignore_flush=True, content_type="application/octet-stream")


def _unreadable(address: str, error: Exception) -> BackfillError:
    return BackfillError(
        f"{address}: cannot be read ({type(error).__name__}); name an object that exists, and grant this user "
        "roles/storage.objectViewer on its bucket"
    )

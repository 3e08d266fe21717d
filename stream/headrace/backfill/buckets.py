"""Objects of Cloud Storage, read with Beam's own IO: piece by piece, none is ever held whole."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import BinaryIO, Final, NamedTuple, cast

from apache_beam.io.gcp.gcsio import GcsIO
from google.api_core.exceptions import GoogleAPIError, NotFound
from google.auth.exceptions import GoogleAuthError
from google.cloud import storage

from headrace.backfill.backfill_errors import BackfillError
from headrace.backfill.file_places import bucket_and_name, checked_address
from headrace.runtime.reachability import Service, reach_storage

PIECE_BYTES: Final = 8 * 1024 * 1024  # of a request


class Seen(NamedTuple):
    """An object as it was when it was looked at; *version* changes with its content, *modified_at* in microseconds."""

    version: str
    modified_at: int
    size: int


def look_at_object(address: str, project: str) -> Seen:
    """Look at the object at ``gs://BUCKET/NAME``.

    Raises:
        BackfillError: it is not there, or may not be read.
        UnreachableError: Cloud Storage does not answer.
    """
    bucket, name = checked_address(address)
    reach_storage(Service.STORAGE.place)
    try:
        blob = _io(project).client.bucket(bucket).get_blob(name)
    except (GoogleAPIError, GoogleAuthError, OSError) as error:
        raise _unreadable(address, error) from error
    if blob is None:
        raise _unreadable(address, NotFound("no such object"))
    return Seen(
        f"{blob.generation} {blob.md5_hash or blob.crc32c}", int(blob.updated.timestamp() * 1_000_000), blob.size
    )


def matching(pattern: str, project: str) -> list[str]:
    """The addresses of all objects whose name is as *pattern* says, in order.

    Raises:
        BackfillError: there is none, or the bucket may not be read.
        UnreachableError: Cloud Storage does not answer.
    """
    bucket, glob = checked_address(pattern)
    reach_storage(Service.STORAGE.place)
    try:
        found = sorted(blob.name for blob in _io(project).client.list_blobs(bucket, match_glob=glob))
    except (GoogleAPIError, GoogleAuthError, OSError) as error:
        raise _unreadable(pattern, error) from error
    if not found:
        raise _unreadable(pattern, NotFound("no such object"))
    return [f"gs://{bucket}/{name}" for name in found]


def open_object(address: str, project: str) -> BinaryIO:
    """Open an object for reading; seeks, and holds one piece."""
    return cast(BinaryIO, _io(project).open(address, "r", read_buffer_size=PIECE_BYTES))


def create_object(address: str, project: str) -> BinaryIO:
    """Open a new object for writing; it is there once it is closed."""
    return cast(BinaryIO, _io(project).open(address, "w"))


def delete_objects(addresses: Sequence[str], project: str) -> None:
    """Delete objects; one that is gone is no error."""
    client = _io(project).client
    for address in addresses:
        bucket, name = bucket_and_name(address)
        with suppress(NotFound):
            client.bucket(bucket).blob(name).delete()


def read_object(address: str, project: str) -> bytes:
    """The whole of a small object; raises BackfillError as :func:`look_at_object` does."""
    look_at_object(address, project)
    with open_object(address, project) as file:
        return file.read()


def _io(project: str) -> GcsIO:
    return GcsIO(storage_client=storage.Client(project=project))


def _unreadable(address: str, error: Exception) -> BackfillError:
    return BackfillError(
        f"{address}: cannot be read ({type(error).__name__}); name an object that is there, and let who runs this have "
        "roles/storage.objectViewer on its bucket"
    )

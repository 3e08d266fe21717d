"""Locations of files: a folder, or a bucket of Cloud Storage."""

from __future__ import annotations

import re
from typing import Final

from headrace.backfill.backfill_errors import BackfillError

_BUCKET: Final = "gs://"
_BUCKET_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")  # docs.cloud.google.com/storage/docs/buckets
_MAX_NAME_BYTES: Final = 1024  # docs.cloud.google.com/storage/docs/objects#naming


def is_object(place: str) -> bool:
    """Return whether *place* is the address of an object, ``gs://BUCKET/NAME``."""
    return place.startswith(_BUCKET)


def bucket_and_name(address: str) -> tuple[str, str]:
    """Return both parts of an object's address; a missing part is empty.

    >>> bucket_and_name("gs://history/2026/01.csv")
    ('history', '2026/01.csv')
    """
    bucket, _, name = address.removeprefix(_BUCKET).partition("/")
    return bucket, name


def checked_address(address: str) -> tuple[str, str]:
    """Return both parts of the address of an object, or of a pattern of names.

    Raises:
        BackfillError: no object can have this address; a client might take part of it for a path.
    """
    bucket, name = bucket_and_name(address)
    if not _BUCKET_NAME.fullmatch(bucket):
        raise BackfillError(f"{address}: no bucket can have that name; write gs://BUCKET/NAME")
    size = len(name.encode(errors="surrogatepass"))
    if not 0 < size <= _MAX_NAME_BYTES or not name.isprintable() or name in (".", ".."):
        raise BackfillError(f"{address}: no object can have that name; write gs://BUCKET/NAME")
    return bucket, name

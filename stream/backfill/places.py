"""Where files are: in a folder, or in a bucket of Cloud Storage."""

from __future__ import annotations

from typing import Final

_BUCKET: Final = "gs://"


def is_object(place: str) -> bool:
    """Whether *place* is the address of an object, ``gs://BUCKET/NAME``."""
    return place.startswith(_BUCKET)


def bucket_and_name(address: str) -> tuple[str, str]:
    """Both parts of an object's address; one that it lacks is empty.

    >>> bucket_and_name("gs://history/2026/01.csv")
    ('history', '2026/01.csv')
    """
    bucket, _, name = address.removeprefix(_BUCKET).partition("/")
    return bucket, name

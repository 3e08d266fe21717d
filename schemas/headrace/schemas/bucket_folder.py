"""Address of a folder of contracts in a bucket of Cloud Storage."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_FOLDER: Final = re.compile(r"gs://([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])(?:/(.*))?")


class BucketFolder(NamedTuple):
    """A folder in a bucket: its *address*, and the *prefix* of the names of its objects."""

    address: str
    bucket: str
    prefix: str


def bucket_folder(address: str) -> BucketFolder | None:
    """Return the folder at an address of Cloud Storage; None for any other address.

    >>> bucket_folder("gs://team-schemas/orders")
    BucketFolder(address='gs://team-schemas/orders', bucket='team-schemas', prefix='orders/')
    """
    found = _FOLDER.fullmatch(address)
    if found is None:
        return None
    folder = (found[2] or "").strip("/")
    return BucketFolder(address, found[1], f"{folder}/" if folder else "")

"""Reference of a message to its payload in a bucket: CloudEvents' extension ``dataref``, and a hash of the bytes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from headrace.schemas.bucket_folder import bucket_folder

DATAREF: Final = "ce-dataref"
DATAREF_SHA256: Final = "ce-datarefsha256"  # of the object's bytes, in 64 hexadecimal digits
# A message has at most 10,000,000 bytes. Its attributes may take the rest: at most 100, of 1,280 bytes each.
MAX_INLINE_BYTES: Final = 9_000_000
MAX_ADDRESS_BYTES: Final = 1024  # Pub/Sub's limit on an attribute's value
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class DataReference(NamedTuple):
    """An object, and the SHA-256 of its bytes in hexadecimal digits."""

    bucket: str
    name: str
    sha256: str

    @property
    def address(self) -> str:
        """The address of the object, ``gs://BUCKET/NAME``."""
        return f"gs://{self.bucket}/{self.name}"

    @classmethod
    def of_attributes(cls, attributes: Mapping[str, str]) -> DataReference | None:
        """Return the reference of a message; None without one.

        Raises:
            ValueError: it is no object with a hash; gives what is wrong and the remedy, never the address.
        """
        address = attributes.get(DATAREF)
        if address is None:
            return None
        folder = bucket_folder(address)
        name = address.removeprefix("gs://").partition("/")[2]
        if folder is None or not name or not name.isprintable() or ".." in name.split("/"):
            raise ValueError(f"{DATAREF} is not the address of an object; write gs://BUCKET/NAME")
        sha256 = attributes.get(DATAREF_SHA256, "")
        if not _SHA256.fullmatch(sha256):
            raise ValueError(f"{DATAREF_SHA256} is not the SHA-256 of the object; write 64 hexadecimal digits")
        return cls(folder.bucket, name, sha256)

    def to_attributes(self) -> dict[str, str]:
        """Return the attributes of a message with this reference."""
        return {DATAREF: self.address, DATAREF_SHA256: self.sha256}

    def is_of(self, data: bytes) -> bool:
        """Return whether *data* are the bytes that the reference means."""
        return hashlib.sha256(data).hexdigest() == self.sha256


class Unread(NamedTuple):
    """Why an object cannot be a payload, without a value."""

    why: str

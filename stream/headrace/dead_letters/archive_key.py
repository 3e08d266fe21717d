"""The archive's key: who has it can read raw messages."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag

from headrace.core.message import Message
from headrace.core.sealed_messages import seal, unseal
from headrace.dead_letters.letter import Letter
from headrace.errors import Exit, HeadraceError

_PERSON: Final = b"headrace-archive"  # the same bytes used elsewhere give another key


class SealedError(HeadraceError, RuntimeError, error_code="HR-703", exit_code=Exit.CONFIGURATION):
    """A sealed message cannot be opened with the given key. The text names the key that it needs."""


@dataclass(frozen=True, slots=True)
class ArchiveKey:
    """256 bits, and a name that tells keys apart and nothing else about them."""

    id: str
    secret: bytes = field(repr=False)

    @classmethod
    def of(cls, material: bytes) -> ArchiveKey:
        """Make the key from the bytes of its file."""
        secret = hashlib.blake2b(material, digest_size=32, person=_PERSON).digest()
        return cls(hashlib.blake2b(secret, digest_size=4).hexdigest(), secret)

    def seal(self, letter: Letter, place: str) -> bytes:
        """Encrypt the bytes, the attributes and the ordering key of *letter*; *place* says whose and which they are."""
        message = Message(letter.subject, letter.data, letter.attributes, "", 0, letter.ordering_key)
        return seal([message], self.secret, _context(self.id, place))

    def unseal(self, sealed: bytes, key_id: str, place: str, where: str) -> tuple[bytes, Mapping[str, str], str]:
        """Decrypt: bytes, attributes, ordering key; *where* names the row for people.

        Raises:
            SealedError: another key is needed, or it was changed or moved in the table.
        """
        if key_id != self.id:
            raise SealedError(
                f"sealed with key {key_id}, and archive_key_file holds key {self.id}; name the file of the other"
            )
        try:
            (message,) = unseal(sealed, self.secret, _context(key_id, place))
        except InvalidTag as error:
            raise SealedError(changed(where)) from error
        return message.data, message.attributes, message.ordering_key


def changed(where: str) -> str:
    """Say that a row is not to be believed."""
    return f"{where}: its row is not as it was written; somebody changed the archive"


def _context(key_id: str, place: str) -> bytes:
    return f"{key_id} {place}".encode()

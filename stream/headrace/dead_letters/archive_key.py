"""The archive's key, which encrypts raw messages."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import Final

from cryptography.exceptions import InvalidTag

from headrace.core.message import Message
from headrace.core.sealed_messages import seal, unseal
from headrace.dead_letters.letter import Letter
from headrace.errors import Exit, HeadraceError

_PERSON: Final = b"headrace-archive"  # so that the same secret used elsewhere gives another key


class SealedError(HeadraceError, RuntimeError, error_code="HR-703", exit_code=Exit.CONFIGURATION):
    """A sealed row cannot be decrypted with this key. The message names the key that it needs."""


@dataclass(frozen=True, slots=True)
class ArchiveKey:
    """A key of 256 bits. Its *id* tells keys apart and reveals nothing else."""

    id: str
    secret: bytes = field(repr=False)

    @classmethod
    def of(cls, material: bytes) -> ArchiveKey:
        """Derive the key from the bytes of its file."""
        secret = hashlib.blake2b(material, digest_size=32, person=_PERSON).digest()
        return cls(hashlib.blake2b(secret, digest_size=4).hexdigest(), secret)

    def seal(self, letter: Letter, context: str) -> bytes:
        """Encrypt the fields :data:`SEALED` of *letter*, and authenticate *context* with them."""
        first_id = letter.first_message_id
        message = Message(letter.subject, letter.data, letter.attributes, first_id, 0, letter.ordering_key)
        return seal([message], self.secret, _associated_data(self.id, context))

    def unseal(self, letter: Letter, sealed: bytes, key_id: str, context: str, where: str) -> Letter:
        """Return *letter* with its decrypted fields :data:`SEALED`; *where* names the row in an error.

        Raises:
            SealedError: the row needs another key, or was changed or moved in the table.
        """
        if key_id != self.id:
            raise SealedError(
                f"{where}: sealed with key {key_id}, and archive_key_file holds key {self.id}; "
                f"set archive_key_file to the file of key {key_id}"
            )
        try:
            (message,) = unseal(sealed, self.secret, _associated_data(key_id, context))
        except InvalidTag as error:
            raise SealedError(tampered(where)) from error
        return replace(
            letter,
            data=message.data,
            attributes=message.attributes,
            ordering_key=message.ordering_key,
            first_message_id=message.message_id,
        )


def tampered(where: str) -> str:
    """Return an error message about a row that was changed after it was written."""
    return f"{where}: the row was changed after it was written; check who can write to the archive"


def _associated_data(key_id: str, context: str) -> bytes:
    return f"{key_id} {context}".encode()

"""Bodies of messages as they are stored: as they are, or encrypted with AES-256-GCM."""

from __future__ import annotations

import hashlib
import os
from typing import Final, Protocol

from headrace.producers.outbox.errors import OutboxKeyError

KEY_BYTES: Final = 32  # least length of a secret
_PURPOSE: Final = b"headrace outbox key\n"
_ID_PURPOSE: Final = b"headrace outbox key id\n"
_NONCE_BYTES: Final = 12


class Sealing(Protocol):
    """A way to store bodies; *key_id* names the key, and is empty without encryption."""

    key_id: str

    def seal(self, body: bytes, context: bytes) -> bytes:
        """Return *body* as it is stored. What is sealed for one *context* cannot be opened with another."""

    def unseal(self, stored: bytes, context: bytes) -> bytes:
        """Return the body. Raises ValueError if it was stored with another key, for another context, or changed."""


class Plain:
    """Stores bodies as they are."""

    key_id = ""

    def seal(self, body: bytes, context: bytes) -> bytes:
        """Return *body*."""
        return body

    def unseal(self, stored: bytes, context: bytes) -> bytes:
        """Return *stored*."""
        return stored


class Sealed:
    """Encrypts bodies with a key derived from *secret*, at least 32 random bytes.

    Raises:
        OutboxKeyError: *secret* is too short, or the distribution ``cryptography`` is not installed.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) < KEY_BYTES:
            raise OutboxKeyError(f"key: shorter than {KEY_BYTES} bytes; give at least {KEY_BYTES} random bytes")
        try:
            from cryptography.exceptions import InvalidTag
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        except ImportError as error:
            remedy = "run pip install 'headrace-producers[encryption]'"
            raise OutboxKeyError(f"key: encryption needs the distribution cryptography; {remedy}") from error
        self.key_id = hashlib.sha256(_ID_PURPOSE + secret).hexdigest()[:16]
        self._cipher = AESGCM(hashlib.sha256(_PURPOSE + secret).digest())
        self._invalid = InvalidTag

    def seal(self, body: bytes, context: bytes) -> bytes:
        """Return a random nonce, then the ciphertext."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, body, context)

    def unseal(self, stored: bytes, context: bytes) -> bytes:
        """Return the body. Raises ValueError if it cannot be decrypted."""
        try:
            return self._cipher.decrypt(stored[:_NONCE_BYTES], stored[_NONCE_BYTES:], context)
        except self._invalid:
            raise ValueError("cannot be decrypted") from None


def sealing(key: bytes | None) -> Sealing:
    """Return the way to store bodies with *key*, or without encryption."""
    return Plain() if key is None else Sealed(key)

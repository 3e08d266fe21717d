"""The original messages of a micro-batch, encrypted so that they can accompany its masked rows.

They are decrypted only if a later step refuses a row, to make its dead letter.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import Any

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from headrace.core.message import Message

_PURPOSE = b"headrace sealing key\n"
_NONCE_BYTES = 12
_LENGTH_BYTES = 4


def sealing_key(secret: bytes) -> bytes:
    """Derive a 256-bit key from *secret*: the same for every worker of a job, also after an update of the job."""
    return hashlib.sha256(_PURPOSE + secret).digest()


def seal(messages: Sequence[Message], key: bytes, context: bytes | None = None) -> bytes:
    """Encrypt *messages* with AES-256-GCM: return the nonce, then the ciphertext of a JSON header and all payloads.

    Messages sealed for one *context* cannot be decrypted with another.
    """
    header = orjson.dumps([_described(message) for message in messages])
    plain = b"".join([len(header).to_bytes(_LENGTH_BYTES, "big"), header, *(m.data for m in messages)])
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, context)


def unseal(sealed: bytes, key: bytes, context: bytes | None = None) -> list[Message]:
    """Decrypt the result of :func:`seal`.

    Raises:
        cryptography.exceptions.InvalidTag: the key or the context is another, or the bytes were changed.
    """
    plain = AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context)
    position = _LENGTH_BYTES + int.from_bytes(plain[:_LENGTH_BYTES], "big")
    messages = []
    for subject, length, attributes, message_id, published_at, ordering_key, *subscription in orjson.loads(
        plain[_LENGTH_BYTES:position]
    ):
        data = plain[position : position + length]
        messages.append(Message(subject, data, attributes, message_id, published_at, ordering_key, *subscription))
        position += length
    return messages


def _described(message: Message) -> tuple[Any, ...]:
    """Return a message without its payload. Only one of an existing subscription names it: older jobs read the rest."""
    named = (message.subscription,) if message.subscription else ()
    given = dict(message.attributes), message.message_id, message.published_at, message.ordering_key
    return (message.subject, len(message.data), *given, *named)

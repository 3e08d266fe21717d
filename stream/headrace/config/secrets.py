"""The places of keys. A pipeline's graph names a key, and the process that needs the key reads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Final, NoReturn, Protocol

from headrace.config.profiles import SettingsError
from headrace.runtime.google_clients import open_secrets

KEY_BYTES: Final = 32  # the least length of a key


class Key(Protocol):
    """The place of a key."""

    def read(self) -> bytes:
        """Return the key, of `KEY_BYTES` or more."""


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key in the memory of this process. It cannot be pickled, because buckets, logs and consoles show a graph."""

    value: bytes = field(repr=False)

    def read(self) -> bytes:
        """Return the key."""
        return self.value

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is never pickled; name the version in Secret Manager that holds it")


@dataclass(frozen=True, slots=True)
class SecretVersion:
    """A key in Secret Manager: ``projects/P/secrets/S/versions/N``."""

    name: str

    def read(self) -> bytes:
        """Return the key; Secret Manager is called once in a process.

        Raises:
            SettingsError: the key is shorter than `KEY_BYTES`. Raises the client's errors too.
        """
        return _read_version(self.name)


@cache
def _read_version(name: str) -> bytes:
    """Read a version once for all steps and threads of a worker, because it never changes."""
    value: bytes = open_secrets().access_secret_version(name=name).payload.data
    if len(value) < KEY_BYTES:
        raise SettingsError(f"{name}: shorter than {KEY_BYTES} bytes; store {KEY_BYTES} random bytes as a new version")
    return value

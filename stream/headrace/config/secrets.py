"""Where keys are kept. A pipeline's graph names them; whoever needs one reads it where it works."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Final, NoReturn, Protocol

from headrace.config.profiles import SettingsError
from headrace.runtime.google_clients import open_secrets

KEY_BYTES: Final = 32  # a key has as many at least


class Key(Protocol):
    """Where a key is kept."""

    def read(self) -> bytes:
        """The key, `KEY_BYTES` or more."""


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key in the memory of this process. It refuses to be pickled: a graph lies in buckets, logs and consoles."""

    value: bytes = field(repr=False)

    def read(self) -> bytes:
        """The key."""
        return self.value

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is never pickled; name the version in Secret Manager that holds it")


@dataclass(frozen=True, slots=True)
class SecretVersion:
    """A key in Secret Manager: ``projects/P/secrets/S/versions/N``."""

    name: str

    def read(self) -> bytes:
        """The key; asked for once in a process.

        Raises:
            SettingsError: it is shorter than `KEY_BYTES`; or what Secret Manager answers.
        """
        return _read_version(self.name)


@cache
def _read_version(name: str) -> bytes:
    """A version never changes, so once is enough for all steps and threads of a worker."""
    value: bytes = open_secrets().access_secret_version(name=name).payload.data
    if len(value) < KEY_BYTES:
        raise SettingsError(f"{name}: shorter than {KEY_BYTES} bytes; store {KEY_BYTES} random bytes as a new version")
    return value

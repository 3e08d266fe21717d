"""Access to a registry: its place, credentials and certificates."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ReadAuthorization = Callable[[], str | None]


def no_authorization() -> None:
    """Return no header: the registry asks for no credentials."""


def basic(username: str, password: str) -> str:
    """Return the header of a user with a password (RFC 7617, in UTF-8).

    >>> basic("Aladdin", "open sesame")
    'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=='
    """
    return f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"


@dataclass(frozen=True, slots=True)
class RegistryAccess:
    """The base *url* and how to call it. *authorization* reads the credentials before each request.

    *native_url* is the base of Apicurio's own API, which alone knows global ids. *client_certificate* names the files
    of a certificate and its key.
    """

    url: str
    native_url: str | None = None
    authorization: ReadAuthorization = field(default=no_authorization, repr=False)
    ca_file: Path | None = None
    client_certificate: tuple[Path, Path] | None = None

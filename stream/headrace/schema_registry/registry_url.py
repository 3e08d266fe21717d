"""The base URL of a registry, which is also its identity."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_CCOMPAT: Final = re.compile(r"/apis/ccompat/v[0-9]+$")
_PATH: Final = re.compile(r"[A-Za-z0-9/._~!$&'()*+,;=:@%-]*")


def checked_url(text: str) -> str:
    """Return a base URL in one form: scheme and host in lower case, no default port, no slash at the end.

    >>> checked_url("HTTP://Registry.Example:80/apis/ccompat/v7/")
    'http://registry.example/apis/ccompat/v7'

    Raises:
        ValueError: it is not a base URL; the text has the remedy and not the URL, which may contain a password.
    """
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("not a URL; write http:// or https://, a host and a path") from None
    if parts.scheme not in _DEFAULT_PORTS or not host or not text.isascii():
        raise ValueError("not a URL of http or https; write http:// or https://, a host and a path")
    if "@" in parts.netloc:
        raise ValueError(
            "contains a user; remove it, and set schema_registry.username and schema_registry.password_file"
        )
    if parts.query or parts.fragment or "?" in text or "#" in text or not _PATH.fullmatch(parts.path):
        raise ValueError("not a base URL; leave out ?, # and what follows them")
    name = f"[{host}]" if ":" in host else host
    place = name if port in (None, _DEFAULT_PORTS[parts.scheme]) else f"{name}:{port}"
    return f"{parts.scheme}://{place}{parts.path.rstrip('/')}"


def origin_of(url: str) -> str:
    """Return scheme, host and port of a checked URL.

    >>> origin_of("http://registry.example:8081/apis/ccompat/v7")
    'http://registry.example:8081'
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def native_url_of(url: str) -> str | None:
    """Return the base URL of Apicurio's native API beside its Confluent API; None if *url* is not of Apicurio's form.

    >>> native_url_of("http://registry.example/apis/ccompat/v7")
    'http://registry.example/apis/registry/v2'
    """
    return _CCOMPAT.sub("/apis/registry/v2", url) if _CCOMPAT.search(url) else None

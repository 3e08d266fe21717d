"""GET requests with bounded times and sizes. Redirects are not followed, and no error contains a credential."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Final

import requests
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError, IncompleteRead

from headrace.schema_registry.registry_access import RegistryAccess
from headrace.schema_registry.registry_errors import (
    RegistryAnswerError,
    RegistryAwayError,
    RegistryError,
    RegistryRefusedError,
)

MOST_BYTES: Final = 4_194_304  # of one answer
_CHUNK: Final = 65_536
_ACCEPT: Final = "application/vnd.schemaregistry.v1+json, application/json;q=0.9, */*;q=0.1"
_SLOW: Final = frozenset({408, 425, 429})  # try again later
_LOCKED: Final = frozenset({401, 403, 407})


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Seconds that a request may take: to connect, between two pieces of the answer, and as a whole."""

    connect: float = 3.0
    read: float = 5.0
    whole: float = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with status 200 or 404."""

    status: int
    media_type: str
    body: bytes = field(repr=False)


class BoundedHttp:
    """Client of one registry. Any thread may use it; each has connections of its own."""

    def __init__(
        self, access: RegistryAccess, limits: TimeLimits | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._access = access
        self._limits = limits or TimeLimits()
        self._now = now
        self._threads = threading.local()

    def get(self, url: str) -> Answer:
        """Return the answer of *url*, which must begin with a base URL of the registry.

        Raises:
            RegistryError: there is no such answer; the subclass says why.
        """
        until = self._now() + self._limits.whole
        try:
            with self._send(url) as response:
                self._check_status(response.status_code)
                return Answer(response.status_code, _media_type(response), self._body(response, until))
        except RegistryError:
            raise
        except requests.exceptions.SSLError:
            failure: RegistryError = self._away(
                "TLS fails", "set schema_registry.ca_file, and check the client certificate"
            )
        except (requests.Timeout, TimeoutError):
            failure = self._slow()
        except (IncompleteRead, requests.exceptions.ChunkedEncodingError):
            failure = self._away("its answer is cut off", "look at its log and at proxies before it")
        except (requests.ConnectionError, HTTPError):
            failure = self._away("no connection", "check schema_registry.url, and that it runs")
        except (requests.RequestException, OSError):
            failure = self._answer(
                "the request cannot be sent", "check schema_registry.url and the files of certificates"
            )
        raise failure  # here, without the caught error as its context, which holds the request with its credentials

    def _send(self, url: str) -> requests.Response:
        access = self._access
        certificate = access.client_certificate
        return self._session().get(
            url,
            headers={"Accept": _ACCEPT, "Accept-Encoding": "identity"},
            timeout=(self._limits.connect, self._limits.read),
            verify=str(access.ca_file) if access.ca_file else True,
            cert=(str(certificate[0]), str(certificate[1])) if certificate else None,
            allow_redirects=False,
            stream=True,
        )

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._threads, "session", None)
        if session is None:
            session = requests.Session()
            session.auth = _Authorization(self._access)  # set always, so that requests reads no .netrc
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            self._threads.session = session
        return session

    def _check_status(self, status: int) -> None:
        if status in (200, 404):
            return
        if status in _LOCKED:
            remedy = "set schema_registry.username and schema_registry.password_file, or schema_registry.token_file"
            raise RegistryRefusedError(f"{self._access.url}: refuses the credentials (HTTP {status}); {remedy}")
        if status >= 500 or status in _SLOW:
            raise self._away(f"answers with HTTP {status}", "look at its log")
        if 300 <= status < 400:
            raise self._answer(
                f"redirects (HTTP {status})", "set schema_registry.url to the final address, with its path"
            )
        raise self._answer(f"answers with HTTP {status}", "check schema_registry.url")

    def _body(self, response: requests.Response, until: float) -> bytes:
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise self._answer("compresses its answer unasked", "look at proxies before it")
        pieces: list[bytes] = []
        size = 0
        while piece := response.raw.read1(_CHUNK):
            pieces.append(piece)
            size += len(piece)
            if size > MOST_BYTES:
                raise self._answer(f"answers with more than {MOST_BYTES:,} bytes", "check schema_registry.url")
            if self._now() > until:
                raise self._slow()
        return b"".join(pieces)

    def _slow(self) -> RegistryAwayError:
        return self._away(f"no answer within {self._limits.whole:g} s", "look at its log and at the network")

    def _away(self, why: str, remedy: str) -> RegistryAwayError:
        return RegistryAwayError(f"{self._access.url}: {why}; {remedy}")

    def _answer(self, why: str, remedy: str) -> RegistryAnswerError:
        return RegistryAnswerError(f"{self._access.url}: {why}; {remedy}")


class _Authorization(AuthBase):
    """Sets the header of the credentials, which are read anew for each request."""

    def __init__(self, access: RegistryAccess) -> None:
        self._read = access.authorization

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        header = self._read()
        if header is not None:
            request.headers["Authorization"] = header
        return request


def _media_type(response: requests.Response) -> str:
    return response.headers.get("Content-Type", "").partition(";")[0].strip().lower()

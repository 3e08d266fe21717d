"""Questions to the engine that runs with a journal, through the socket in the journal's folder."""

from __future__ import annotations

import json
import time
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from headrace.core.engine_report import SOCKET, STATUS_PAGE, TAP_PAGE, EngineReport
from headrace.errors import Exit, HeadraceError
from headrace.runtime.unix_socket import connected_to

SECONDS: Final = 5.0  # for one answer
_PAUSE_SECONDS: Final = 0.05  # before the question is asked again
_REPORT: Final = TypeAdapter(EngineReport)


class EngineSilentError(HeadraceError, ConnectionError, error_code="HR-517", exit_code=Exit.UNREACHABLE):
    """The engine with this journal cannot be asked, or gives no answer. The text gives the cause and the remedy."""


class UnknownSubjectError(HeadraceError, LookupError, error_code="HR-323", exit_code=Exit.USAGE):
    """The engine has no subject of this name."""


class _Connection(HTTPConnection):
    """An HTTP connection over the socket at *path*."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = connected_to(self._path, SECONDS)


def engine_report(journal: Path) -> EngineReport | None:
    """Return the report of the engine that runs with *journal*; None without such an engine on this machine.

    Raises:
        EngineSilentError: the engine gives no answer, or belongs to another account.
    """
    answer = _ask(journal, STATUS_PAGE)
    if answer is None:
        return None
    try:
        return _REPORT.validate_json(answer[1])
    except ValidationError:
        raise EngineSilentError(
            f"{journal}: the engine's report cannot be read; it may have another version of Headrace: install the same"
        ) from None


def tapped(journal: Path, subject: str, after: int) -> dict[str, Any] | None:
    """Return the latest events of *subject* after the number *after*; None if no engine runs with *journal*.

    Raises:
        UnknownSubjectError: the engine does not have this subject.
        EngineSilentError: as above.
    """
    answer = _ask(journal, f"{TAP_PAGE}/{subject}/{after}")
    if answer is None:
        return None
    status, body = answer
    if status == HTTPStatus.NOT_FOUND:
        raise UnknownSubjectError(f"{subject}: the engine has no such subject; `headrace status` lists them")
    return dict(json.loads(body))


def _ask(journal: Path, page: str) -> tuple[int, bytes] | None:
    """Return status and body of *page*; None if no engine runs with *journal*.

    An engine that ends cuts off the connections it has. So the question is asked again after a cut: either the socket
    is gone by then, or the engine still runs and had too many connections.
    """
    until = time.monotonic() + SECONDS
    while True:
        try:
            return _asked_once(journal, page)
        except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
            return None
        except PermissionError:
            raise EngineSilentError(
                f"{journal}: belongs to another account; run this as the account of the engine"
            ) from None
        except (ConnectionError, HTTPException):
            if time.monotonic() >= until:
                raise EngineSilentError(
                    f"{journal}: the engine cuts off each question; see its log, or try again"
                ) from None
            time.sleep(_PAUSE_SECONDS)
        except OSError:
            raise EngineSilentError(
                f"{journal}: the engine gives no answer within {SECONDS:g} s; see its log, or try again"
            ) from None


def _asked_once(journal: Path, page: str) -> tuple[int, bytes]:
    connection = _Connection(journal / SOCKET)
    try:
        connection.request("GET", page)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()

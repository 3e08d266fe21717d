"""A socket in the journal's folder, on which a running engine tells its own account how it is.

``headrace status`` and ``headrace tail`` ask there. The folder belongs to the engine's account alone, so the answers
say more than ``/readyz``: whole problems, and rows, which are masked. The engine runs on without the socket if the
folder takes none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from typing import Any, Final

import structlog
from pydantic import TypeAdapter

from headrace.bigquery.row_json import columns_of_table, rows_to_json
from headrace.core.engine_report import SOCKET, STATUS_PAGE, TAP_PAGE, EngineReport
from headrace.engine.embedded import Embedded
from headrace.engine.report import Reporter
from headrace.engine.tap import TappedEvent
from headrace.runtime.page_server import Page, Pages, serving
from headrace.runtime.unix_socket import listening_at
from headrace.schemas.envelope import from_micros, to_rfc3339
from headrace.schemas.model import Record

_LOG = structlog.get_logger("headrace")
_REPORT: Final = TypeAdapter(EngineReport)


@contextmanager
def serving_status(engine: Embedded, reporter: Reporter) -> Iterator[None]:
    """Answer on the socket in the journal's folder while the block runs; log a warning if that is not possible."""
    path = engine.journal.directory / SOCKET
    with ExitStack() as opened:
        try:
            listener = opened.enter_context(listening_at(path))
        except OSError as error:
            _LOG.warning("no_status_socket", path=str(path), why=error.strerror)
        else:
            opened.enter_context(serving(listener, pages_of(engine, reporter)))
        yield


def pages_of(engine: Embedded, reporter: Reporter) -> Pages:
    """Return a function that returns the page for a path: the report, or the latest events of a subject."""

    def page(path: str) -> Page:
        match path.split("/")[1:]:
            case ["status"]:
                return Page(HTTPStatus.OK, "application/json", _REPORT.dump_json(reporter.report()))
            case ["tap", subject, after] if subject in engine.contracts.job.registry.subjects and after.isdecimal():
                return Page(HTTPStatus.OK, "application/json", _tapped(engine, subject, int(after)))
            case _:
                places = f"{STATUS_PAGE}, or {TAP_PAGE}/SUBJECT/NUMBER\n"
                return Page(HTTPStatus.NOT_FOUND, "text/plain", places.encode())

    return page


def _tapped(engine: Embedded, subject: str, after: int) -> bytes:
    tapped = engine.status.subjects[subject].tap.look(after)
    columns = columns_of_table(engine.contracts.job.registry.latest(subject))
    events = [_event(columns, each) for each in tapped.events]
    return json.dumps({"events": events, "last": tapped.last, "seen": tapped.seen}).encode()


def _event(columns: Record, event: TappedEvent) -> dict[str, Any]:
    return {
        "number": event.number,
        "at": to_rfc3339(from_micros(event.at)),
        "outcome": event.outcome,
        "published_at": to_rfc3339(from_micros(event.published_at)),
        "letter_id": event.letter_id,
        "reason": event.reason,
        "detail": event.detail,
        "row": None if event.row is None else rows_to_json(columns, event.row)[0],
    }

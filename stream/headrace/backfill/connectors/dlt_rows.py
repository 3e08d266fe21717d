"""Rows of dlt's sources, one at a time; at most one page is in memory.

A source is used as an iterator, never in a pipeline, so rows are not on disk before they are masked (docs/adr/0012).
Only this module imports dlt, when rows are requested, and it turns dlt's telemetry off.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from math import isfinite
from typing import Any, Final
from urllib.parse import urlsplit

from headrace.backfill.connectors.connector_config import Api, Pull, Sql
from headrace.backfill.connectors.connector_errors import PullError, SourceAwayError
from headrace.backfill.connectors.cursor import Cursor, is_later
from headrace.schemas.strict_json import InvalidJsonError, read_json

ATTEMPT_SECONDS: Final = 60.0  # of one request; also the longest wait before the next attempt


def require_dlt() -> None:
    """Import dlt, with its telemetry off.

    Raises:
        ModuleNotFoundError: the extra is not installed.
    """
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    import dlt
    import sqlalchemy

    del dlt, sqlalchemy


def rows_of(pull: Pull, start: Any) -> Iterator[Any]:
    """Yield the rows whose cursor is *start* or later, or all rows for None; in the cursor's order if it is ordered.

    Raises:
        PullError: the rows cannot be pulled, or not completely; names the key, the problem and the remedy, never data
            of a row.
    """
    require_dlt()
    from dlt.common.exceptions import DltException
    from requests import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    source, began = pull.source, False
    try:
        of = _of_table(source, pull.cursor, start) if isinstance(source, Sql) else _of_api(source, pull.cursor, start)
        for row in of:
            began = True
            yield row
    except (DltException, SQLAlchemyError, RequestException, ImportError, ValueError, OSError) as error:
        raise _explained(error, began) from error


def _of_table(sql: Sql, cursor: Cursor | None, start: Any) -> Iterator[Any]:
    from dlt.sources.sql_database import sql_table

    def newer(query: Any, table: Any) -> Any:
        if cursor is None:
            return query
        if cursor.column not in table.c:
            raise PullError(f"cursor.column: the table {sql.table} has no column {cursor.column}; {_names(table)}")
        column = table.c[cursor.column]
        if start is not None:  # a row without a cursor might be new each time
            query = query.where((column >= _as_stored(start, table, sql.url)) | column.is_(None))
        return query.order_by(column)

    yield from sql_table(
        credentials=sql.url,
        table=sql.table,
        schema=sql.schema or None,
        chunk_size=sql.page_rows,
        backend="sqlalchemy",
        reflection_level="minimal",
        query_adapter_callback=newer,
        table_adapter_callback=_read_numbers_as_they_are if sql.url.startswith("sqlite") else None,
    )


def _read_numbers_as_they_are(table: Any) -> Any:
    """Read SQLite's doubles as decimals with the same digits.

    SQLAlchemy would round them to ten digits, and fail for texts.
    """
    from sqlalchemy.types import Numeric, TypeDecorator

    class AsPrinted(TypeDecorator[Any]):
        impl = Numeric(asdecimal=False)
        cache_ok = True

        def process_result_value(self, value: Any, dialect: Any) -> Any:
            return Decimal(repr(value)) if isinstance(value, float) and isfinite(value) else value

    for column in table.c:
        if getattr(column.type, "asdecimal", False):
            column.type = AsPrinted()
    return table


def _as_stored(start: Any, table: Any, url: str) -> Any:
    """Return *start* as the database compares it; for SQLite a second earlier.

    SQLite's times are texts: '05:00' sorts before '05:00.000000', so such a row would be missed.
    """
    if isinstance(start, datetime) and url.startswith("sqlite"):
        return start - timedelta(seconds=1)
    return start


def _names(table: Any) -> str:
    return f"its columns are {', '.join(table.c.keys())}"


def _of_api(api: Api, cursor: Cursor | None, start: Any) -> Iterator[Any]:
    from dlt.sources.rest_api import rest_api_resources

    parameters = dict(api.parameters)
    if cursor is not None and cursor.parameter and start is not None:
        parameters[cursor.parameter] = start
    config: Any = (  # a TypedDict of dlt, whose parts come from a file
        {
            "client": {"base_url": api.url, "headers": dict(api.headers), "session": _session(api)}
            | ({"auth": dict(api.auth)} if api.auth else {}),
            "resources": [
                {
                    "name": "rows",
                    "endpoint": {
                        "path": api.path,
                        "params": parameters,
                        "paginator": dict(api.paging),
                        "data_selector": api.records,
                        "response_actions": [partial(_page, api.records)],
                    },
                }
            ],
        }
    )
    (resource,) = rest_api_resources(config)
    if cursor is None or cursor.parameter or start is None:
        yield from resource
    else:
        yield from (row for row in resource if _may_be_new(row, cursor, start))


def _may_be_new(row: Any, cursor: Cursor, start: Any) -> bool:
    value = at(row, cursor.column)
    return value is None or not is_later(start, value)


def at(row: Any, path: str) -> Any:
    """Return the value of a row at *path*: a column, or with dots a nested value; None if there is no such value."""
    if not isinstance(row, dict):
        return None
    if path in row or "." not in path:
        return row.get(path)
    first, _, rest = path.partition(".")
    return at(row.get(first), rest)


def _session(api: Api) -> Any:
    """Return a session that repeats requests after 429, 5xx and lost connections, and sends them to one host only.

    It waits as long as Retry-After asks. Without the check of the host, a link to a next page or a redirect could send
    credentials to another host.
    """
    from dlt.sources.helpers.requests import Client

    session: Any = Client(
        request_timeout=ATTEMPT_SECONDS,
        raise_for_status=False,
        request_max_attempts=api.attempts,
        request_backoff_factor=0.5,
        request_max_retry_delay=ATTEMPT_SECONDS,
    ).session
    send, home = session.send, urlsplit(api.url)[:2]

    def send_home(request: Any, **options: Any) -> Any:
        if urlsplit(request.url)[:2] != home:
            raise PullError(f"api.url: it points to another host ({urlsplit(request.url).hostname}); name that host")
        return send(request, **options)

    session.send = send_home
    return session


def _page(records: str, response: Any, *_: Any, **__: Any) -> Any:
    """Parse a page once with exact numbers; refuse one without a list of rows, which would count as the last."""
    from dlt.common import jsonpath

    if response.status_code >= 400 or response.is_redirect:
        return response
    try:
        page = read_json(response.content)
    except InvalidJsonError as error:
        raise PullError(f"api: its answer is {error.why}; look at the address and the headers") from None
    found = jsonpath.find_values(records, page)
    if len(found) != 1 or not isinstance(found[0], list):
        raise PullError(f"api.records: a page has no list at {records!r}; name where a page holds its rows")
    response.json = lambda **_: page
    return response


def _explained(error: BaseException, began: bool) -> PullError:
    import requests
    from sqlalchemy.exc import NoSuchTableError, OperationalError

    for each in _causes(error):
        match each:
            case PullError():
                return each
            case NoSuchTableError():
                return PullError("sql.table: no such table or view; name one that this user may read")
            case OperationalError():
                # only before the first row, so that the text contains no row
                why = type(each.orig).__name__ if began else _first_line(each.orig)
                return SourceAwayError(f"sql: the database does not answer ({why}){_AGAIN}")
            case ModuleNotFoundError():
                return PullError(f"sql.url: it needs the driver {each.name}; pip install {each.name}")
            case requests.HTTPError(response=requests.Response() as response):
                return _refused(response.status_code)
            case requests.ConnectionError() | requests.Timeout() | requests.exceptions.ChunkedEncodingError():
                return SourceAwayError(f"api: no answer ({type(each).__name__}){_AGAIN}")
    root = type(list(_causes(error))[-1]).__name__
    return PullError(f"it cannot be pulled any further ({root}){_AGAIN}")


def _first_line(error: Any) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _refused(status: int) -> PullError:
    if status == 429 or status >= 500:
        return SourceAwayError(f"api: it keeps answering {status}{_AGAIN}")
    what = "api.auth: refused" if status in (401, 403) else "api: refused"
    return PullError(f"{what} with {status}; look at address, parameters and authentication")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


_AGAIN: Final = "; what came before is written: run it again and it goes on there"

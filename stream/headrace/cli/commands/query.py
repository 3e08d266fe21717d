"""``headrace query``: run one query that reads, and print its rows."""

from __future__ import annotations

import base64
import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any, Final, NamedTuple

from google.api_core.exceptions import BadRequest, GoogleAPICallError, NotFound, RetryError, ServerError
from google.cloud import bigquery

from headrace.config.settings import Settings
from headrace.errors import Exit, HeadraceError
from headrace.runtime.google_clients import BIGQUERY, emulator_host, open_bigquery
from headrace.runtime.reachability import Service, UnreachableError, reach
from headrace.schemas.envelope import to_rfc3339
from headrace.util.output import check_format, print_json, say, show
from headrace.util.printed_table import print_table

TABLE_ROWS: Final = 100
_GIGABYTE: Final = 10**9
_READS: Final = "SELECT"
_NOTHING: Final = (
    "nothing to show; a row can be read as soon as the job has written it, and `headrace status` shows what waits"
)


class QueryError(HeadraceError, ValueError, error_code="HR-326", exit_code=Exit.USAGE):
    """The query is refused: by BigQuery, because it does not only read, or because it reads too much."""


class Limits(NamedTuple):
    """The most rows to print, None for the format's own limit, and the most gigabytes to read, 0 for no limit."""

    rows: int | None
    gigabytes: float


def run_query(settings: Settings, sql: str, limits: Limits, dry_run: bool, format_: str) -> None:
    """Run *sql* in the dataset of the settings, and print its rows.

    Raises:
        QueryError: BigQuery refuses it, it does not only read, or it reads more than the limit.
        UnreachableError: BigQuery or its emulator does not answer, or answers each attempt with a failure of its own.
    """
    check_format(format_, "csv")
    reach(Service.BIGQUERY)
    client = open_bigquery(settings.project)
    dataset = f"{settings.project}.{settings.dataset}"
    try:
        reads = _check(client, dataset, sql, limits)
        if dry_run:
            _show_costs(reads, format_)
            return
        rows = client.query(sql, job_config=bigquery.QueryJobConfig(default_dataset=dataset)).result()
    except (BadRequest, NotFound) as error:
        raise QueryError(f"BigQuery refuses the query: {_reason(error)}") from None
    except (RetryError, ServerError) as error:
        raise UnreachableError(_failure(error)) from None
    most = limits.rows or (TABLE_ROWS if format_ == "table" else None)
    _print([field.name for field in rows.schema], (dict(row.items()) for row in rows), rows.total_rows, most, format_)


def _check(client: bigquery.Client, dataset: str, sql: str, limits: Limits) -> int:
    """Return how many bytes *sql* would read, by a dry run, which costs nothing."""
    config = bigquery.QueryJobConfig(default_dataset=dataset, dry_run=True, use_query_cache=False)
    job = client.query(sql, job_config=config)
    if job.statement_type not in (_READS, None):
        raise QueryError(f"the query is {job.statement_type}, which changes something; only SELECT is accepted here")
    reads = int(job.total_bytes_processed or 0)
    if limits.gigabytes and reads > limits.gigabytes * _GIGABYTE:
        raise QueryError(
            f"the query reads {reads / _GIGABYTE:,.1f} GB, more than the limit of {limits.gigabytes:g}; narrow it by "
            "_event_time, or raise --max-gigabytes"
        )
    return reads


def _show_costs(reads: int, format_: str) -> None:
    if format_ == "table":
        say(f"the query would read {reads:,} bytes; nothing was run")
    else:
        print_json({"bytes": reads})


def _print(
    columns: Sequence[str], rows: Iterable[Mapping[str, Any]], total: int | None, most: int | None, format_: str
) -> None:
    shown = ({name: plain(value) for name, value in row.items()} for row in islice(rows, most))
    if format_ == "ndjson":
        for row in shown:
            print_json(row)
    elif format_ == "csv":
        written = csv.writer(sys.stdout, lineterminator="\n")
        written.writerow(columns)
        written.writerows([row[name] for name in columns] for row in shown)
    elif format_ == "json":
        show("rows", list(shown), format_)
    else:
        _show_table([{name: _cell(value) for name, value in row.items()} for row in shown])
    if most is not None and total is not None and total > most:
        say(f"and {total - most:,} more rows; --limit shows more")


def _show_table(rows: Sequence[Mapping[str, str]]) -> None:
    """Print names of columns and values as a query can take them: without separators of thousands, and in JSON."""
    if rows:
        print_table(rows, verbatim=True)
    else:
        say(_NOTHING)


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def plain(value: Any) -> Any:
    """Return a value of BigQuery as JSON has it: times in RFC 3339, decimals and intervals as text, bytes in base64."""
    match value:
        case datetime() if value.tzinfo is not None:
            return to_rfc3339(value.astimezone(UTC))
        case date() | time():
            return value.isoformat()
        case Decimal() | timedelta():
            return str(value)
        case bytes():
            return base64.b64encode(value).decode()
        case list() | tuple():
            return [plain(each) for each in value]
        case Mapping():
            return {name: plain(each) for name, each in value.items()}
        case None | bool() | int() | float() | str():
            return value
        case _:
            return str(value)


def _failure(error: RetryError | ServerError) -> str:
    """Return what BigQuery or its emulator answered to the last attempt, and the remedy."""
    last = error.cause if isinstance(error, RetryError) else error
    said = f"{last.code:d}: {_reason(last)}" if isinstance(last, GoogleAPICallError) and last.code else str(last)
    if emulator_host(BIGQUERY):
        remedy = "the emulator cannot run this query; its log has the reason: .headrace/bigquery-emulator.log"
    else:
        remedy = "run it again later"
    return f"{Service.BIGQUERY.place} answers with a failure ({said}); {remedy}"


def _reason(error: GoogleAPICallError) -> str:
    """Return the first line of BigQuery's own words, without the address of the call."""
    text = error.errors[0].get("message") if error.errors else error.message
    return str(text or error.message).splitlines()[0]

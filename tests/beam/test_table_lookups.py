"""A table that cannot be asked."""

from __future__ import annotations

import pytest
from google.api_core.exceptions import Forbidden, GoogleAPIError, InvalidArgument, NotFound

from headrace.beam.table_lookups import EventTable, LookupFailedError, _lookup_errors
from headrace.runtime.call_failures import plain
from headrace.runtime.google_clients import open_bigquery
from tests.support.shard_state import TABLE

NAME = plain(TABLE)


def test_a_lookup_without_an_answer_reports_that_it_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "127.0.0.1:1")  # no server is there
    table = EventTable(open_bigquery("p"), TABLE)
    with pytest.raises(LookupFailedError, match=rf"^{NAME}: the service does not answer; it is tried again$"):
        table.is_empty()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Forbidden("x"), r"permission denied; .*bigquery\.jobs\.create.*tables\.getData on it"),
        (NotFound("x"), "the table does not exist; `headrace provision` creates it"),
        (InvalidArgument("x"), r"the service answers 400 \(Bad Request\); the job needs"),
    ],
    ids=repr,
)
def test_a_failed_lookup_names_the_table_and_the_remedy(error: GoogleAPIError, expected: str) -> None:
    with pytest.raises(LookupFailedError, match=f"^{NAME}: {expected}"), _lookup_errors(TABLE):
        raise error

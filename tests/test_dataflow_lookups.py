"""A table that cannot be asked."""

from __future__ import annotations

import pytest

from stream.clients import open_bigquery
from stream.dataflow.lookups import EventTable, LookupFailedError
from tests.ledgers import TABLE


def test_a_lookup_that_fails_says_who_needs_what(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "127.0.0.1:1")  # nobody answers there
    table = EventTable(open_bigquery("p"), TABLE)
    with pytest.raises(LookupFailedError, match=r"tables/things: .*bigquery\.jobs\.create.*tables\.getData on it"):
        table.is_empty()

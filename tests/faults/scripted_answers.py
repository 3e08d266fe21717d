"""Answers for the script: what BigQuery may say, and the emulator never does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import grpc
from google.cloud.bigquery_storage_v1 import types as wire

from tests.faults.scripted_streams import AbortedCallError, Append, Rule, error

_SAID = "a value may stand here"


def answer(status: grpc.StatusCode, storage: str = "") -> Rule:
    """Write nothing and answer with an error."""
    return lambda _: error(status, storage)


def abort(status: grpc.StatusCode, storage: str = "") -> Rule:
    """Write nothing and end the call with a status; *storage* is the service's own name of it, in the details."""
    details = wire.AppendRowsResponse.pb(error(status, storage)).error.SerializeToString() if storage else b""
    return abort_with(status, details)


def abort_with(status: grpc.StatusCode, details: bytes) -> Rule:
    """Write nothing and end the call with a status and details of it."""

    def rule(_: Append) -> wire.AppendRowsResponse:
        raise AbortedCallError(status, details=details)

    return rule


def refuse_rows(offending: Callable[[dict[str, Any]], bool], said: str = _SAID) -> Rule:
    """Name the offending rows by index, and write nothing of a request that holds one."""

    def rule(append: Append) -> wire.AppendRowsResponse:
        indices = [index for index, row in enumerate(append.rows.to_pylist()) if offending(row)]
        return refuse_indices(append, indices, said)

    return rule


def refuse_indices(append: Append, indices: Sequence[int], said: str = _SAID) -> wire.AppendRowsResponse:
    """Name the rows at *indices*, and write nothing; write all when there are none."""
    if not indices:
        return append.write()
    code = wire.RowError.RowErrorCode.FIELDS_ERROR
    refused = error(grpc.StatusCode.INVALID_ARGUMENT)
    refused.row_errors = [wire.RowError(index=index, code=code, message=said) for index in indices]
    return refused


def refuse_batch(offending: Callable[[dict[str, Any]], bool], said: str = _SAID) -> Rule:
    """Refuse a request that holds an offending row as a whole, naming none."""

    def rule(append: Append) -> wire.AppendRowsResponse:
        if any(offending(row) for row in append.rows.to_pylist()):
            return error(grpc.StatusCode.INVALID_ARGUMENT, message=said)
        return append.write()

    return rule


def lose_answer(append: Append) -> wire.AppendRowsResponse:
    """Write, and then end the call as if the connection had broken."""
    append.write()
    raise AbortedCallError(grpc.StatusCode.UNAVAILABLE)


def never_answer(released: threading.Event) -> Rule:
    """Write, and then say nothing until *released*."""

    def rule(append: Append) -> wire.AppendRowsResponse:
        append.write()
        released.wait(120)
        raise AbortedCallError(grpc.StatusCode.UNAVAILABLE)

    return rule


def with_updated_schema(*columns: str) -> Rule:
    """Write, and mention that the table has more columns now."""

    def rule(append: Append) -> wire.AppendRowsResponse:
        response = append.write()
        names = [*append.rows.schema.names, *columns]
        string = wire.TableFieldSchema.Type.STRING
        fields = [wire.TableFieldSchema(name=name, type_=string) for name in names]
        response.updated_schema = wire.TableSchema(fields=fields)
        return response

    return rule

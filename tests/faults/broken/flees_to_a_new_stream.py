"""Opens a new stream when an answer is lost, and does not ask the old one what it holds."""

from __future__ import annotations

from headrace.bigquery.append_result import Answer, AppendResult, interpret
from headrace.engine import table_writer
from headrace.engine.table_writer import TableWriter


def interpret_badly(answer: Answer, attempted: bool) -> AppendResult:
    result = interpret(answer, attempted)
    return AppendResult.STREAM_GONE if result is AppendResult.UNKNOWN else result


def nothing_was_written(*_: object, **__: object) -> bool:
    return False


table_writer.interpret = interpret_badly  # type: ignore[attr-defined]
TableWriter._finalised_with = nothing_was_written  # type: ignore[method-assign]

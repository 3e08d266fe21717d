"""Opens a new stream when an answer is lost, and does not ask the old one what it holds."""

from __future__ import annotations

from headrace.bigquery.append_result import Answer, Verdict, judge
from headrace.engine import table_writer
from headrace.engine.table_writer import TableWriter


def judge_badly(answer: Answer, attempted: bool) -> Verdict:
    verdict = judge(answer, attempted)
    return Verdict.STREAM_GONE if verdict is Verdict.UNKNOWN else verdict


def nothing_was_written(*_: object) -> bool:
    return False


table_writer.judge = judge_badly
TableWriter._finalised_with = nothing_was_written  # type: ignore[method-assign]

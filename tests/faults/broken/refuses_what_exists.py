"""Takes ALREADY_EXISTS for a failure of the rows."""

from __future__ import annotations

from google.rpc import code_pb2 as code

from stream.engine import table_writer
from stream.verdicts import Answer, Verdict, judge


def judge_badly(answer: Answer, attempted: bool) -> Verdict:
    return Verdict.BATCH_REFUSED if answer.status == code.ALREADY_EXISTS else judge(answer, attempted)


table_writer.judge = judge_badly

"""Takes ALREADY_EXISTS for a failure, and sends the rows again without their offset."""

from __future__ import annotations

from collections.abc import Callable

from google.rpc import code_pb2 as code

from headrace.bigquery.append_result import Answer
from headrace.bigquery.write_streams import Rows, WriteStreams

_append = WriteStreams.append


def append_regardless(
    self: WriteStreams, stream: str, offset: int | None, rows: Rows, meanwhile: Callable[[], object] = lambda: None
) -> Answer:
    answer = _append(self, stream, offset, rows, meanwhile)
    return _append(self, stream, None, rows) if answer.status == code.ALREADY_EXISTS else answer


WriteStreams.append = append_regardless  # type: ignore[method-assign]

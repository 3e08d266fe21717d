"""Connections of a step that appends end with its bundle, and with the step when a bundle failed."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pyarrow as pa
import pytest

from headrace.beam import append_dofn as module
from headrace.beam.append_dofn import AppendDoFn
from headrace.bigquery.append_result import Answer
from headrace.bigquery.write_streams import Rows
from tests.faults.scripted_memory import a_scripted_memory
from tests.support.shard_state import TABLE


@pytest.mark.parametrize("end", [AppendDoFn.finish_bundle, AppendDoFn.teardown])
def test_no_connection_outlives_the_bundle_or_the_step(
    end: Callable[[AppendDoFn], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_scripted_memory() as (_, _, client):
        monkeypatch.setattr(module, "open_write", lambda project: client)
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "127.0.0.1:1")  # nothing is asked
        before = set(threading.enumerate())
        step = AppendDoFn("p")
        step.setup()
        step.start_bundle()
        answers = [step._streams.append(step._streams.create(TABLE), 0, Rows.of(rows(1))) for _ in range(2)]
        reading = [each for each in set(threading.enumerate()) - before if each.name == "append-answers"]

        end(step)

        assert answers == [Answer(), Answer()]
        assert len(reading) == 2
        for thread in reading:
            thread.join(10)
        assert not any(thread.is_alive() for thread in reading)


def rows(*values: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"value": list(values)})

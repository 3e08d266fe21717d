"""Witnesses: a few recently written rows that show later whether the table still has them."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable
from typing import Final

import pyarrow as pa

from headrace.bigquery.table_identity import Witness
from headrace.schemas.envelope import to_micros

KEPT: Final = 8
EVERY_SECONDS: Final = 10.0  # between two witnesses, so that commits do not make the journal grow without need


class Witnesses:
    """The last witnesses, stored as one text in the journal; *clock* is monotonic."""

    def __init__(self, text: str | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._kept = deque(parse_witnesses(text), KEPT)
        self._clock = clock
        self._next = 0.0

    def offer(self, rows: pa.RecordBatch) -> str | None:
        """Return the text to commit with *rows* if a new witness is due, else None."""
        if self._clock() < self._next or not rows.num_rows:
            return None
        self._next = self._clock() + EVERY_SECONDS
        moment = to_micros(rows.column("_event_time")[0].as_py())
        self._kept.append(Witness(rows.column("_event_id")[0].as_py(), moment))
        return json.dumps(list(self._kept))


def parse_witnesses(text: str | None) -> list[Witness]:
    """Return the witnesses in their stored text; an absent text has none."""
    return [] if text is None else [Witness(*each) for each in json.loads(text)]

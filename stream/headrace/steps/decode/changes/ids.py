"""Ids of change events: derived from the position of the change and the key of the row."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pyarrow as pa

from headrace.schemas.registry import Contract
from headrace.steps.decode.changes.envelope import DERIVED
from headrace.steps.decode.derived_ids import derived_names, text_of_each, uuid_texts


class ChangeIds:
    """The ids of one contract's change events. A position alone is no id: rows of one statement share it."""

    def __init__(self, contract: Contract, key: Sequence[str]) -> None:
        known = {field.name: field for field in contract.record.fields}
        self._fields = [known[name] for name in key]
        self._subject = contract.subject

    def settle(self, rows: pa.RecordBatch, given: list[str]) -> tuple[list[str], dict[int, str]]:
        """Return the id of each of *rows*; no row is refused. Ids that do not name a position stay as they are."""
        places = [place for place, each in enumerate(given) if each.startswith(DERIVED)]
        if not places:
            return given, {}
        begun = [json.dumps([self._subject, given[place]], separators=(",", ":"))[:-1] for place in places]
        changes = rows.take(pa.array(places, pa.int64()))
        ids = text_of_each(uuid_texts(derived_names(pa.array(begun), self._fields, changes)))
        settled = dict(zip(places, ids, strict=True))
        return [settled.get(place, each) for place, each in enumerate(given)], {}

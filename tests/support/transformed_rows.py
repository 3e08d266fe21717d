"""Events of two fields on their way through a contract's transformations, and the rows that come out."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

from headrace.core.message import Message
from headrace.core.tally import add_up
from headrace.engine.prepare import Preparation, Prepared
from headrace.schemas.registry import Contract, Registry
from headrace.steps.mask.tokens import TokenKey
from tests.support.builders import MOMENT, a_contract, an_envelope, encode

MINUTE = timedelta(minutes=1)
KEY = bytes(range(32))
FIELDS = [("size", ["null", "int"], {"default": None}), ("city", "string")]


def things(**annotations: Any) -> Contract:
    """A contract of a ``size`` that may be null and a ``city``."""
    return a_contract(*FIELDS, **annotations)


def messages(contract: Contract, *events: tuple[int | None, str]) -> list[Message]:
    """A message for each size and city, with ids ``event-0`` and so on."""
    envelope = an_envelope(schema=contract.ref, event_time=MOMENT)
    return [
        Message(
            contract.subject,
            encode(contract, {"size": size, "city": city, "at": MOMENT}),
            envelope.to_attributes() | {"ce-id": f"event-{index}"},
            str(index),
            int(MOMENT.timestamp() * 1e6),
        )
        for index, (size, city) in enumerate(events)
    ]


def prepared(contract: Contract, *events: tuple[int | None, str]) -> Prepared:
    """What the embedded engine makes of these events."""
    registry = Registry({contract.ref: contract})
    return Preparation(registry, contract.subject, MINUTE, TokenKey(KEY)).prepare(messages(contract, *events), 0)


def rows(done: Prepared, *columns: str) -> list[Any]:
    """The values of these columns in rows to write."""
    if done.batch is None:
        return []
    return [tuple(row[name] for name in columns) for row in done.batch.rows.select(list(columns)).to_pylist()]


def counts(done: Prepared) -> Counter[str]:
    """Tallied events by reason, or else by outcome."""
    found: Counter[str] = Counter()
    for line in add_up(done.tallies).counts.to_pylist() if done.tallies else []:
        found[line["reason"] or line["outcome"]] += line["events"]
    return found

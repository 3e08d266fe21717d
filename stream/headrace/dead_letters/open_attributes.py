"""Attributes that may be shown: those that go into columns without a mask, or that only say how to read a message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from headrace.schemas.message_rules.envelope import (
    REVISION_ATTRIBUTE,
    AttributesId,
    EnvelopeRules,
    VersionAttribute,
)
from headrace.schemas.message_rules.event_time import AttributeTime, EventTimeRule, FieldTime
from headrace.schemas.registry import Contract

_NATIVE: Final = ("ce-", "content-type", "traceparent")  # without personal data, by design of Headrace's own envelope
_PLAIN: Final = frozenset(
    {
        *("ce-specversion", "ce-type", "ce-time", "ce-dataschema", "ce-datacontenttype"),
        *("content-type", "content-encoding", "traceparent", "ce-traceparent", REVISION_ATTRIBUTE),
    }
)


def open_attributes(newest: Contract | None, names: Iterable[str]) -> frozenset[str]:
    """Return those of *names* whose values may be shown.

    *newest* is the contract that declares how the message is read; without it, the envelope is Headrace's own.
    """
    if newest is None:
        return frozenset(name for name in names if name.startswith(_NATIVE))
    known = _PLAIN | {*_named(newest)}
    return frozenset(name for name in names if _plain(name) in known or name in known)


def _plain(name: str) -> str:
    lower = name.lower()
    return f"ce-{lower[3:]}" if lower.startswith("ce_") else lower


def _named(newest: Contract) -> Iterator[str]:
    options = newest.options
    rules = options.envelope
    yield from _of_id(rules)
    if isinstance(rules.version, VersionAttribute):
        yield rules.version.name
    if rules.source_attribute is not None:
        yield rules.source_attribute
    elif not rules.source:
        yield "ce-source"
    yield from (each.id_attribute for each in options.encodings if each.id_attribute is not None)
    yield from _of_time(options.event_time)


def _of_id(rules: EnvelopeRules) -> Iterator[str]:
    if rules.id is None and rules.changes is None:
        yield "ce-id"
    elif isinstance(rules.id, AttributesId):
        yield from rules.id.names


def _of_time(rule: EventTimeRule | None) -> Iterator[str]:
    if isinstance(rule, AttributeTime):
        yield rule.name
    if isinstance(rule, AttributeTime | FieldTime):
        yield from _of_time(rule.fallback)

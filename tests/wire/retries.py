"""Test vectors of retries: what may change, and what makes another event of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tests.wire.contracts import schema_of
from tests.wire.datum import block, fields_of, sized, varint
from tests.wire.envelopes import DEFAULTS, HALF, PARCEL, SUBJECT
from tests.wire.messages import Vector, a_conflict, a_duplicate, a_row

_VALUES: Final = PARCEL | {"at": HALF}
_BACKWARDS: Final = PARCEL["labels"][::-1]


def in_blocks(with_size: bool) -> bytes:
    """The parcel with an array and a map of several blocks, each with its size in bytes or without."""
    fields = fields_of(schema_of(SUBJECT, 1), _VALUES)
    labels = [
        block(sized(each["key"].encode()) + sized(each["value"].encode()), with_size=with_size)
        for each in PARCEL["labels"]
    ]
    first, *others = (varint(int(each)) for each in PARCEL["stops"])
    stops = [block(first, with_size=with_size), block(*others, with_size=with_size)]
    return b"".join(
        (fields["parcel"], fields["courier"], *labels, varint(0), *stops, varint(0), fields["at"]),
    )


def vectors_of_retries() -> Iterator[Vector]:
    """Yield a first message, its retries, and other events under its id."""
    first = a_row("retry-first", "The first message of an event that comes again.", SUBJECT, _VALUES | DEFAULTS)
    yield first
    yield a_duplicate(first, "retry-same", "The same bytes and attributes.")
    yield a_duplicate(
        first, "retry-map-order", "The entries of a map in another order.", written={"labels": _BACKWARDS}
    )
    yield a_duplicate(
        first, "retry-blocks", "An array and a map in several blocks.", payload=in_blocks(with_size=False)
    )
    yield a_duplicate(
        first, "retry-sized-blocks", "Several blocks that give their size in bytes.", payload=in_blocks(with_size=True)
    )
    upper = {"courier": PARCEL["courier"].upper()}
    yield a_duplicate(first, "retry-upper-uuid", "A UUID in upper case.", written=upper)
    yield a_duplicate(
        first, "retry-newer-version", "A newer version, whose new fields are at their defaults.", version=2
    )
    yield a_duplicate(
        first,
        "retry-other-attributes",
        "Another source, another form of the same time, and other attributes.",
        ce_source="/wire/retry",
        ce_time="2026-03-14T16:09:26.500+01:00",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01",
    )
    yield a_conflict(first, "conflict-value", "Another value of a field.", written={"stops": ["1", "2"]})
    yield a_conflict(
        first, "conflict-array-order", "The items of an array in another order.", written={"stops": ["3", "2", "1"]}
    )
    yield a_conflict(
        first,
        "conflict-newer-version",
        "A newer version, and a new field is not at its default.",
        written={"priority": "6"},
        version=2,
    )
    yield a_conflict(
        first,
        "conflict-time",
        "Another event time, in the field and in ce-time.",
        written={"at": "2026-03-14T15:09:27Z"},
    )
    newest = a_row(
        "newest-version",
        "A message of the newest version.",
        SUBJECT,
        _VALUES | {"gate": "B7", "priority": "1"},
        version=2,
    )
    yield newest
    yield a_duplicate(newest, "newest-version-again", "The same message again.")
    blocks = a_row(
        "first-in-blocks",
        "The first message may have several blocks, too.",
        SUBJECT,
        _VALUES | DEFAULTS,
        payload=in_blocks(True),
    )
    yield blocks
    yield a_duplicate(blocks, "first-in-blocks-again", "The retry has one block.")
